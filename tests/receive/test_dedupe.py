"""What is sent again is known: the same content is one record in the files, other content is kept and told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from requests.adapters import HTTPAdapter

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import Sender
from otel_audit.errors import SpoolFull
from otel_audit.pipeline.options import DedupeOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.answers import Verdict
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request
from otel_audit.receive.sink import Sink
from otel_audit.spool import StreamWriter
from receive.conftest import SinkProcess, StartSink, export_of
from receive.test_sink import Sending

PROTOBUF = {"content-type": "application/x-protobuf"}
SENDER = Sender("none", "192.0.2.7")


def rows(folder: Path) -> list[dict[str, Any]]:
    """Every row of every file, copies and all, but for the log's own life."""
    found = [
        row
        for file in sorted(folder.rglob("*.parquet"))
        for row in pq.read_table(
            file, columns=["recordId", "spanName", "eventName", "attributes"], partitioning=None
        ).to_pylist()
    ]
    return [row for row in found if not row["eventName"].startswith("audit.")]


def own_events(folder: Path, name: str) -> list[str]:
    return [
        row["attributes"]
        for file in folder.rglob("*.parquet")
        for row in pq.read_table(file, columns=["eventName", "attributes"], partitioning=None).to_pylist()
        if row["eventName"] == name
    ]


def post(sink: SinkProcess, export: ExportTraceServiceRequest) -> int:
    body = export.SerializeToString()
    return requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=20).status_code


