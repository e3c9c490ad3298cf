"""Notes live beside a span, are inherited by what it starts, and are seen by nobody else."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from otel_audit.convert.span_notes import Actor, SpanNotes
from otel_audit.sdk.notes import current_notes, current_scope, notes_of, notes_of_context, open_notes


class _Noting(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_start(self, span, parent_context=None) -> None:
        open_notes(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class _DropInternal(Sampler):
    def should_sample(
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None
    ):
        return SamplingResult(Decision.DROP if name == "dropped" else Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return "drops what is called dropped"


@pytest.fixture
def noting() -> _Noting:
    return _Noting()


@pytest.fixture
def tracer(noting: _Noting) -> trace.Tracer:
    provider = TracerProvider(sampler=_DropInternal())
    provider.add_span_processor(noting)
    return provider.get_tracer("tests")


def test_the_copy_at_the_end_has_the_notes_of_the_span(tracer, noting) -> None:
    with tracer.start_as_current_span("one") as span:
        notes = notes_of(span)
        assert notes is not None
        assert current_notes() is notes
    assert noting.ended[0] is not span
    assert notes_of(noting.ended[0]) is notes


def test_what_a_request_starts_is_in_its_scope(tracer) -> None:
    with tracer.start_as_current_span("request"):
        scope = current_scope()
        with tracer.start_as_current_span("below"), tracer.start_as_current_span("below that"):
            assert current_scope() is scope
    with tracer.start_as_current_span("another"):
        assert current_scope() is not scope


def test_a_dropped_span_between_does_not_cut_the_scope(tracer) -> None:
    with tracer.start_as_current_span("request"):
        scope = current_scope()
        with tracer.start_as_current_span("dropped"):
            assert current_notes() is None
            assert current_scope() is scope
            with tracer.start_as_current_span("below"):
                assert current_scope() is scope


def test_a_remote_parent_begins_a_new_scope_even_in_the_same_trace(tracer) -> None:
    with tracer.start_as_current_span("caller") as caller:
        scope = current_scope()
        sent = caller.get_span_context()
    remote = trace.SpanContext(sent.trace_id, sent.span_id, is_remote=True, trace_flags=sent.trace_flags)
    context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    with tracer.start_as_current_span("served", context=context):
        assert current_scope() is not scope


def test_outside_of_every_span_there_is_no_scope(tracer) -> None:
    with tracer.start_as_current_span("before"):
        pass
    assert current_scope() is None
    assert current_notes() is None


def test_nobody_else_sees_notes(tracer, noting) -> None:
    with tracer.start_as_current_span("one") as span:
        notes = notes_of(span)
        notes.scope.identify(Actor("jane"), 1)
        assert not notes.request
        context = span.get_span_context()
    assert "jane" not in noting.ended[0].to_json()
    assert json.loads(noting.ended[0].to_json())["attributes"] == {}
    assert notes_of_context(pickle.loads(pickle.dumps(context))) is None
    assert notes_of_context(copy.deepcopy(context)) is None


def test_notes_are_read_only_when_there_are_any() -> None:
    from otel_audit.convert.span_notes import Body, Scope

    notes = SpanNotes(Scope(1))
    assert not notes
    notes.request = Body(b"{}")
    assert notes
