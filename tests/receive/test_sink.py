"""A spool that refuses, a defect of ours, and what becomes of requests then."""

from __future__ import annotations

import json
import queue
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import Sender
from otel_audit.errors import SpoolFull
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.answers import Answer, Verdict
from otel_audit.receive.delivery import Delivery
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request
from otel_audit.receive.sink import Sink
from otel_audit.spool import StreamWriter
from receive.conftest import export_of

pytestmark = pytest.mark.usefixtures("quiet_log")

CORPUS = Path(__file__).parents[1] / "corpus"
SENDER = Sender("none", "192.0.2.7")


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    opened = Pipeline(pipeline_options(settings, service="sink"))
    opened.open()
    yield opened
    opened.close(30)


class Sending:
    """Sends requests to a sink and waits for their answers."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._answers: queue.Queue[Answer] = queue.Queue()

    def begin(self, request: Request) -> None:
        self._sink.take(Delivery(request, self._answers.put))

    def answer(self) -> Answer:
        return self._answers.get(timeout=30)

    def __call__(self, request: Request) -> Answer:
        self.begin(request)
        return self.answer()


def spans(*names: str, sender: Sender = SENDER) -> Request:
    return Request("traces", "protobuf", "identity", export_of(*names).SerializeToString(), sender)


def both_streams() -> Request:
    """Records of ``platform`` and ``model-io`` in one request."""
    documents = [
        json.loads((CORPUS / name).read_bytes()) for name in ("http_new.json", "genai_openai_span_only.json")
    ]
    body = json.dumps({"resourceSpans": [group for one in documents for group in one["resourceSpans"]]})
    return Request("traces", "json", "identity", body.encode(), SENDER)


def written(folder: Path) -> list[str]:
    return [
        row["recordId"]
        for file in folder.rglob("*.parquet")
        for row in pq.read_table(file, columns=["recordId"], partitioning=None).to_pylist()
    ]


def refuse(monkeypatch: pytest.MonkeyPatch, step: str, at_calls: range) -> None:
    """Let a step of the spool fail at some of its calls."""
    real, calls = getattr(StreamWriter, step), Counter[str]()

    def refused(self: StreamWriter, *arguments: object, **options: object) -> object:
        calls[step] += 1
        if calls[step] in at_calls:
            raise SpoolFull("a bound is reached")
        return real(self, *arguments, **options)

    monkeypatch.setattr(StreamWriter, step, refused)


def test_what_is_refused_whole_is_answered_at_once_and_leaves_nothing(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "append", range(1, 2))
    sink = Sink(pipeline, ReceiveOptions())
    sink.start()
    send = Sending(sink)

    answer = send(spans("refused"))
    assert answer.verdict is Verdict.NOT_DURABLE
    assert answer.retry_after_s
    assert sink.trouble == "a bound is reached"
    assert send(spans("taken")).verdict is Verdict.TAKEN
    assert sink.trouble is None

    assert sink.close(10)
    assert pipeline.close(30)
    assert len(written(tmp_path / "log")) == 1


@pytest.mark.parametrize(("step", "at_calls"), [("append", range(2, 4)), ("sync", range(1, 3))])
def test_what_was_taken_in_part_is_brought_to_its_end(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at_calls: range
) -> None:
    refuse(monkeypatch, step, at_calls)
    sink = Sink(pipeline, ReceiveOptions())
    sink.start()
    assert Sending(sink)(both_streams()).verdict is Verdict.TAKEN

    assert sink.close(10)
    assert pipeline.close(30)
    found = written(tmp_path / "log")
    assert len(found) == len(set(found)) > 1


def test_while_that_is_not_possible_everybody_is_told_and_the_copy_has_the_same_ids(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "append", range(2, 5))
    sink = Sink(pipeline, ReceiveOptions(durable_timeout_s=0))
    sink.start()
    send = Sending(sink)
    assert send(both_streams()).verdict is Verdict.NOT_DURABLE
    assert send(spans("meanwhile")).verdict is Verdict.NOT_DURABLE
    pause = threading.Event()
    while (again := send(both_streams())).verdict is Verdict.NOT_DURABLE:
        pause.wait(0.1)
    assert again.verdict is Verdict.TAKEN

    assert sink.close(10)
    assert pipeline.close(30)
    assert set(Counter(written(tmp_path / "log")).values()) == {2}


def test_a_defect_costs_one_request_and_not_those_that_go_with_it(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = Pipeline.prepare

    def fail_at_one(self: Pipeline, spans: object, *arguments: object, **options: object) -> object:
        if any(span.name == "poison" for span in spans):  # type: ignore[attr-defined]
            raise ZeroDivisionError("with data in its text")
        return real(self, spans, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "prepare", fail_at_one)
    sink = Sink(pipeline, ReceiveOptions())
    send = Sending(sink)
    for name in ("first", "poison", "last"):
        send.begin(spans(name))
    sink.start()
    answers = Counter(send.answer().verdict for _ in range(3))
    assert answers == {Verdict.TAKEN: 2, Verdict.DEFECT: 1}
    assert "ZeroDivisionError" in caplog.text
    assert "data in its text" not in caplog.text

    assert sink.close(10)
    assert pipeline.close(30)
    assert len(written(tmp_path / "log")) == 2


def test_requests_of_one_sender_share_an_append_and_those_of_two_never_do(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = Pipeline.append

    def counted(self: Pipeline, prepared: object, **options: object) -> None:
        sizes.append(prepared.count)  # type: ignore[attr-defined]
        real(self, prepared, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "append", counted)
    sink = Sink(pipeline, ReceiveOptions())
    send = Sending(sink)
    other = Sender("none", "192.0.2.8")
    for sender in (SENDER, SENDER, other, SENDER):
        send.begin(spans("GET", sender=sender))
    sink.start()
    assert {send.answer().verdict for _ in range(4)} == {Verdict.TAKEN}
    assert sink.close(10)
    assert sizes[:3] == [2, 1, 1]