class _From(HTTPAdapter):
    """Connects from another address of this machine."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=("127.0.0.2", 0), **kwargs)


def test_what_is_sent_again_from_another_address_is_the_same(start_sink: StartSink) -> None:
    sink, export = start_sink(), export_of("a")
    assert post(sink, export) == 200
    with requests.Session() as elsewhere:
        elsewhere.mount("http://", _From())
        url, body = f"{sink.http}/v1/traces", export.SerializeToString()
        assert elsewhere.post(url, body, headers=PROTOBUF, timeout=20).status_code == 200
    told = requests.get(f"{sink.http}/metrics", timeout=10).text
    assert 'otel_audit_copies_total{content="same"} 1.0' in told
    assert sink.stop()[0] == 0
    assert len(rows(sink.folder / "log")) == 1


def test_what_is_sent_again_is_one_record_across_kill_9_and_a_restart(
    start_sink: StartSink, tmp_path: Path
) -> None:
    exports = [export_of(f"{number}/a", f"{number}/b") for number in range(6)]
    sink = start_sink()
    assert [post(sink, export) for export in exports[:4]] == [200] * 4
    assert post(sink, exports[0]) == 200
    sink.kill()

    again = start_sink()
    assert [post(again, export) for export in exports] == [200] * 6
    told = requests.get(f"{again.http}/metrics", timeout=10).text
    assert 'otel_audit_copies_total{content="same"} 8.0' in told
    assert again.stop()[0] == 0

    # Shipped by now: only what stands beside the segments can tell.
    third = start_sink()
    assert [post(third, export) for export in exports] == [200] * 6
    assert third.stop()[0] == 0
    names = Counter(row["spanName"] for row in rows(tmp_path / "log"))
    assert names == {f"{number}/{part}": 1 for number in range(6) for part in "ab"}


def test_kill_9_at_any_moment_and_a_sender_that_repeats_what_had_no_answer(
    start_sink: StartSink, tmp_path: Path
) -> None:
    exports = [export_of(*(f"{number}/{part}" for part in range(8))) for number in range(60)]
    waiting = list(exports)
    for round_ in range(3):
        sink = start_sink()
        killer = threading.Timer(0.05 + 0.07 * round_, sink.process.kill)
        killer.start()
        while waiting:
            try:
                assert post(sink, waiting[0]) == 200
            except requests.RequestException:
                break
            del waiting[0]
        killer.join()
        sink.kill()
        waiting = waiting[:]
    last = start_sink()
    assert [post(last, export) for export in exports] == [200] * 60
    assert last.stop()[0] == 0
    assert set(Counter(row["recordId"] for row in rows(tmp_path / "log")).values()) == {1}
    assert len(rows(tmp_path / "log")) == 480


def test_other_content_under_the_same_id_is_kept_and_told(start_sink: StartSink, tmp_path: Path) -> None:
    export = export_of("GET", "POST")
    other = ExportTraceServiceRequest.FromString(export.SerializeToString())
    other.resource_spans[0].scope_spans[0].spans[1].attributes.add(key="late").value.string_value = "news"
    sink = start_sink()
    assert [post(sink, one) for one in (export, other, export, other)] == [200] * 4
    told = requests.get(f"{sink.http}/metrics", timeout=10).text
    assert 'otel_audit_copies_total{content="differing"} 1.0' in told
    assert 'otel_audit_copies_total{content="same"} 5.0' in told
    assert sink.stop()[0] == 0

    found = rows(tmp_path / "log")
    assert Counter(row["spanName"] for row in found) == {"GET": 1, "POST": 2}
    noted = [row for row in found if "audit.duplicate_of" in (row["attributes"] or "")]
    assert len(noted) == 1
    assert f'"audit.duplicate_of":"{noted[0]["recordId"]}"' in noted[0]["attributes"]
    assert '"late":"news"' in noted[0]["attributes"]
    (conflict,) = own_events(tmp_path / "log", "audit.conflict")
    assert noted[0]["recordId"] in conflict
    # Readers see both, and hashes and proofs hold.
    assert Counter(record["spanName"] for record in sink.records()) == {"GET": 1, "POST": 2}


@contextmanager
def receiving(
    tmp_path: Path, dedupe: DedupeOptions
) -> Iterator[Callable[[ExportTraceServiceRequest], Verdict]]:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    pipeline = Pipeline(replace(pipeline_options(settings, service="sink"), dedupe=dedupe))
    pipeline.open()
    sink = Sink(pipeline, ReceiveOptions())
    sink.start()
    send = Sending(sink)

    def deliver(export: ExportTraceServiceRequest) -> Verdict:
        return send(Request("traces", "protobuf", "identity", export.SerializeToString(), SENDER)).verdict

    yield deliver
    assert sink.close(30)
    assert pipeline.close(30)


@pytest.mark.usefixtures("quiet_log")
def test_what_a_batch_holds_twice_is_one_record(tmp_path: Path) -> None:
    export = export_of("GET", "POST")
    doubled = ExportTraceServiceRequest.FromString(export.SerializeToString() * 2)
    with receiving(tmp_path, DedupeOptions()) as deliver:
        assert deliver(doubled) is Verdict.TAKEN
    assert Counter(row["spanName"] for row in rows(tmp_path / "log")) == {"GET": 1, "POST": 1}


@pytest.mark.usefixtures("quiet_log")
def test_so_many_and_no_more_are_remembered(tmp_path: Path) -> None:
    exports = [export_of(*map(str, range(20))) for _ in range(10)]
    with receiving(tmp_path, DedupeOptions(max_entries=40)) as deliver:
        for export in exports:
            assert deliver(export) is Verdict.TAKEN
        assert deliver(exports[-2]) is Verdict.TAKEN
        assert deliver(exports[0]) is Verdict.TAKEN
    copies = Counter(row["recordId"] for row in rows(tmp_path / "log"))
    assert Counter(copies.values()) == {1: 180, 2: 20}


@pytest.mark.usefixtures("quiet_log")
def test_beyond_the_window_nothing_is_remembered_by_the_next(tmp_path: Path) -> None:
    export = export_of("GET")
    for _ in range(2):
        with receiving(tmp_path, DedupeOptions(window_s=0)) as deliver:
            assert deliver(export) is Verdict.TAKEN
    assert len(rows(tmp_path / "log")) == 2


@pytest.mark.usefixtures("quiet_log")
def test_what_was_refused_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = StreamWriter.append, Counter[str]()

    def refused(self: StreamWriter, *arguments: Any, **options: Any) -> object:
        calls["append"] += 1
        if calls["append"] == 1:
            raise SpoolFull("a bound is reached")
        return real(self, *arguments, **options)

    monkeypatch.setattr(StreamWriter, "append", refused)
    export = export_of("GET")
    with receiving(tmp_path, DedupeOptions()) as deliver:
        assert deliver(export) is Verdict.NOT_DURABLE
        assert deliver(export) is Verdict.TAKEN
        assert deliver(export) is Verdict.TAKEN
    assert len(rows(tmp_path / "log")) == 1
