"""Spans and log events of several files, brought together: what one command reads may join.

Some instrumentations put a call's messages only into log events, and a Collector writes those into files of
their own. An event can join its span's record only if both are converted in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from otel_audit.convert.exports import Export
from otel_audit.convert.otlp_files import BATCH_ITEMS, read_file
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.errors import InputError

T = TypeVar("T")

HELD_SPANS: Final = 20_000
"""Spans kept in memory while the files are searched for events; of more, the files are read a second time."""

HELD_EVENTS: Final = 200_000
"""Log events kept in memory for their spans; what is beyond becomes records of its own."""


def read_files(
    paths: Sequence[str], problems: list[InputError], on_read: Callable[[str, int], None]
) -> Iterator[Export]:
    """Batches of spans, each with the log events of its spans, then the events that are left.

    Args:
        paths: OTLP files.
        problems: takes what cannot be read of them.
        on_read: called with a file and how many spans and events of it were read since the last call.

    Raises:
        OSError: a file cannot be opened or read.
    """
    waiting = _Waiting()
    held: list[SpanData] | None = []
    for path in paths:
        for export in read_file(path, problems=problems):
            on_read(path, len(export))
            yield from waiting.add(export.logs)
            if held is not None:
                held += export.spans
                if len(held) > HELD_SPANS:
                    held = None
    for spans in _chunks(iter(held)) if held is not None else _spans_again(paths):
        yield Export(spans, waiting.of(spans))
    yield from waiting.rest()


class _Waiting:
    """Log events that wait for the span they belong to."""

    def __init__(self) -> None:
        self._by_span: dict[tuple[str, str], list[LogData]] = {}
        self._count = 0

    def add(self, events: Sequence[LogData]) -> Iterator[Export]:
        """Keep events; yields all that wait when they have become too many."""
        for event in events:
            self._by_span.setdefault((event.trace_id, event.span_id), []).append(event)
        self._count += len(events)
        if self._count > HELD_EVENTS:
            yield from self.rest()

    def of(self, spans: Sequence[SpanData]) -> list[LogData]:
        """Take the events of these spans."""
        found: list[LogData] = []
        for span in spans:
            if span.trace_id and span.span_id:
                found += self._by_span.pop((span.trace_id, span.span_id), ())
        return found

    def rest(self) -> Iterator[Export]:
        """Take all events."""
        events = (event for group in self._by_span.values() for event in group)
        for chunk in _chunks(events):
            yield Export([], chunk)
        self._by_span.clear()
        self._count = 0


def _spans_again(paths: Sequence[str]) -> Iterator[list[SpanData]]:
    # What cannot be read was reported the first time.
    for path in paths:
        for export in read_file(path, problems=[]):
            if export.spans:
                yield export.spans


def _chunks(items: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(items, BATCH_ITEMS)):
        yield chunk
