"""``emit``: a receipt for what is durable, an error for everything else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from otel_audit.errors import ConfigurationError, InputError, NotDurable, SpoolFull
from otel_audit.record.canonical import record_hashes
from otel_audit.spool import StreamWriter
from sdk.written import rows

LOGIN = {"actor_id": "u8472", "action": "LOGIN", "outcome": "success"}


@pytest.fixture
def places(tmp_path):
    return {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}


@pytest.fixture
def installation(places):
    with otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places) as made:
        yield made


def test_a_receipt_names_the_record_and_its_hash_as_stored(installation, places):
    before = time.time_ns()
    receipt = otel_audit.get_audit_logger("shop").emit(
        "user.login",
        **LOGIN,
        target_id="account-7",
        target_type="account",
        source_id="203.0.113.7",
        attributes={"note": "mail jane@example.com"},
    )
    assert before <= receipt.sink_timestamp <= time.time_ns()
    assert installation.flush()
    (file,) = Path(places["destination"]).glob("log/platform/*/*/*.parquet")
    table = pq.read_table(file, partitioning=None)
    row = table.to_pylist()[0]
    assert row["recordId"] == receipt.record_id
    stored = record_hashes(table.to_batches()[0])[0]
    assert receipt.integrity_hash == f"sha256:{stored.as_py().hex()}"
    assert row["eventName"] == "user.login"
    assert row["user"]["id"] == "u8472"
    assert (row["user"]["origin"], row["user"]["assurance"]) == ("emit", "verified")
    assert (row["action"], row["outcome"]) == ("LOGIN", "success")
    assert row["target"] == {"type": "account", "id": "account-7"}
    assert row["source"] == {"type": "ipv4", "id": "203.0.113.7"}
    assert "jane" not in row["attributes"]


def test_a_whole_record_as_the_draft_has_it_is_taken_too(installation, places):
    logger = otel_audit.get_audit_logger("shop")
    attributes = {
        "audit.record.id": "3f6c1c1e-7f5d-4d1e-9a39-2f1d4c6c9c11",
        "audit.actor.id": "svc-deployer",
        "audit.actor.type": "service",
        "audit.action": "UPDATE",
        "audit.outcome": "failure",
    }
    happened = time.time_ns() - 10**9
    record = otel_audit.AuditRecord(
        "config.change", attributes, timestamp=happened, body="no role config-writer"
    )
    receipt = logger.emit(record)
    assert receipt.record_id == attributes["audit.record.id"]
    body = logger.emit("user.login", **LOGIN, body={"why": "mail jane@example.com"})
    with pytest.raises(InputError, match="without further fields"):
        logger.emit(record, **LOGIN)
    with pytest.raises(InputError, match="event_name"):
        logger.emit(otel_audit.AuditRecord("Change", attributes, timestamp=happened))
    with pytest.raises(InputError, match=r"audit\.outcome"):
        logger.emit(otel_audit.AuditRecord("a.b", attributes | {"audit.outcome": "?"}, timestamp=happened))
    assert installation.flush()
    found = {row["recordId"]: row for row in rows(places)}
    row = found[receipt.record_id]
    assert (row["user"]["id"], row["user"]["type"], row["user"]["assurance"]) == (
        "svc-deployer",
        "service",
        "verified",
    )
    assert (row["timeUnixNano"], row["attributes"]) == (happened, '{"log.body":"no role config-writer"}')
    assert found[body.record_id]["attributes"] == '{"log.body":{"why":"mail [EMAIL]"}}'


def test_it_is_durable_when_the_receipt_is_there_though_the_process_dies(places, tmp_path):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places)
        receipt = otel_audit.get_audit_logger().emit("user.login", **LOGIN)
        os.write(writer, receipt.record_id.encode())
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    acknowledged = os.read(reader, 100).decode()
    with otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places) as installation:
        otel_audit.get_audit_logger().emit("user.logout", **(LOGIN | {"action": "LOGOUT"}))
        assert installation.flush()
    assert acknowledged in {row["recordId"] for row in rows(places, "recordId")}


def test_an_event_within_a_span_carries_its_ids(installation, places):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    with tracer.start_as_current_span("work") as span:
        otel_audit.get_audit_logger().emit("model.deploy", **LOGIN)
    installation.flush()
    (row,) = rows(places, "traceId", "spanId")
    context = span.get_span_context()
    assert row == {
        "traceId": trace.format_trace_id(context.trace_id),
        "spanId": trace.format_span_id(context.span_id),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_name": ""},
        {"event_name": "login"},
        {"event_name": "audit.gap"},
        {"actor_id": " "},
        {"actor_type": "robot"},
        {"action": "login"},
        {"outcome": "fine"},
    ],
    ids=str,
)
def test_what_the_draft_requires_is_an_error_when_it_is_missing_or_wrong(installation, places, wrong):
    arguments = {"event_name": "user.login", **LOGIN, **wrong}
    with pytest.raises(InputError) as raised:
        otel_audit.get_audit_logger().emit(arguments.pop("event_name"), **arguments)
    assert next(iter(wrong)) in str(raised.value)
    installation.flush()
    assert rows(places) == []


def test_a_disk_that_refuses_is_an_error_and_the_record_may_follow(installation, places, monkeypatch):
    def refuse(self):
        raise SpoolFull("a bound of the spool is reached")

    otel_audit.get_audit_logger().emit("user.login", **LOGIN)
    with monkeypatch.context() as patched:
        patched.setattr(StreamWriter, "sync", refuse)
        with pytest.raises(NotDurable, match="a bound of the spool is reached") as raised:
            otel_audit.get_audit_logger().emit("user.login", **LOGIN, timeout_s=0.5)
        assert raised.value.may_follow
        assert not installation.health().is_ok
    assert installation.flush()
    assert len(rows(places)) == 2, "it followed"
    assert installation.health().is_ok


def test_after_shutdown_it_raises(places):
    installation = otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places)
    logger = otel_audit.get_audit_logger()
    installation.shutdown()
    with pytest.raises(NotDurable, match="after-shutdown") as raised:
        logger.emit("user.login", **LOGIN)
    assert not raised.value.may_follow


def test_the_same_id_given_again_is_the_same_record_for_readers(installation, places):
    logger = otel_audit.get_audit_logger()
    first = logger.emit("user.login", **LOGIN, record_id="not-a-uuid")
    second = logger.emit("user.login", **LOGIN, record_id="not-a-uuid")
    assert first.record_id == second.record_id


def test_many_threads_each_get_their_own_receipt(installation, places):
    receipts = []

    def emit() -> None:
        logger = otel_audit.get_audit_logger()
        receipts.extend(logger.emit("user.login", **LOGIN) for _ in range(10))

    threads = [threading.Thread(target=emit) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert installation.flush()
    assert {r.record_id for r in receipts} == {row["recordId"] for row in rows(places, "recordId")}
    assert len(receipts) == len({r.record_id for r in receipts}) == 160


def test_without_a_door_and_without_a_destination_it_says_what_to_set(monkeypatch):
    for name in ("OTEL_AUDIT_DESTINATION", "OTEL_AUDIT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="OTEL_AUDIT_DESTINATION"):
        otel_audit.get_audit_logger()


def test_without_a_provider_all_events_of_a_process_are_of_one_instance(installation, places):
    for _ in range(2):
        otel_audit.get_audit_logger().emit("user.login", **LOGIN)
    installation.flush()
    assert len({str(row["service"]) for row in rows(places, "service")}) == 1
