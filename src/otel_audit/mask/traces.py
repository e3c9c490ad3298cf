"""What is known of a trace in which a tagged call was made, and the records that are compared with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pyarrow as pa

from otel_audit.mask.arrow import children
from otel_audit.mask.calls import CONTENT_EVENT

__all__ = ["Row", "Trace", "read_rows"]

_MAX_SPANS: Final = 1_024
_MAX_CALLS: Final = 64
"""Beyond them nobody can tell what is related, so all of it is."""

_OPEN_END: Final = 2**63
"""End of a span that does not say it."""

_SPAN_EVENTS: Final = frozenset({"http.server", "http.client", "rpc.server", "rpc.client"})


class Row(NamedTuple):
    """A record, as far as relations go; empty texts where it does not say."""

    trace: str
    span: str
    parent: str
    start: int
    end: int
    is_span: bool
    is_call: bool
    is_client: bool
    bonds: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def read_rows(records: pa.RecordBatch, calls: Sequence[bool]) -> list[Row]:
    """The records of a batch.

    Args:
        records: with the columns of the schema.
        calls: which of them are inference, by row.
    """
    traces, spans, parents = (
        [value or "" for value in records.column(name).to_pylist()]
        for name in ("traceId", "spanId", "parentSpanId")
    )
    starts = [value or 0 for value in records.column("timeUnixNano").to_pylist()]
    ends = [
        _OPEN_END if duration is None else start + duration
        for start, duration in zip(starts, records.column("durationNs").to_pylist(), strict=True)
    ]
    events, kinds = records.column("eventName").to_pylist(), records.column("spanKind").to_pylist()
    # Only spans have a kind; a log event has the ids of the span in which it was written.
    are_spans = [
        kind is not None or parent != "" or event in _SPAN_EVENTS
        for kind, parent, event in zip(kinds, parents, events, strict=True)
    ]
    are_clients = [
        event == "http.client" or (event == CONTENT_EVENT and kind == "client")
        for event, kind in zip(events, kinds, strict=True)
    ]
    columns = (
        traces,
        spans,
        parents,
        starts,
        ends,
        are_spans,
        calls,
        are_clients,
        _bonds(records),
        _links(records),
    )
    return list(map(Row._make, zip(*columns, strict=True)))


def _bonds(records: pa.RecordBatch) -> list[tuple[str, ...]]:
    """Conversation and response of each record: what a call has in common with one of another trace."""
    bonds: list[tuple[str, ...]] = [()] * records.num_rows
    info = children(records.column("modelInfo"))
    for kind in ("conversationId", "responseId"):
        if info[kind].null_count < len(bonds):
            for row, value in enumerate(info[kind].to_pylist()):
                if value:
                    bonds[row] += (f"{kind}:{value}",)
    return bonds


def _links(records: pa.RecordBatch) -> list[tuple[tuple[str, str], ...]]:
    linked = records.column("links")
    if linked.null_count == len(linked):
        return [()] * len(linked)
    return [
        tuple((one["traceId"] or "", one["spanId"] or "") for one in row or ()) for row in linked.to_pylist()
    ]


class _Call(NamedTuple):
    span: str
    start: int
    end: int


@dataclass(slots=True)
class Trace:
    """What is remembered of a trace with a tagged call.

    Attributes:
        seen_s: when it was last seen, monotonic.
        parents: span → parent, ``""`` for a root.
        calls: tagged ones.
        related: spans that are tagged for whatever reason.
    """

    seen_s: float = 0.0
    parents: dict[str, str] = field(default_factory=dict)
    calls: list[_Call] = field(default_factory=list)
    related: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Note a span, whether it is related or not: it may lie between two that are."""
        if row.is_span and row.span and len(self.parents) < _MAX_SPANS:
            self.parents[row.span] = row.parent

    def add_call(self, row: Row) -> None:
        """Note a tagged call: a span, or a log event that stands for the span in which it was written."""
        self.related.add(row.span)
        if len(self.calls) < _MAX_CALLS:
            self.calls.append(_Call(row.span, row.start, row.end if row.is_span else row.start))

    def is_related(self, row: Row) -> bool:
        """Whether a span stands above or below a tagged call, or may."""
        if len(self.calls) >= _MAX_CALLS:
            return True
        above, is_whole = self._above(row.parent)
        return any(self._is_related(row, above, is_whole, call) for call in self.calls)

    def _is_related(self, row: Row, above: Collection[str], is_whole: bool, call: _Call) -> bool:
        over, is_known = self._above(self.parents.get(call.span))
        if row.span and (row.span == call.span or row.span in over):
            return True
        if call.span and call.span in above:
            return True
        if not over.isdisjoint(above):
            return False
        may_contain = not is_known and row.start <= call.start <= row.end
        may_belong = not is_whole and call.start <= row.start <= call.end
        return may_contain or may_belong

    def _above(self, parent: str | None) -> tuple[set[str], bool]:
        """Spans from a parent upwards, and whether they lead to a root."""
        found: set[str] = set()
        while parent and parent not in found:
            found.add(parent)
            parent = self.parents.get(parent)
        return found, parent == ""
