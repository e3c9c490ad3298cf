"""``@audited``: who, on what, whether it worked and how long it took; and never a reason why it does not work."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import events
from otel_audit.errors import ConfigurationError, InputError, NotDurable, SpoolFull
from otel_audit.sdk import audited_call
from otel_audit.spool import StreamWriter
from sdk.written import rows


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture
def log(places: dict[str, str]) -> Iterator[otel_audit.Installation]:
    with otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places) as installation:
        yield installation


class Refused(RuntimeError):
    """An error of an application."""


@otel_audit.audited(event_name=events.MODEL_UPDATE, target="name", actor=lambda name, by: by)
def update(name: str, by: str) -> str:
    """Change a model."""
    if name == "frozen":
        raise Refused("frozen by jo@example.com")
    return name.upper()


def found(log: otel_audit.Installation, places: dict[str, str]) -> list[dict[str, Any]]:
    assert log.flush()
    return sorted(rows(places), key=lambda row: row["sequence"])  # type: ignore[arg-type, return-value]


def test_success_is_recorded_with_who_what_and_how_long(log, places):
    assert update("churn", by="u8472") == "CHURN"
    (row,) = found(log, places)
    assert (row["eventName"], row["action"], row["outcome"]) == ("model.update", "UPDATE", "success")
    assert row["target"] == {"type": "model", "id": "churn"}
    assert (row["user"]["id"], row["user"]["assurance"]) == ("u8472", "verified")
    assert 0 < row["durationNs"] < 10**9
    assert row["errorCode"] is None


def test_failure_is_recorded_and_goes_on_unchanged(log, places):
    with pytest.raises(Refused, match=r"^frozen by jo@example\.com$"):
        update("frozen", "u1")
    (row,) = found(log, places)
    assert row["outcome"] == "failure"
    assert row["errorCode"] == f"{__name__}.Refused"
    assert row["errorMessage"] == "frozen by [EMAIL]"


def test_it_is_the_same_function_to_everybody_else():
    assert update.__doc__ == "Change a model."
    assert list(inspect.signature(update).parameters) == ["name", "by"]


def test_a_method_a_default_and_a_constant(log, places):
    class Registry:
        @otel_audit.audited(
            action="DEPLOY", target="version", target_type="model", attributes={"ticket": "CHG-1"}
        )
        def deploy(self, name: str, version: int = 3) -> None: ...

        @otel_audit.audited(event_name="registry.clear", action="DELETE", target="everything")
        def clear(self) -> None: ...

        @otel_audit.audited(action="READ", target=lambda self, name: f"{name}/latest")
        def read(self, name: str) -> None: ...

    Registry().deploy("churn")
    Registry().clear()
    Registry().read(name="churn")
    deploy, clear, read = found(log, places)
    assert (deploy["eventName"], deploy["target"]) == ("model.deploy", {"type": "model", "id": "3"})
    assert '"ticket":"CHG-1"' in deploy["attributes"]
    assert (clear["eventName"], clear["target"]["id"]) == ("registry.clear", "everything")
    assert (read["eventName"], read["target"]["id"]) == ("function.read", "churn/latest")
    assert {row["user"]["type"] for row in (deploy, clear, read)} <= {"user", "unknown"}
    assert {row["user"]["assurance"] for row in (deploy, clear, read)} == {"none"}, "nobody is known"


def test_whoever_logs_in_during_the_call_is_who_did_it(log, places):
    tracer = log.provider.get_tracer("web")

    @otel_audit.audited(event_name=events.LOGIN)
    def login() -> None:
        otel_audit.set_user("u8472")

    with tracer.start_as_current_span("GET /login"):
        login()
    (row,) = [row for row in found(log, places) if row["eventName"] == "user.login"]
    assert row["user"]["id"] == "u8472"
    assert row["traceId"]


def test_a_coroutine_ends_with_its_await(log, places):
    @otel_audit.audited(event_name=events.WORKFLOW_RUN, target="name")
    async def run(name: str) -> str:
        await asyncio.sleep(0)
        if name == "bad":
            raise Refused("no")
        return name

    async def all_of_them() -> None:
        assert await run("good") == "good"
        with pytest.raises(Refused):
            await run("bad")
        waits = asyncio.Event()

        @otel_audit.audited(event_name=events.WORKFLOW_RUN, target="long")
        async def long() -> None:
            waits.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(long())
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert inspect.iscoroutinefunction(run)
    asyncio.run(all_of_them())
    told = [(row["target"]["id"], row["outcome"], row["errorCode"]) for row in found(log, places)]
    assert told == [
        ("good", "success", None),
        ("bad", "failure", f"{__name__}.Refused"),
        ("long", "unknown", "asyncio.exceptions.CancelledError"),
    ]


def test_generators_last_until_they_are_done_or_closed(log, places):
    @otel_audit.audited(event_name=events.DATASET_EXPORT, target="what")
    def export(what: str) -> Any:
        got = yield 1
        yield got
        return "done"

    @otel_audit.audited(event_name=events.DATASET_EXPORT, target="what")
    async def stream(what: str) -> AsyncIterator[int]:
        yield 1
        yield 2

    async def read() -> list[int]:
        return [item async for item in stream("streamed")]

    whole = export("whole")
    assert (next(whole), whole.send("sent")) == (1, "sent")
    assert found(log, places) == [], "not before its end"
    with pytest.raises(StopIteration) as stopped:
        next(whole)
    assert stopped.value.value == "done"
    part = export("part")
    next(part)
    part.close()
    assert asyncio.run(read()) == [1, 2]
    told = {row["target"]["id"]: row["outcome"] for row in found(log, places)}
    assert told == {"whole": "success", "part": "unknown", "streamed": "success"}


def test_what_an_application_says_wrongly_costs_it_the_field_only(log, places, caplog):
    def broken(*_: object) -> str:
        raise ZeroDivisionError("u8472's balance")

    @otel_audit.audited(action="READ", target=broken, actor=broken, attributes=broken)
    def read(_: int) -> int:
        return 7

    assert read(1) == 7
    with pytest.raises(TypeError):
        read()
    first, second = found(log, places)
    assert (first["outcome"], first["target"], second["outcome"]) == ("success", None, "failure")
    assert "ZeroDivisionError" in caplog.text
    assert "balance" not in caplog.text


def test_without_a_log_it_runs_unless_it_is_required(monkeypatch, caplog):
    monkeypatch.setattr(audited_call._Unconfigured, "at_s", float("-inf"))
    for name in ("OTEL_AUDIT_DESTINATION", "OTEL_AUDIT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    called = []

    @otel_audit.audited(action="READ", required=True)
    def must() -> None:
        called.append(1)

    assert update("churn", "u1") == "CHURN"
    assert "not audited" in caplog.text
    with pytest.raises(ConfigurationError, match="OTEL_AUDIT_DESTINATION"):
        must()
    assert called == [], "it must not happen un-audited"


@pytest.mark.parametrize("is_async", [False, True])
def test_required_is_durable_or_an_error(log, places, monkeypatch, is_async):
    monkeypatch.setattr(audited_call, "DEFAULT_TIMEOUT_S", 0.3)

    @otel_audit.audited(action="DELETE", target="what", required=True)
    def delete(what: str) -> str:
        if what == "bad":
            raise Refused("no")
        return what

    @otel_audit.audited(action="DELETE", target="what", required=True)
    async def delete_async(what: str) -> str:
        if what == "bad":
            raise Refused("no")
        return what

    def act(what: str) -> str:
        return asyncio.run(delete_async(what)) if is_async else delete(what)

    def refuse(self: StreamWriter) -> None:
        raise SpoolFull("a bound of the spool is reached")

    assert act("one") == "one"
    with monkeypatch.context() as patched:
        patched.setattr(StreamWriter, "sync", refuse)
        with pytest.raises(NotDurable):
            act("two")
        with pytest.raises(Refused):
            act("bad")
    told = {row["target"]["id"]: row["outcome"] for row in found(log, places)}
    assert told == {"one": "success", "two": "success", "bad": "failure"}, "it follows"


def test_in_strict_delivery_it_is_durable_when_the_caller_goes_on(places):
    with otel_audit.install(
        provider=TracerProvider(shutdown_on_exit=False), delivery="strict", **places
    ) as installation:
        update("churn", "u1")
        assert installation.health().waiting_in_memory == 0
        assert list(Path(places["spool"]).rglob("*.seg")), "it is on the disk"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"action": "read"}, {"action": "READ", "event_name": "audit.gap"}, {"event_name": "one"}],
    ids=str,
)
def test_a_wrong_decoration_is_an_error_at_once(wrong):
    with pytest.raises(InputError):
        otel_audit.audited(**wrong)(lambda: None)
