"""The SDK's three doors: each alone, all at once, and what they do to an application that did nothing wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit.errors import ConfigurationError, SpoolError
from otel_audit.sdk.exporter import AuditSpanExporter
from otel_audit.spool import Slot
from processes.running import all_but
from sdk.written import rows


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture
def provider():
    made = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    yield made
    made.shutdown()


def call(provider: TracerProvider, path: str = "/orders/1") -> None:
    span = provider.get_tracer("web").start_span(
        "GET",
        kind=SpanKind.SERVER,
        attributes={"http.request.method": "GET", "url.path": path, "http.response.status_code": 200},
    )
    span.end()


def test_the_processor_writes_each_span_once(provider, places):
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    for number in range(100):
        call(provider, f"/orders/{number}")
    assert provider.force_flush()
    assert sorted(row["requestPath"] for row in rows(places, "requestPath")) == sorted(
        f"/orders/{n}" for n in range(100)
    )


def test_all_doors_at_once_give_one_record_a_span(provider, places, monkeypatch):
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", places["destination"])
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", places["spool"])
    provider.add_span_processor(otel_audit.AuditSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(AuditSpanExporter()))
    provider.add_span_processor(SimpleSpanProcessor(AuditSpanExporter()))
    otel_audit.install(provider=provider)
    for _ in range(50):
        call(provider)
    provider.shutdown()
    found = rows(places, "recordId", "sequence", "writer")
    assert len(found) == 50
    assert sorted(row["sequence"] for row in found) == list(range(1, 51))
    assert len({row["writer"] for row in found}) == 1, "one pipeline for one configuration"


def test_two_configurations_each_get_every_span(provider, places, tmp_path):
    other = {"destination": str(tmp_path / "other"), "spool": str(tmp_path / "other-spool")}
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**other))
    call(provider)
    provider.shutdown()
    assert len(rows(places)) == len(rows(other)) == 1


def test_the_exporter_takes_what_no_processor_has_taken(provider, places, monkeypatch):
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", places["destination"])
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", places["spool"])
    provider.add_span_processor(BatchSpanProcessor(AuditSpanExporter()))
    call(provider)
    provider.shutdown()
    assert len(rows(places)) == 1


def test_the_entry_point_names_the_exporter():
    from importlib.metadata import entry_points

    (found,) = entry_points(group="opentelemetry_traces_exporter", name="otel_audit")
    assert found.load() is AuditSpanExporter


def test_options_of_a_declarative_configuration_are_settings(tmp_path):
    exporter = AuditSpanExporter(
        destination=str(tmp_path / "log"), spool=str(tmp_path / "spool"), rotation={"max_age": "5m"}
    )
    assert exporter._recorder is not None
    assert exporter._recorder.settings.rotation.max_age == 300
    exporter.shutdown()


def test_a_recorded_but_unsampled_span_is_audited(places):
    class RecordOnly(Sampler):
        def should_sample(
            self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None
        ):
            return SamplingResult(Decision.RECORD_ONLY, attributes)

        def get_description(self):
            return "record only"

    provider = TracerProvider(sampler=RecordOnly(), shutdown_on_exit=False)
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    call(provider)
    provider.shutdown()
    assert [row["sampled"] for row in rows(places, "sampled")] == [False]


def test_nothing_recorded_makes_no_file(places):
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    call(provider)
    provider.shutdown()
    assert not Path(places["destination"]).exists()
    assert not Path(places["spool"]).exists()


def test_install_needs_a_provider_and_never_sets_one_behind_the_back(places):
    log, spool = places["destination"], places["spool"]
    program = (
        "import otel_audit\nfrom opentelemetry import trace\n"
        f"try: otel_audit.install({log!r}, spool={spool!r})\n"
        "except otel_audit.ConfigurationError as error: print(error)\n"
        "print(type(trace.get_tracer_provider()).__name__)\n"
        f"with otel_audit.install({log!r}, spool={spool!r}, create_provider=True) as made:\n"
        "    print(trace.get_tracer_provider() is made.provider)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert "create_provider=True" in said[0]
    assert said[1] == "ProxyTracerProvider"
    assert said[2] == "True"


def test_uninstall_takes_the_processor_off(provider, places):
    with otel_audit.install(provider=provider, **places):
        call(provider)
    call(provider)
    assert len(rows(places)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"destination": "gs://user:hunter2@bucket/x"}, "credential"),
        ({"destination": "ftp://host/x"}, "ftp"),
        ({"destination": "x", "mask": {"rules": [{"field": "request", "operator": "hash"}]}}, "32 bytes"),
        ({"destination": "x", "mask": {"key": "tooshort"}}, "32 bytes"),
        (
            {
                "destination": "x",
                "mask": {"rules": [{"field": "request", "operator": "keep", "entity": "NOPE"}]},
            },
            "entity",
        ),
        ({"destination": "x", "identity": {"fields": ["shoe-size"]}}, "identity.fields"),
        ({"destination": "x", "streams": {"platform": {"format": "parquet", "compression": "gzip"}}}, "gzip"),
        ({}, "OTEL_AUDIT_DESTINATION"),
    ],
)
def test_what_is_wrong_is_said_at_start(arguments, said, monkeypatch):
    monkeypatch.delenv("OTEL_AUDIT_DESTINATION", raising=False)
    with pytest.raises(ConfigurationError) as refused:
        otel_audit.AuditSpanProcessor(**arguments)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "tooshort" not in str(refused.value)


def test_preflight_tries_the_destination_at_start(places, tmp_path):
    (tmp_path / "a-file").touch()
    with pytest.raises(ConfigurationError, match="does not take records"):
        otel_audit.AuditSpanProcessor(
            destination=str(tmp_path / "a-file"), spool=places["spool"], preflight=True
        )
    otel_audit.AuditSpanProcessor(preflight=True, **places).shutdown()
    assert [path for path in Path(places["destination"]).rglob("*") if path.is_file()] == [], (
        "the probe is gone"
    )


def test_a_span_that_breaks_every_rule_never_raises(places):
    processor = otel_audit.AuditSpanProcessor(**places)
    processor.on_end(object())  # type: ignore[arg-type]
    processor.shutdown()


@pytest.mark.parametrize("on_error", ["exit", "warn"])
def test_a_wrong_configuration_of_the_exporter_ends_the_process_or_warns(on_error, tmp_path):
    environment = os.environ | {
        "OTEL_AUDIT_DESTINATION": "gs://user:hunter2@bucket/x",
        "OTEL_AUDIT_ON_ERROR": on_error,
        "OTEL_TRACES_EXPORTER": "otel_audit",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": all_but("requests"),
    }
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    done = subprocess.run(
        [instrument, sys.executable, "-c", "print('the application ran')"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("the application ran" in done.stdout) == (on_error == "warn")
    assert (done.returncode == 0) == (on_error == "warn")
    assert "hunter2" not in done.stdout + done.stderr
    assert "credential" in done.stderr


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_writes_through_a_slot_of_its_own(provider, places):
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    call(provider, "/parent")
    assert provider.force_flush()
    pid = os.fork()
    if pid == 0:
        call(provider, "/child")
        os._exit(0 if provider.force_flush() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    call(provider, "/parent-again")
    assert provider.force_flush()
    found = rows(places, "requestPath", "writer")
    assert sorted(row["requestPath"] for row in found) == ["/child", "/parent", "/parent-again"]
    assert len({row["writer"] for row in found}) == 2


def test_the_next_process_ships_what_a_killed_one_left(places):
    log, spool = places["destination"], places["spool"]
    begin = (
        "import os, otel_audit\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.trace import SpanKind\n"
        "provider = TracerProvider()\n"
        f"processor = otel_audit.AuditSpanProcessor(destination={log!r}, spool={spool!r})\n"
        "provider.add_span_processor(processor)\n"
        "def call(path):\n"
        "    attributes = {'http.request.method': 'GET', 'url.path': path}\n"
        "    provider.get_tracer('web').start_span('GET', kind=SpanKind.SERVER, attributes=attributes).end()\n"
    )
    durable_then_dead = "processor._recorder._queue.flush(60)\nos.kill(os.getpid(), 9)"
    first = f"{begin}for path in '/1', '/2', '/3': call(path)\n{durable_then_dead}"
    second = f"{begin}call('/4')\nprovider.shutdown()"
    killed = subprocess.run([sys.executable, "-c", first], check=False)
    assert killed.returncode == -9
    assert rows(places) == [], "nothing was shipped before the kill"
    subprocess.run([sys.executable, "-c", second], check=True)
    found = sorted((row["sequence"], row["requestPath"]) for row in rows(places, "sequence", "requestPath"))
    assert found[:4] == [(1, "/1"), (2, "/2"), (3, "/3"), (5, "/4")], "4 is the audit.start of the killed one"
    (gap,) = (row for row in rows(places, "sequence", "attributes") if row["sequence"] == 6)
    assert '"unclean-end"' in gap["attributes"], "what the dead one held in memory nobody knows"


def test_a_full_queue_is_a_gap_record(provider, places):
    processor = otel_audit.AuditSpanProcessor(delivery="best-effort", queue_max_records=1, **places)
    provider.add_span_processor(processor)
    for _ in range(500):
        call(provider)
    provider.force_flush()
    call(provider)
    provider.shutdown()
    found = rows(places, "eventName", "attributes")
    lost = sum(
        __import__("json").loads(row["attributes"])["audit.gap.count"]
        for row in found
        if row["eventName"] == "audit.gap"
    )
    written = sum(row["eventName"] == "http.server" for row in found)
    assert lost > 0
    assert lost + written == 501


@pytest.mark.parametrize(
    "error", [SpoolError("the disk refused"), ZeroDivisionError()], ids=["refused", "defect"]
)
def test_a_disk_that_fails_at_the_end_does_not_raise_into_the_application(
    provider, places, monkeypatch, error
):
    provider.add_span_processor(otel_audit.AuditSpanProcessor(**places))
    call(provider)
    assert provider.force_flush()

    def fail(self):
        raise error

    monkeypatch.setattr(Slot, "close", fail)
    provider.shutdown()
    assert len(rows(places)) == 1
