"""Log events that are audited: which they are, and where they wait.

Rules:

- A GenAI event (``gen_ai.*``) whose span is in progress here waits in that span's notes and becomes part of its
  record. Before, after or without its span it goes to the log at once, where it still joins its span if both
  are in one batch, and is a record of its own otherwise.
- What carries ``audit.*`` is a record of its own, at once. Every other log record is none of ours.
- What waits is bounded in bytes, over all spans, and in number on each. An event that finds no room does not
  wait: it becomes a record of its own, so nothing is lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes.event_attributes import EVENT_NAME

from otel_audit.convert.span_notes import NOTES_KEY
from otel_audit.convert.spans import LogData
from otel_audit.sdk.notes import notes_of_context
from otel_audit.sdk.weight import weigh_value

if TYPE_CHECKING:
    from otel_audit.convert.from_sdk_logs import LogReader
    from otel_audit.convert.span_notes import SpanNotes
    from otel_audit.sdk.recorder import Recorder

__all__ = ["LogEvents", "is_wanted", "logs_of"]

_GEN_AI: Final = "gen_ai."
_AUDIT: Final = "audit."

MOST_BYTES: Final = 64 << 20
"""Of events that wait for the ends of their spans, in the process."""

MOST_ON_A_SPAN: Final = 1024
"""Events that wait for the end of one span: the messages of a very long conversation, one event each."""

_WAITS: Final = "_otel_audit_waits"
"""Mark on a log record that hangs in notes, which all logs of the process read."""


def is_wanted(event_name: str | None, attributes: Mapping[str, Any] | None) -> bool:
    """Whether a log record may become an audit record. Looks at names only, well under a microsecond."""
    if event_name and event_name.startswith(_GEN_AI):
        return True
    # The SDK's mapping is read past its lock and its Python methods.
    for key in getattr(attributes, "_dict", attributes) or ():
        if key.startswith(_AUDIT):
            return True
        if key == EVENT_NAME:
            value = attributes[key]  # type: ignore[index]  # it has this key
            if isinstance(value, str) and value.startswith(_GEN_AI):
                return True
    return False


class _Room:
    """How many bytes wait. An event gives its own back when nobody holds it any more, its span's end or not."""

    def __init__(self) -> None:
        self.taken = 0
        self.is_used = False
        self.renew_lock()

    def renew_lock(self) -> None:
        # Re-entrant: the last reference to an event may go in a collection that begins while it is held.
        self._lock = threading.RLock()

    def add(self, size: int) -> None:
        self.is_used = True
        with self._lock:
            self.taken += size


_room: Final = _Room()

os.register_at_fork(after_in_child=_room.renew_lock)


class _Event(LogData):
    """An event, with its weight in bytes. Doors may mark it, so it has a ``__dict__``."""

    weight: int
    waits = False

    def __del__(self, room: _Room = _room) -> None:
        # As a default, since modules may be empty by the time the last events go.
        if self.waits:
            room.add(-self.weight)


class LogEvents:
    """Takes the log events of one log. Thread-safe.

    Args:
        recorder: where they go.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._reader: LogReader | None = None

    def take(self, record: Any, resource: Any, scope: Any) -> None:
        """Take a log record that is wanted, unless a door of the same log has it already. Never raises.

        Args:
            record: of the Logs API; copied before this returns.
            resource: of the SDK.
            scope: of the instrumentation that emits it.
        """
        try:
            self._take(record, resource, scope)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self.recorder.losses.add("internal-error", 1)

    def _take(self, record: Any, resource: Any, scope: Any) -> None:
        marks = record.__dict__
        if _WAITS in marks or not self.recorder._mark(record):
            return
        event = self._read(record, resource, scope)
        if _may_wait(event):
            # The span may end at any moment: where it did so before or after the event was hung there, nobody
            # knows whether it was still seen, and a record too many is folded by its id, one too few is lost.
            span = trace.get_current_span(record.context)
            notes = _notes_of_open(span, record.span_id)
            if notes is not None and len(notes.logs) < MOST_ON_A_SPAN:
                marks[_WAITS] = True
                event.waits = True
                _room.add(event.weight)
                notes.logs.append(event)
                if span.is_recording():
                    return
                event = _copied(event, event.weight)
        self.recorder.record(cast("Any", event))

    def _read(self, record: Any, resource: Any, scope: Any) -> _Event:
        if self._reader is None:
            # Not before there is an event: an application that emits none must not pay for it.
            from otel_audit.convert.from_sdk_logs import LogReader  # noqa: PLC0415

            self._reader = LogReader()
        read = self._reader.read(record, resource, scope)
        return _copied(read, weigh_value(read.attributes) + weigh_value(read.body))


def logs_of(spans: Sequence[Any]) -> list[LogData]:
    """The events that wait for these spans, for one log to use up: each log of the process gets its own."""
    found: list[LogData] = []
    if not _room.is_used:
        return found
    for span in spans:
        context = span._context  # the public way costs a call more
        notes = None if context is None else context.__dict__.get(NOTES_KEY)
        if notes is not None and notes.logs:
            found += [_copied(event, 0) for event in notes.logs]
    return found


def _copied(event: LogData, weight: int) -> _Event:
    copy = _Event(
        event.name,
        event.time_unix_nano,
        event.observed_unix_nano,
        event.trace_id,
        event.span_id,
        event.body,
        dict(event.attributes),
        event.resource,
        event.dropped_attributes,
        list(event.oddities),
        cut=event.cut,
    )
    copy.weight = weight
    return copy


def _may_wait(event: _Event) -> bool:
    return (
        event.name.startswith(_GEN_AI)
        and not any(key.startswith(_AUDIT) for key in event.attributes)
        and _room.taken + event.weight <= MOST_BYTES
    )


def _notes_of_open(span: trace.Span, span_id: int | None) -> SpanNotes | None:
    """Notes of a span that is in progress here and is the event's."""
    context = span.get_span_context()
    return notes_of_context(context) if context.span_id == span_id and span.is_recording() else None
