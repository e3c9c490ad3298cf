"""What running processes make of the registry, judged by the files that they write."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import http_attributes, url_attributes
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit import models
from otel_audit.errors import Blocked, ConfigurationError, InputError, Retry
from otel_audit.registry.changes import deploy, register, set_pii
from otel_audit.registry.known import KnownModels
from otel_audit.registry.options import RegistryOptions
from otel_audit.registry.registry import Registry
from otel_audit.registry.remembered import Reading, Remembered
from otel_audit.registry.versions import Actor
from otel_audit.store.local import LocalStore
from otel_audit.store.open import open_store
from sdk.written import rows

CHURN = "/v1/models/churn:predict"
PLANTED = "q=planted"


class App:
    """A process that records, and what it wrote."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.places = {"destination": str(folder / "log"), "spool": str(folder / "spool")}
        self._settings = settings
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.installation = otel_audit.install(provider=self.provider, **self.places, **settings)

    def request(self, path: str = CHURN) -> bool:
        """Serve one request. Returns whether its input was withheld."""
        attributes = {
            http_attributes.HTTP_REQUEST_METHOD: "POST",
            http_attributes.HTTP_ROUTE: path,
            url_attributes.URL_PATH: path,
            url_attributes.URL_QUERY: PLANTED,
        }
        return self._withheld("POST", SpanKind.SERVER, attributes, "requestQuery")

    def chat(self, model: str) -> bool:
        """Call a model. Returns whether its input was withheld."""
        messages = [{"role": "user", "parts": [{"type": "text", "content": "planted"}]}]
        attributes = {
            gen_ai.GEN_AI_OPERATION_NAME: "chat",
            gen_ai.GEN_AI_PROVIDER_NAME: "openai",
            gen_ai.GEN_AI_REQUEST_MODEL: model,
            "gen_ai.input.messages": json.dumps(messages),
        }
        return self._withheld(f"chat {model}", SpanKind.CLIENT, attributes, "request")

    def _withheld(self, name: str, kind: SpanKind, attributes: dict[str, str], field: str) -> bool:
        with self.provider.get_tracer("app").start_as_current_span(
            name, kind=kind, attributes=attributes
        ) as span:
            trace_id = f"{span.get_span_context().trace_id:032x}"
        assert self.installation.flush()
        (row,) = [row for row in rows(self.places) if row["traceId"] == trace_id]
        assert (row[field] is None) == ("planted" not in json.dumps(row, default=str))
        return row[field] is None

    def close(self) -> None:
        self.installation.uninstall()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # What is registered before anything is recorded goes where the environment says.
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", str(tmp_path / "spool"))
    return tmp_path


@pytest.fixture
def app(folder: Path) -> Iterator[App]:
    app = App(folder)
    yield app
    app.close()


def elsewhere(folder: Path, *decisions: Any) -> None:
    """Somebody else changes the registry."""
    store = open_store(str(folder / "log"))
    for decision in decisions:
        Registry(store).change(decision, Actor("ops"))
    store.close()


def test_an_endpoint_keeps_the_tag_that_it_was_deployed_with(app: App) -> None:
    model = models.register("churn", version="3", endpoint=CHURN)
    assert (model.name, model.version, model.endpoint, model.pii) == ("churn", "3", CHURN, False)
    model.deploy()
    assert not app.request()
    model.set_pii(True)
    assert not app.request()
    model.deploy()
    assert app.request()
    assert app.chat("churn")
    model.set_pii(False)
    assert app.request()
    model.deploy()
    assert not app.request()


def test_what_was_never_deployed_follows_its_registration_at_once(app: App) -> None:
    assert not app.chat("gpt-4o")
    otel_audit.models.register("gpt-4o").set_pii(True)
    assert app.chat("gpt-4o-2024-08-06")
    assert not app.chat("other")


def test_a_registered_endpoint_is_a_model(app: App) -> None:
    models.register("churn", version="3", endpoint=CHURN, pii=True)
    app.request()
    (row,) = [row for row in rows(app.places) if row["eventName"] == "http.server"]
    assert row["stream"] == "model-io"
    assert row["modelInfo"]["modelName"] == "churn"
    assert row["modelInfo"]["modelVersion"] == "3"
    assert row["modelInfo"]["pii"] is True


def test_every_change_is_a_record(app: App) -> None:
    model = models.register("churn", version="3", endpoint=CHURN, actor_id="u1")
    model.set_pii(True, actor_id="u2")
    model.set_pii(True, actor_id="u2")
    model.deploy(actor_id="deployer", actor_type="service")
    models.register("churn", version="3", endpoint=CHURN)
    assert app.installation.flush()
    found = [row for row in rows(app.places) if row["eventName"] == "audit.model.tag"]
    found.sort(key=lambda row: row["timeUnixNano"])
    assert [(row["action"], row["user"]["id"], row["user"]["type"]) for row in found] == [
        ("REGISTER", "u1", "user"),
        ("UPDATE", "u2", "user"),
        ("DEPLOY", "deployer", "service"),
    ]
    assert {(row["target"]["type"], row["target"]["id"], row["outcome"]) for row in found} == {
        ("model", "churn", "success")
    }
    assert {row["user"]["assurance"] for row in found} == {"verified"}
    assert json.loads(found[1]["changes"]) == [{"path": "pii", "before": False, "after": True}]
    assert {"path": "deployed.pii", "before": None, "after": True} in json.loads(found[2]["changes"])
    attributes = json.loads(found[2]["attributes"])
    assert attributes["audit.model.registry.number"] == 3
    assert {row["stream"] for row in found} == {"platform"}


