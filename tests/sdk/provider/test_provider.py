"""A provider: what it gives out, what it refuses, and that nothing is lost quietly."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from click.testing import CliRunner
from opentelemetry import trace
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit import (
    AuditProvider,
    AuditRecord,
    AuditRecordProcessor,
    ConfigurationError,
    NotDurable,
    SimpleAuditRecordProcessor,
)
from otel_audit.cli.main import cli
from otel_audit.errors import InputError
from otel_audit.record.canonical import record_hashes
from otel_audit.sdk.provider import clock
from receive.certs import Authority
from receive.conftest import StartSink
from sdk.provider.conftest import QUICK, WHO, ScriptedSink, id_of, receipts

MUST = {
    "audit.actor.id": "u8472",
    "audit.actor.type": "user",
    "audit.action": "LOGIN",
    "audit.outcome": "success",
}


def provider_for(sink: ScriptedSink, *processors: AuditRecordProcessor, **arguments: Any) -> AuditProvider:
    return AuditProvider(SimpleAuditRecordProcessor(sink.exporter(), policy=QUICK), *processors, **arguments)


def attributes_of(record: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in record["attributes"]}


def test_a_record_is_emitted_to_a_real_sink_and_found_by_its_receipt(start_sink: StartSink) -> None:
    sink = start_sink()
    exporter = otel_audit.OTLPAuditExporter(f"{sink.http}/v1/audit")
    provider = AuditProvider(
        SimpleAuditRecordProcessor(exporter),
        resource=Resource({"service.name": "shop", "service.version": "2"}),
    )
    logger = provider.get_audit_logger("auth", "1.0", "https://example.com/schema")
    before = time.time_ns()
    receipt = logger.emit(
        "user.login", **WHO, target_id="7", target_type="account", source_id="203.0.113.7", body={"why": "it"}
    )
    assert before <= receipt.sink_timestamp <= time.time_ns()
    assert provider.shutdown()
    assert sink.stop()[0] == 0

    result = sink.records()
    (record,) = [one for one in result if one["recordId"] == receipt.record_id]
    assert uuid.UUID(receipt.record_id).version == 4
    assert (record["service"]["name"], record["target"]["id"]) == ("shop", "7")
    assert "scope" not in record
    (found,) = [
        each.as_py().hex()
        for file in Path(sink.folder, "log").rglob("*.parquet")
        for batch in pq.read_table(file, partitioning=None).to_batches()
        for row, each in zip(batch.to_pylist(), record_hashes(batch), strict=True)
        if row["recordId"] == receipt.record_id
    ]
    assert receipt.integrity_hash == f"sha256:{found}"


def test_what_is_sent_is_a_log_record_with_all_that_it_must_have(scripted: ScriptedSink) -> None:
    provider = provider_for(scripted, resource=Resource({"service.name": "shop"}))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    before = time.time_ns()
    with tracer.start_as_current_span("work") as span:
        provider.get_audit_logger("auth").emit("user.login", **WHO)
        context = span.get_span_context()
    (body,) = scripted.bodies
    (group,) = body["resourceLogs"]
    assert group["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "shop"}}]
    (leaf,) = group["scopeLogs"]
    assert leaf.keys() == {"logRecords"}, "the instrumentation scope is empty"
    (record,) = leaf["logRecords"]
    assert record["eventName"] == "user.login"
    assert before <= int(record["timeUnixNano"]) <= int(record["observedTimeUnixNano"]) <= time.time_ns()
    assert not {"severityNumber", "severityText"} & record.keys()
    assert (record["traceId"], record["spanId"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    attributes = attributes_of(record)
    assert MUST.items() <= attributes.items()
    assert uuid.UUID(attributes["audit.record.id"]).version == 4
    assert scripted.headers[0][":path"] == "/v1/audit"


def test_a_whole_record_keeps_its_id_and_times_over_retries(scripted: ScriptedSink) -> None:
    record = AuditRecord(
        "user.login", MUST | {"audit.record.id": "order 66"}, timestamp=time.time_ns() - 10, body="because"
    )
    logger = provider_for(scripted).get_audit_logger("auth")
    scripted.script += [(503, {}), (429, {"retry_after": 0})]
    assert logger.emit(record).record_id == "order 66"
    assert logger.emit(record).record_id == "order 66"
    assert [id_of(one) for (one,) in scripted.asked] == ["order 66"] * 4
    times = {(one["timeUnixNano"], one["observedTimeUnixNano"]) for (one,) in scripted.asked}
    assert len(times) == 1
    assert int(next(iter(times))[0]) == record.timestamp


@pytest.mark.parametrize("missing", sorted(MUST))
def test_what_is_missing_is_an_error_and_nothing_is_sent(scripted: ScriptedSink, missing: str) -> None:
    provider = provider_for(scripted)
    logger = provider.get_audit_logger("auth")
    for attributes in ({key: MUST[key] for key in MUST if key != missing}, MUST | {missing: ""}):
        with pytest.raises(InputError, match=missing):
            logger.emit(AuditRecord("user.login", attributes, timestamp=time.time_ns()))
    assert scripted.asked == []


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("", {}),
        ("login", {}),
        ("audit.gap", {}),
        ("user.login", {"timestamp": 0}),
        ("user.login", {"timestamp": time.time_ns() + 10**12}),
        ("user.login", {"timestamp": 5, "observed_timestamp": 4}),
    ],
)
def test_a_name_or_time_that_is_none_is_an_error(
    scripted: ScriptedSink, name: str, times: dict[str, int]
) -> None:
    logger = provider_for(scripted).get_audit_logger("auth")
    with pytest.raises(InputError):
        logger.emit(AuditRecord(name, MUST, **({"timestamp": time.time_ns()} | times)))
    with pytest.raises(InputError):
        logger.emit("user.login", actor_id="", outcome="success", action="LOGIN")
    assert scripted.asked == []


def test_there_is_no_way_to_sample_or_to_ask_whether_it_is_enabled(scripted: ScriptedSink) -> None:
    exporting = SimpleAuditRecordProcessor(scripted.exporter())
    for setting in ("sampler", "sampling_rate", "enabled", "filter"):
        with pytest.raises(ConfigurationError, match=setting):
            AuditProvider(exporting, **{setting: 1.0})
    logger = AuditProvider(exporting).get_audit_logger("auth")
    assert not [name for name in dir(logger) if "enabled" in name or "sampl" in name]


class Adds(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        record.add("region", "eu")


class Removes(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        del record.attributes["audit.actor.id"]  # type: ignore[attr-defined]


class Overwrites(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        record.add("audit.outcome", "success")


class Drops(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        if record.attributes["audit.actor.type"] == "system":
            raise LookupError("not this one")


class Tampers(AuditRecordProcessor):
    def on_emit(self, record: AuditRecord) -> None:
        record._log.attributes["audit.outcome"] = "success"


@pytest.mark.parametrize("kind", [Removes, Overwrites, Drops, Tampers])
def test_a_processor_that_does_not_only_add_is_refused(
    scripted: ScriptedSink, kind: type[AuditRecordProcessor]
) -> None:
    with pytest.raises(ConfigurationError, match=kind.__name__):
        provider_for(scripted, kind())
    with pytest.raises(ConfigurationError, match=kind.__name__):
        provider_for(scripted).add_audit_record_processor(kind())


def test_processors_of_other_signals_are_refused(scripted: ScriptedSink) -> None:
    for other in (SimpleLogRecordProcessor(None), object()):  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="no AuditRecordProcessor"):
            provider_for(scripted, other)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="an exporter has"):
        SimpleAuditRecordProcessor(object())  # type: ignore[arg-type]


class Later(AuditRecordProcessor):
    """Fails for one record, after it was configured."""

    def on_emit(self, record: AuditRecord) -> None:
        if "fail" in record.attributes:
            raise LookupError("later")


def test_processors_are_seen_by_each_other_and_by_loggers_given_out_before(scripted: ScriptedSink) -> None:
    class Sees(AuditRecordProcessor):
        def on_emit(self, record: AuditRecord) -> None:
            record.add("seen", record.attributes.get("region", ""))

    provider = provider_for(scripted, Adds())
    logger = provider.get_audit_logger("auth")
    provider.add_audit_record_processor(Sees())
    provider.add_audit_record_processor(Later())
    logger.emit("user.login", **WHO)
    assert attributes_of(scripted.taken[0][0])["seen"] == "eu"
    with pytest.raises(LookupError):
        logger.emit("user.login", **WHO, attributes={"fail": True})
    assert len(scripted.asked) == 1


def test_no_receipt_in_time_is_a_hard_error(scripted: ScriptedSink) -> None:
    release = threading.Event()

    def stalls(records: list[dict[str, Any]]) -> tuple[int, Any]:
        release.wait(10)
        return 500, {}

    scripted.script += [stalls]
    logger = provider_for(scripted).get_audit_logger("auth")
    began = time.monotonic()
    with pytest.raises(NotDurable):
        logger.emit("user.login", **WHO, timeout_s=0.3)
    assert time.monotonic() - began < 2
    release.set()


@pytest.mark.parametrize(
    ("answer", "attempts", "follows"),
    [
        ((503, {}), 4, True),
        ((202, {"status": "accepted_pending_verify"}), 4, True),
        ((429, {}), 4, True),
        ((500, {}), 4, True),
        ((200, {"partialSuccess": {"rejectedLogRecords": "1"}}), 4, True),
        ((200, {}), 4, True),
        ((200, b""), 4, True),
        ((200, {"record_id": "another", "integrity_hash": "sha256:00", "sink_timestamp": 1}), 4, True),
        ((400, {"reason": "audit.action is required"}), 1, False),
        ((401, {}), 1, False),
        ((403, {}), 1, False),
        ((409, {}), 1, False),
        ((413, {}), 1, False),
        ((307, {}), 1, False),
    ],
)
def test_what_a_sink_answers_decides_whether_it_is_tried_again(
    scripted: ScriptedSink, answer: tuple[int, Any], attempts: int, follows: bool
) -> None:
    scripted.script += [answer] * 10
    provider = provider_for(scripted)
    with pytest.raises(NotDurable) as caught:
        provider.get_audit_logger("auth").emit("user.login", **WHO)
    assert (len(scripted.asked), caught.value.may_follow) == (attempts, follows)
    if isinstance(answer[1], dict) and "reason" in answer[1]:
        assert answer[1]["reason"] in str(caught.value)
    assert provider.lost() == {"not-acknowledged": 1}


def test_a_sink_that_is_away_is_a_hard_error() -> None:
    exporter = otel_audit.OTLPAuditExporter("http://127.0.0.1:9/v1/audit")
    logger = AuditProvider(SimpleAuditRecordProcessor(exporter, policy=QUICK)).get_audit_logger("auth")
    with pytest.raises(NotDurable, match="cannot be reached"):
        logger.emit("user.login", **WHO)


def test_concurrent_emits_are_exported_one_at_a_time_each_with_its_own_receipt(
    scripted: ScriptedSink,
) -> None:
    logger = provider_for(scripted).get_audit_logger("auth")

    def emit(number: int) -> str:
        given = str(uuid.UUID(int=number))
        assert logger.emit("user.login", **WHO, record_id=given).record_id == given
        return given

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        given = list(pool.map(emit, range(1, 60)))
    assert sorted(scripted.ids()) == sorted(given)
    assert scripted.at_once == 1


def test_what_one_thread_emits_keeps_its_order_without_waiting(scripted: ScriptedSink) -> None:
    provider = provider_for(scripted)
    logger = provider.get_audit_logger("auth")
    given = [str(uuid.UUID(int=number)) for number in range(1, 40)]
    futures = [logger.emit_async("user.login", **WHO, record_id=one) for one in given]
    assert provider.force_flush()
    assert [future.result(0).record_id for future in futures] == given == scripted.ids()
    with pytest.raises(InputError):
        logger.emit_async("user.login", actor_id="u1", outcome="success")


def test_shutdown_flushes_refuses_and_is_done_once(scripted: ScriptedSink) -> None:
    provider = provider_for(scripted)
    logger = provider.get_audit_logger("auth")
    future = logger.emit_async("user.login", **WHO)
    assert provider.shutdown()
    assert future.result(0).record_id in scripted.ids()
    for call in (
        lambda: logger.emit("user.login", **WHO),
        lambda: logger.emit_async("user.login", **WHO),
        lambda: provider.get_audit_logger("late"),
    ):
        with pytest.raises(NotDurable, match="shut down"):
            call()
    assert (provider.shutdown(), provider.force_flush()) == (True, True)
    assert len(scripted.asked) == 1


def test_shutdown_ends_an_emit_that_waits_for_a_sink(scripted: ScriptedSink) -> None:
    scripted.script += [(503, {"retry_after": 60})] * 5
    provider = AuditProvider(SimpleAuditRecordProcessor(scripted.exporter()))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        emitting = pool.submit(provider.get_audit_logger("auth").emit, "user.login", **WHO, timeout_s=100)
        while not scripted.asked:
            assert not emitting.done()
        provider.shutdown(0.2)
        with pytest.raises(NotDurable):
            emitting.result(10)


def test_providers_are_independent(scripted: ScriptedSink) -> None:
    other = ScriptedSink()
    try:
        first, second = provider_for(scripted), provider_for(other)
        other.script += [(400, {})]
        with pytest.raises(NotDurable):
            second.get_audit_logger("b").emit("user.logout", **WHO)
        assert (first.lost(), second.lost()) == ({}, {"not-acknowledged": 1})
        second.shutdown()
        first.get_audit_logger("a").emit("user.login", **WHO)
        assert (len(scripted.asked), len(other.asked)) == (1, 1)
    finally:
        other.close()


def test_every_exporting_processor_acknowledges(scripted: ScriptedSink) -> None:
    second = ScriptedSink()
    try:
        provider = provider_for(scripted, SimpleAuditRecordProcessor(second.exporter(), policy=QUICK))
        logger = provider.get_audit_logger("auth")
        receipt = logger.emit("user.login", **WHO)
        assert [receipt.record_id] == scripted.ids() == second.ids()
        second.script += [(400, {})]
        with pytest.raises(NotDurable):
            logger.emit("user.login", **WHO)
    finally:
        second.close()


def test_there_is_a_provider_of_the_process(scripted: ScriptedSink) -> None:
    provider = provider_for(scripted)
    otel_audit.set_audit_provider(provider)
    assert otel_audit.get_audit_provider() is provider
    trace.get_tracer_provider()


def test_without_a_sink_records_go_to_the_log_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", str(tmp_path / "spool"))
    provider = AuditProvider(resource=Resource({"service.name": "shop"}))
    receipt = provider.get_audit_logger("auth").emit("user.login", **WHO)
    assert provider.shutdown()
    tables = [
        pq.read_table(file, partitioning=None) for file in tmp_path.glob("log/log/platform/*/*/*.parquet")
    ]
    rows = [row for table in tables for row in table.to_pylist()]
    (row,) = [row for row in rows if row["recordId"] == receipt.record_id]
    assert (row["user"]["assurance"], row["service"]["name"]) == ("verified", "shop")
    hashes = [each.as_py().hex() for table in tables for each in record_hashes(table.to_batches()[0])]
    assert receipt.integrity_hash.removeprefix("sha256:") in hashes


def test_a_logger_without_a_name_works_and_says_so(
    scripted: ScriptedSink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        logger = provider_for(scripted).get_audit_logger("")
    assert "without a name" in caplog.text
    assert logger.emit("user.login", **WHO).record_id


def test_times_that_are_far_apart_are_said(scripted: ScriptedSink, caplog: pytest.LogCaptureFixture) -> None:
    logger = provider_for(scripted).get_audit_logger("auth")
    with caplog.at_level(logging.WARNING):
        logger.emit("user.login", **WHO, time_unix_nano=time.time_ns() - 3 * 10**9)
        assert "after it says it happened" not in caplog.text
        for _ in range(2):
            logger.emit("user.login", **WHO, time_unix_nano=time.time_ns() - 6 * 10**9)
    assert caplog.text.count("after it says it happened") == 1


PROGRAM = """
import json, sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otel_audit import *

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
exporter = OTLPAuditExporter(sys.argv[1])
policy = RetryPolicy(max_retries=0)
provider = AuditProvider(BatchAuditRecordProcessor(exporter, policy=policy, scheduled_delay_s=3600))
who = {"actor_id": "u8472", "outcome": "success", "action": "LOGIN"}

