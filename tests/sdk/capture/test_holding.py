"""A record waits for the end of its bodies, not for ever, and what follows it is never lost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.capture.memory import Memory
from otel_audit.sdk.holding import Holding
from otel_audit.sdk.notes import open_notes
from otel_audit.sdk.rests import Rest, forget_bodies


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def ended() -> Callable[..., ReadableSpan]:
    kept = _Kept()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))

    def make(*, request: BodyRecorder | None = None, response: BodyRecorder | None = None) -> ReadableSpan:
        span = provider.get_tracer("tests").start_span("one")
        notes = open_notes(span)
        notes.request, notes.response = request, response
        span.end()
        return kept.spans[-1]

    return make


class _Queue:
    def __init__(self) -> None:
        self.items: list[ReadableSpan | Rest] = []
        self.came = threading.Condition()
        self.defects = 0

    def put(self, item: ReadableSpan | Rest) -> None:
        with self.came:
            self.items.append(item)
            self.came.notify_all()

    def count_defect(self) -> None:
        self.defects += 1

    def wait_for(self, count: int) -> bool:
        with self.came:
            return self.came.wait_for(lambda: len(self.items) >= count, 5)


@pytest.fixture
def queue():
    queue = _Queue()
    yield queue
    assert not queue.defects


def _holding(queue: _Queue, *, hold_s: float = 60.0, max_held: int = 100) -> Holding:
    return Holding(queue.put, queue.count_defect, hold_s=hold_s, max_held=max_held)


def _body(content: bytes = b"") -> BodyRecorder:
    body = BodyRecorder(1000, memory=Memory(1 << 20))
    body.write(content)
    return body


def test_a_span_without_an_open_body_does_not_wait(queue, ended):
    whole = _body()
    whole.end()
    holding = _holding(queue)
    assert not holding.holds(ended())
    assert not holding.holds(ended(request=whole))


def test_a_span_waits_for_both_bodies_and_goes_at_once(queue, ended):
    request, response = _body(), _body()
    holding, span = _holding(queue), ended(request=request, response=response)
    assert holding.holds(span)
    request.end()
    assert not queue.items
    response.end()
    assert queue.items == [span]
    assert len(holding) == 0
    assert not response.read().is_open
    holding.close()
    assert queue.items == [span]


def test_after_the_hold_it_goes_open_and_the_body_follows(queue, ended):
    response = _body(b"first ")
    holding, span = _holding(queue, hold_s=0.05), ended(response=response)
    began = time.monotonic()
    assert holding.holds(span)
    assert queue.wait_for(1)
    assert 0.05 <= time.monotonic() - began < 2
    assert response.read().is_open
    response.write(b"second")
    assert queue.items == [span]
    response.end()
    rest = queue.items[1]
    assert isinstance(rest, Rest)
    assert rest.span is span
    assert rest.notes.continues
    assert rest.notes.request is None
    assert rest.notes.response.read().content == b"first second"
    assert not rest.notes.response.read().is_open


def test_what_follows_is_whole_though_the_notes_have_forgotten_it(queue, ended):
    response = _body(b"first ")
    holding, span = _holding(queue), ended(response=response)
    holding.holds(span)
    holding.let_go()
    forget_bodies(queue.items)
    response.write(b"second")
    response.end()
    assert queue.items[1].notes.response.read().content == b"first second"


@pytest.mark.parametrize("bound", [{"hold_s": 0.0}, {"max_held": 0}])
def test_where_it_may_not_wait_it_is_let_go_and_the_body_follows(queue, ended, bound):
    response = _body(b"a")
    span = ended(response=response)
    assert not _holding(queue, **bound).holds(span)
    assert response.read().is_open
    response.end()
    assert [type(item) for item in queue.items] == [Rest]


def test_a_flush_lets_everything_go(queue, ended):
    bodies = [_body(b"x") for _ in range(5)]
    holding = _holding(queue)
    spans = [ended(response=body) for body in bodies]
    assert all(map(holding.holds, spans))
    holding.let_go()
    assert queue.items == spans
    for body in bodies:
        body.end()
    assert [item.span for item in queue.items[5:]] == spans


def test_a_close_writes_what_is_known_of_bodies_that_never_end(queue, ended):
    followed, waiting = _body(b"one"), _body(b"two")
    holding = _holding(queue)
    first, second = ended(response=followed), ended(response=waiting)
    holding.holds(first)
    holding.let_go()
    holding.holds(second)
    holding.close()
    assert [item for item in queue.items if not isinstance(item, Rest)] == [first, second]
    rests = {item.span: item.notes.response.read() for item in queue.items if isinstance(item, Rest)}
    assert {span: body.content for span, body in rests.items()} == {first: b"one", second: b"two"}
    assert all(body.is_open for body in rests.values())
    followed.end()
    waiting.end()
    assert len(queue.items) == 4, "each is said once"
    assert not holding.holds(ended(response=_body()))


def test_a_body_that_reaches_its_limit_is_waited_for_no_longer(queue, ended):
    response = _body()
    holding, span = _holding(queue), ended(response=response)
    assert holding.holds(span)
    response.write(b"x" * 5000)
    assert queue.items == [span]
    assert response.read().cut_at == 1000


def test_each_span_goes_once_however_ends_and_flushes_meet(queue, ended):
    holding = _holding(queue, hold_s=0.02, max_held=1000)
    bodies = [_body(b"x") for _ in range(300)]
    spans = [ended(response=body) for body in bodies]

    def end_all() -> None:
        for body in bodies:
            body.end()

    def flush_often() -> None:
        for _ in range(50):
            holding.let_go()

    threads = [threading.Thread(target=work) for work in (end_all, flush_often, end_all)]
    for span in spans[:150]:
        holding.holds(span)
    for thread in threads:
        thread.start()
    for span in spans[150:]:
        if not holding.holds(span):
            queue.put(span)
    for thread in threads:
        thread.join()
    holding.close()
    went = [item for item in queue.items if not isinstance(item, Rest)]
    assert sorted(map(id, went)) == sorted(map(id, spans))
    for item in queue.items:
        if isinstance(item, Rest):
            assert item.notes.response.read().content == b"x"
    followed = {id(item.span) for item in queue.items if isinstance(item, Rest)}
    for span, body in zip(spans, bodies, strict=True):
        assert body.read().is_open == (id(span) in followed)


def test_a_child_of_a_fork_writes_nothing_of_its_parent(queue, ended):
    response = _body(b"x")
    holding = _holding(queue)
    holding.holds(ended(response=response))
    child = os.fork()
    if child == 0:
        holding.close()
        response.end()
        os._exit(len(queue.items))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    holding.close()
    assert len(queue.items) == 2