def test_a_change_within_a_tagged_call_is_told_in_full(app: App) -> None:
    model = models.register("churn", endpoint=CHURN, pii=True)
    tracer = app.provider.get_tracer("app")
    with tracer.start_as_current_span("POST", kind=SpanKind.SERVER, attributes={"http.route": CHURN}):
        model.set_pii(False)
    assert app.installation.flush()
    last = max(
        (row for row in rows(app.places) if row["eventName"] == "audit.model.tag"),
        key=lambda row: row["timeUnixNano"],
    )
    assert json.loads(last["changes"]) == [{"path": "pii", "before": True, "after": False}]


def test_others_go_by_it_from_their_next_start_or_when_they_are_told_to(app: App, folder: Path) -> None:
    assert not app.chat("gpt-4o")
    elsewhere(folder, register("gpt-4o", None, None), set_pii("gpt-4o", None, True))
    assert not app.chat("gpt-4o")
    models.refresh()
    assert app.chat("gpt-4o")
    app.close()
    other = App(folder)
    assert other.chat("gpt-4o")
    other.close()


@pytest.mark.parametrize(("trusted", "withheld"), [(False, True), (True, False)])
def test_a_configured_tag_is_taken_away_only_by_a_trusted_registry(
    folder: Path, trusted: bool, withheld: bool
) -> None:
    elsewhere(folder, register("gpt-4o", None, None), deploy("gpt-4o", None))
    entries = [{"name": "gpt-4o", "pii": True}]
    app = App(folder, models={"trust_registry": trusted, "entries": entries})
    assert app.chat("gpt-4o") is withheld
    app.close()


def test_a_registry_that_is_switched_off_is_not_read(folder: Path) -> None:
    elsewhere(folder, register("gpt-4o", None, None, True))
    app = App(folder, models={"registry": False})
    assert not app.chat("gpt-4o")
    with pytest.raises(ConfigurationError, match="registry is false"):
        models.register("gpt-4o")
    app.close()


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    real = LocalStore.read

    def read(self: LocalStore, path: str) -> bytes:
        if path.startswith("_audit/models/"):
            raise error
        return real(self, path)

    monkeypatch.setattr(LocalStore, "read", read)


def test_while_nothing_is_known_input_is_withheld_and_then_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        failing(patched, Retry("http-503"))
        app = App(folder)
        assert app.chat("gpt-4o")
        assert "cannot be read (http-503): inputs are withheld until it is" in caplog.text
        with pytest.raises(Retry):
            models.refresh()
    models.refresh()
    assert not app.chat("gpt-4o")
    app.close()


def test_the_state_that_was_read_last_holds_while_the_destination_is_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(folder, register("gpt-4o", None, None, True))
    app = App(folder)
    assert app.chat("gpt-4o")
    app.close()
    failing(monkeypatch, Retry("http-503"))
    app = App(folder)
    assert app.chat("gpt-4o")
    assert not app.chat("other")
    app.close()


def test_a_forked_child_goes_by_what_its_parent_knew(app: App, folder: Path) -> None:
    models.register("gpt-4o", pii=True)
    assert app.chat("gpt-4o")
    child = os.fork()
    if child == 0:
        try:
            os._exit(int(app.chat("gpt-4o") and not app.chat("other")) + 10)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 11
    assert app.chat("gpt-4o")


def test_where_reading_is_forbidden_the_configured_tags_hold(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, Blocked("http-403"))
    app = App(folder, models=[{"name": "gpt-4o", "pii": True}])
    assert app.chat("gpt-4o")
    assert not app.chat("other")
    assert "allow reading _audit/models/, or set models.registry = false" in caplog.text
    app.close()


def test_a_change_that_fails_is_a_record_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.chat("gpt-4o")
    with monkeypatch.context() as patched:
        failing(patched, Retry("http-503"))
        with pytest.raises(Retry):
            models.register("gpt-4o", actor_id="u1")
    assert app.installation.flush()
    (row,) = [row for row in rows(app.places) if row["eventName"] == "audit.model.tag"]
    assert (row["outcome"], row["action"], row["user"]["id"]) == ("failure", "REGISTER", "u1")
    assert json.loads(row["attributes"])["audit.model.failure"] == "http-503"


def test_where_no_thread_can_be_started_the_caller_does_the_work(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "otel-audit-models":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    models.register("gpt-4o", pii=True)
    assert app.chat("gpt-4o")


def test_what_is_no_name_is_an_error_at_once(app: App) -> None:
    with pytest.raises(InputError):
        models.register("")
    with pytest.raises(InputError, match="no such model"):
        models.get("churn")
    models.register("churn", version="1")
    models.register("churn", version="2")
    with pytest.raises(InputError, match="2 versions"):
        models.get("churn")
    assert models.get("churn", "2").version == "2"


def test_a_destination_that_answers_late_is_waited_for_in_our_thread(cloud: Any, tmp_path: Path) -> None:
    store = open_store(cloud.url)
    Registry(store).change(register("gpt-4o", None, None, True), Actor("ops"))
    store.close()
    before = threading.active_count()
    known = KnownModels(RegistryOptions(cloud.url, tmp_path / "models", first_wait_s=30.0))
    assert threading.active_count() == before
    assert not known.tags.is_read
    known.begin()
    assert [tag.name for tag in known.tags.tags] == ["gpt-4o"]
    assert known.tags.is_read
    known.close()
    # The next start on this machine knows it before it has read anything.
    (kept,) = (tmp_path / "models").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    again = KnownModels(RegistryOptions(cloud.url, tmp_path / "models", first_wait_s=0.0))
    again.begin()
    assert again.tags.is_read
    again.close()
    kept.write_bytes(b"damaged")
    assert Remembered(again.options).read() == Reading()