def read():
    found = {}
    for metric in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            found[metric.name] = point.count if hasattr(point, "count") else point.value
    return found

logger = provider.get_audit_logger("auth")
futures = [logger.emit_async("user.login", **who) for _ in range(3)]
waiting = read()
provider.force_flush()
logger.emit_async("user.login", **who)
provider.force_flush()
print(json.dumps([waiting, read()]))
provider.shutdown()
"""


def test_it_counts_what_it_emits_exports_and_gives_up(scripted: ScriptedSink) -> None:
    scripted.script += [receipts, (400, {})]
    command = [sys.executable, "-c", PROGRAM, scripted.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    waiting, after = json.loads(done.stdout)
    assert (waiting["audit.records.emitted"], waiting["audit.queue.depth"]) == (3, 3)
    assert after["audit.records.emitted"] == 4
    assert after["audit.records.exported"] == 3
    assert after["audit.records.dropped"] == 1
    assert after["audit.queue.depth"] == 0
    assert after["audit.export.duration"] == 1


def test_over_tls_with_certificate_and_token(start_sink: StartSink, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.server(), authority.issue("client", "shop")
    tokens = tmp_path / "tokens.json"
    made = CliRunner().invoke(cli, ["token", "new", str(tokens), "shop", "--signal", "audit"])
    logs = CliRunner().invoke(cli, ["token", "new", str(tokens), "other", "--signal", "logs"])
    sink = start_sink(
        "--tls-cert", str(server.certificate), "--tls-key", str(server.key),
        "--tls-client-ca", str(authority.certificate), "--tokens", str(tokens),
    )  # fmt: skip
    url = f"https://localhost:{sink.http.rpartition(':')[2]}/v1/audit"

    def emit(token: str) -> Any:
        exporter = otel_audit.OTLPAuditExporter(
            url,
            headers={"authorization": f"Bearer {token}"},
            certificate_file=str(authority.certificate),
            client_certificate_file=str(client.certificate),
            client_key_file=str(client.key),
        )
        provider = AuditProvider(SimpleAuditRecordProcessor(exporter, policy=QUICK))
        try:
            return provider.get_audit_logger("auth").emit("user.login", **WHO)
        finally:
            provider.shutdown()

    receipt = emit(made.stdout.strip())
    with pytest.raises(NotDurable, match="403"):
        emit(logs.stdout.strip())
    with pytest.raises(NotDurable, match="401"):
        emit("oat_nobody")
    refused = requests.post(
        url,
        b"{}",
        headers={"content-type": "application/json"},
        timeout=10,
        verify=str(authority.certificate),
        cert=(str(client.certificate), str(client.key)),
    )
    assert (refused.status_code, refused.json()["status"]) == (401, "rejected_authz")
    assert sink.stop()[0] == 0
    (record,) = sink.records()
    assert (record["recordId"], record["sender"]["id"]) == (receipt.record_id, "shop")
    assert record["user"]["assurance"] == "asserted"


@pytest.mark.parametrize(
    ("offset", "status", "said"), [(0, 0, ""), (2_000_000, 0, "2.0 s off"), (0, 0x40, "nothing keeps")]
)
def test_a_clock_that_is_off_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, offset: int, status: int, said: str
) -> None:
    """What the kernel says of the clock is the one thing here that cannot be had for real."""

    class Kernel:
        def adjtimex(self, timex: Any) -> int:
            timex._obj.offset, timex._obj.status = offset, status
            return 0

    monkeypatch.setattr(clock.ctypes, "CDLL", lambda *_, **__: Kernel())
    clock.warn_of_clock.cache_clear()
    with caplog.at_level(logging.WARNING):
        clock.warn_of_clock()
        clock.warn_of_clock()
    assert len(caplog.records) == bool(said)
    assert said in caplog.text
