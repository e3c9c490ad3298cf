"""GenAI log events: joined to the span they belong to, or records of their own.

Instrumentations that keep messages off their spans put them into log events, one a message or one a call. An
event joins the span with its trace and span id when both are converted together and the span is inference:
its content becomes the span's, and its record id is noted there. Every other event becomes a record; reading
tools fold the two by trace and span id.

Some events have no ids at all (OpenLLMetry's), and some bodies are the ``repr`` of a Python dict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.inference import message_events, semconv
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.message_events import BODY, CHOICE, DETAILS, MESSAGES
from otel_audit.convert.inference.reader import is_marked, settle_operation
from otel_audit.convert.select import carries_audit
from otel_audit.convert.span_notes import SpanNotes
from otel_audit.convert.spans import EventData, LogData, SpanData

__all__ = ["join", "read", "take_up_content"]

_EVALUATION: Final = "gen_ai.evaluation"
"""Beginning of the names of events that grade an output: they are records of their own."""

_PREFIX: Final = "gen_ai."


def join(
    spans: Sequence[SpanData], logs: Sequence[LogData], record_id: Callable[[LogData], str]
) -> list[LogData]:
    """Adds GenAI log events to the spans that they belong to.

    A joined event becomes an event of the span, where :func:`otel_audit.convert.inference.read` finds it, and
    its record id goes to ``span.joined``. Nothing of it is lost where the span says something else.

    Args:
        spans: to be converted now; events and ``joined`` of those that take part change.
        logs: that arrived with them.
        record_id: the id that the event's own record would have.

    Returns:
        The events that join no span, in the order given.
    """
    if not logs:
        return []
    waiting = {
        (span.trace_id, span.span_id): span
        for span in spans
        if span.trace_id and span.span_id and is_marked(span.shown())
    }
    alone: list[LogData] = []
    joining: dict[tuple[str, str], list[LogData]] = {}
    for log in logs:
        key = (log.trace_id, log.span_id)
        if (
            key in waiting
            and not log.is_emitted
            and message_events.is_message_event(log.name)
            and not carries_audit(log.attributes)  # which is a statement of its own
        ):
            joining.setdefault(key, []).append(log)
        else:
            alone.append(log)
    for key, events in joining.items():
        span = waiting[key]
        events.sort(key=_time)
        # One event may come twice: with its span, and by itself since its span was about to end.
        once = [log for place, log in enumerate(events) if place == 0 or log != events[place - 1]]
        span.joined += tuple(record_id(log) for log in once)
        span.events = [*span.events, *(_span_event(log) for log in once)]
        for log in once:
            span.oddities += log.oddities
    return alone


def take_up_content(span: SpanData, span_notes: SpanNotes) -> None:
    """Adds what was collected beside a span of inference, as the event that would have carried it.

    What the span says itself wins; no record id is noted, since no event was emitted.
    """
    if span_notes.content and is_marked(span.shown()):
        details = EventData(DETAILS, span.end_unix_nano, dict(span_notes.content))
        span.events = [*span.events, details]


def _time(log: LogData) -> int:
    return log.time_unix_nano or log.observed_unix_nano


def _span_event(log: LogData) -> EventData:
    attributes = dict(log.attributes)
    if log.body is not None or log.name != DETAILS:
        attributes[BODY] = log.body
    return EventData(log.name, _time(log), attributes)


def read(log: LogData) -> InferenceCall | None:
    """Reads a GenAI log event that stands alone.

    What is mapped is taken out of ``log.attributes`` and ``log.body``, so the event's record id must be made
    before. A message is of operation ``message`` or ``choice``; the details of a call are of the call's own
    operation; a grade is an ``evaluation``.

    Returns:
        The call, or ``None`` for any other event, which is left as it was.
    """
    if not log.name.startswith(_PREFIX):
        return None
    draft = Draft({}, [])
    semconv.read(log.attributes, draft)
    if log.name in MESSAGES or log.name == CHOICE:
        operation = _read_message(log, draft)
    elif log.name.startswith(_EVALUATION):
        operation = "evaluation"
    else:
        if isinstance(log.body, dict):
            body, rest = log.body, draft.rest
            draft.rest = {}
            semconv.read(body, draft)
            log.body = draft.rest or None
            draft.rest = rest
        settled = settle_operation(draft, None)
        if settled is None:
            return None
        operation = settled
    log.attributes = draft.rest
    log.oddities += draft.oddities
    return draft.call(operation)


def _read_message(log: LogData, draft: Draft) -> str:
    body, log.body = log.body, None
    draft.tools = message_events.event_tools(log.name, body, draft.oddities)
    if draft.tools is not None:
        return "message"
    found = message_events.event_message(log.name, body, draft.oddities)
    if log.name != CHOICE:
        draft.messages = [found]
        return "message"
    vector = message_events.event_vector(log.name, body, draft.oddities)
    if vector is not None:
        draft.response_members["embeddings"] = [vector]
    else:
        draft.outputs = [found]
    if not draft.finish_reasons and "finish_reason" in found:
        draft.finish_reasons = [found["finish_reason"]]
    index = body.get("index") if isinstance(body, dict) else None
    if isinstance(index, int) and not draft.add_extra("choiceIndex", index):
        draft.oddities.append(notes.DUPLICATE_KEY)
    return "choice"
