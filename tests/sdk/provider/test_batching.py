"""Batches: bounded, never dropped, and on disk where their processes may not live to export them."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from otel_audit import (
    AuditProvider,
    BatchAuditRecordProcessor,
    ConfigurationError,
    DiskBuffer,
    NotDurable,
    RetryPolicy,
)
from otel_audit.sdk.provider.processors import ExportingProcessor
from receive.conftest import StartSink
from sdk.provider.conftest import QUICK, WHO, ScriptedSink, id_of, receipts

KEY = b"a key of thirty-two bytes or more"
LATE = 3_600.0


def batches(sink: ScriptedSink, **arguments: Any) -> BatchAuditRecordProcessor:
    return BatchAuditRecordProcessor(sink.exporter(), **({"policy": QUICK} | arguments))


def ids(count: int) -> list[str]:
    return [str(uuid.UUID(int=number)) for number in range(1, count + 1)]


def emit_all(provider: AuditProvider, given: list[str]) -> list[concurrent.futures.Future[Any]]:
    logger = provider.get_audit_logger("auth")
    return [logger.emit_async("user.login", **WHO, record_id=one) for one in given]


def test_the_bounds_are_those_of_the_draft(scripted: ScriptedSink) -> None:
    policy, processor = RetryPolicy(), BatchAuditRecordProcessor(scripted.exporter())
    assert (processor._max_waiting, processor._delay_s, processor._max_batch) == (2048, 5.0, 512)
    assert (policy.export_timeout_s, policy.max_retries, policy.first_backoff_s) == (30.0, 5, 1.0)
    for wrong in ({"max_queue_size": 0}, {"max_export_batch_size": 4096}, {"scheduled_delay_s": 0}):
        with pytest.raises(ConfigurationError):
            batches(scripted, **wrong)


def test_records_are_exported_together_in_order_each_with_its_receipt(scripted: ScriptedSink) -> None:
    provider = AuditProvider(batches(scripted, max_export_batch_size=10, scheduled_delay_s=LATE))
    given = ids(35)
    futures = emit_all(provider, given)
    assert provider.force_flush()
    assert [future.result(0).record_id for future in futures] == given == scripted.ids()
    assert max(map(len, scripted.taken)) <= 10
    assert len(scripted.taken) < 35
    assert provider.shutdown()


def test_an_incomplete_batch_goes_after_its_delay_and_emit_waits_for_it(scripted: ScriptedSink) -> None:
    provider = AuditProvider(batches(scripted, scheduled_delay_s=0.2))
    began = time.monotonic()
    receipt = provider.get_audit_logger("auth").emit("user.login", **WHO)
    assert time.monotonic() - began >= 0.2
    assert [receipt.record_id] == scripted.ids()
    provider.shutdown()


def test_a_full_queue_holds_whoever_emits_and_drops_nothing(scripted: ScriptedSink) -> None:
    release = threading.Event()

    def waits(records: list[dict[str, Any]]) -> tuple[int, Any]:
        release.wait(20)
        scripted.taken.append(records)
        return receipts(records)

    scripted.script += [waits]
    provider = AuditProvider(
        batches(scripted, max_queue_size=4, max_export_batch_size=2, scheduled_delay_s=0.01)
    )
    given = ids(4)
    futures = emit_all(provider, given)
    logger = provider.get_audit_logger("auth")
    assert provider.queue_depth() == 4
    with pytest.raises(NotDurable, match="full"):
        logger.emit_async("user.login", **WHO, timeout_s=0.05)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(logger.emit, "user.login", **WHO)
        assert not held.done()
        release.set()
        last = held.result(20)
    assert [future.result(0).record_id for future in futures] == given
    assert scripted.ids() == [*given, last.record_id]
    assert provider.shutdown()


def test_of_a_refused_batch_only_the_record_at_fault_fails(scripted: ScriptedSink) -> None:
    given = ids(6)

    def picky(records: list[dict[str, Any]]) -> tuple[int, Any]:
        if given[2] in {id_of(record) for record in records}:
            return 409, {"reason": "another record has this audit.record.id"}
        scripted.taken.append(records)
        return receipts(records)

    scripted.script += [picky] * 20
    provider = AuditProvider(batches(scripted, scheduled_delay_s=LATE))
    futures = emit_all(provider, given)
    assert provider.force_flush()
    with pytest.raises(NotDurable, match="409") as caught:
        futures[2].result(0)
    assert not caught.value.may_follow
    assert scripted.ids() == [one for one in given if one != given[2]]
    assert provider.lost() == {"sink-refused": 1}
    provider.shutdown()


def test_an_exhausted_budget_is_an_error_and_counts_as_dropped(scripted: ScriptedSink) -> None:
    scripted.script += [(503, {})] * 4
    provider = AuditProvider(batches(scripted, scheduled_delay_s=0.01))
    (future,) = emit_all(provider, ids(1))
    with pytest.raises(NotDurable, match="503"):
        future.result(20)
    assert provider.lost() == {"sink-retry": 1}
    assert len(scripted.asked) == 4
    provider.shutdown()


def test_a_partial_success_sends_the_whole_batch_again(scripted: ScriptedSink) -> None:
    scripted.script += [(200, {"partialSuccess": {"rejectedLogRecords": "1"}})]
    provider = AuditProvider(batches(scripted, scheduled_delay_s=LATE))
    given = ids(5)
    emit_all(provider, given)
    assert provider.force_flush()
    assert [[id_of(record) for record in asked] for asked in scripted.asked] == [given, given]
    provider.shutdown()


def test_the_same_id_twice_goes_in_two_requests(scripted: ScriptedSink) -> None:
    provider = AuditProvider(batches(scripted, scheduled_delay_s=LATE))
    futures = emit_all(provider, [*ids(2), *ids(1)])
    assert provider.force_flush()
    assert [len(taken) for taken in scripted.taken] == [2, 1]
    assert all(future.done() for future in futures)
    provider.shutdown()


def test_shutdown_tells_whoever_waits_what_was_not_acknowledged(scripted: ScriptedSink) -> None:
    scripted.script += [(503, {"retry_after": 60})] * 10
    provider = AuditProvider(batches(scripted, scheduled_delay_s=0.01, policy=RetryPolicy()))
    futures = emit_all(provider, ids(3))
    assert not provider.shutdown(0.3)
    for future in futures:
        with pytest.raises(NotDurable):
            future.result(5)
    with pytest.raises(NotDurable):
        provider.get_audit_logger("late")


PROGRAM = """
import os, sys
from otel_audit import *
endpoint, folder, key = sys.argv[1:4]
processor = BatchAuditRecordProcessor(
    OTLPAuditExporter(endpoint), buffer=DiskBuffer(folder, key=key.encode()), scheduled_delay_s=3600
)
logger = AuditProvider(processor).get_audit_logger("auth")
for number in range(7):
    future = logger.emit_async(
        "user.login", actor_id="jane@example.com", outcome="success", action="LOGIN",
        record_id=f"00000000-0000-4000-8000-{number:012d}",
    )
os.kill(os.getpid(), 9)
"""


def killed(endpoint: str, folder: Path) -> list[str]:
    """Ids of what a process has taken that was killed before it exported any of it."""
    command = [sys.executable, "-c", PROGRAM, endpoint, str(folder), KEY.decode()]
    done = subprocess.run(command, timeout=60, check=False)
    assert done.returncode == -9
    return [f"00000000-0000-4000-8000-{number:012d}" for number in range(7)]


def test_what_a_killed_process_kept_the_next_one_exports_to_a_real_sink(
    start_sink: StartSink, tmp_path: Path
) -> None:
    sink, folder = start_sink(), tmp_path / "buffer"
    endpoint = f"{sink.http}/v1/audit"
    given = killed(endpoint, folder)
    raw = b"".join(file.read_bytes() for file in folder.rglob("waiting-*"))
    assert raw
    assert b"jane" not in raw, "what is not masked yet is not readable on a disk"
    assert {oct(path.stat().st_mode & 0o777) for path in folder.rglob("*")} <= {"0o700", "0o600"}

    from otel_audit import OTLPAuditExporter

    processor = BatchAuditRecordProcessor(
        OTLPAuditExporter(endpoint), buffer=DiskBuffer(folder, key=KEY), scheduled_delay_s=0.01
    )
    provider = AuditProvider(processor)
    assert provider.force_flush()
    assert provider.queue_depth() == 0
    assert provider.shutdown()
    assert list(folder.rglob("waiting-*")) == []
    assert sink.stop()[0] == 0
    assert sorted(record["recordId"] for record in sink.records()) == given


def test_what_a_sink_does_not_take_stays_on_disk_and_is_not_lost(
    scripted: ScriptedSink, tmp_path: Path
) -> None:
    scripted.script += [(403, {})] * 2 + [(503, {})] * 4
    buffer = DiskBuffer(tmp_path, key=KEY)
    provider = AuditProvider(batches(scripted, buffer=buffer, scheduled_delay_s=0.05))
    given = ids(3)
    for future in emit_all(provider, given):
        with pytest.raises(NotDurable) as caught:
            future.result(20)
        assert caught.value.may_follow
    assert provider.force_flush()
    assert scripted.ids() == given, "it is tried again, and in order"
    assert provider.lost() == {}
    assert provider.shutdown()
    assert list(tmp_path.rglob("waiting-*")) == []


def test_a_forked_process_needs_a_provider_of_its_own_where_there_is_a_buffer(
    scripted: ScriptedSink, tmp_path: Path
) -> None:
    provider = AuditProvider(batches(scripted, buffer=DiskBuffer(tmp_path, key=KEY), scheduled_delay_s=0.01))
    logger = provider.get_audit_logger("auth")
    logger.emit("user.login", **WHO)
    pid = os.fork()
    if pid == 0:
        try:
            logger.emit_async("user.login", **WHO)
        except NotDurable:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    provider.shutdown()


def test_a_forked_process_exports_its_own_records_and_not_those_of_its_parent(scripted: ScriptedSink) -> None:
    provider = AuditProvider(batches(scripted, scheduled_delay_s=LATE))
    logger = provider.get_audit_logger("auth")
    logger.emit_async("user.login", **WHO, record_id=ids(1)[0])
    pid = os.fork()
    if pid == 0:
        future = logger.emit_async("user.login", **WHO, record_id=ids(2)[1])
        done = provider.force_flush(10) and future.result(0).record_id == ids(2)[1]
        os._exit(0 if done else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert scripted.ids() == ids(2)[1:]
    assert provider.force_flush()
    assert scripted.ids() == [ids(2)[1], ids(1)[0]]
    provider.shutdown()


def test_it_is_an_exporting_processor_that_does_not_hold_the_order(scripted: ScriptedSink) -> None:
    assert isinstance(batches(scripted), ExportingProcessor)
    assert not batches(scripted).is_synchronous
