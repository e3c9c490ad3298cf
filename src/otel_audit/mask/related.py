"""Records that stand in relation to tagged calls, in their own batch and in those that come after.

Spans end from the inside out and arrive in any order. So what was tagged is remembered by its trace, and what
comes later is compared with it:

1. A span above or below a tagged call, as far as parents are known, is related.
2. One that is known to be in another branch is not: the two have an ancestor in common, or their roots differ.
3. Where the chain is broken, since spans between them are no records or have not come yet, time decides: a span
   that was open when the call began, or began while the call was open, is related.
4. A log event of a related span is related; one that says itself that it concerns a tagged model makes its span
   related. What an application emits about itself is neither.
5. A call of the same conversation, or the same response, is related: it quotes what went before.
6. So is a span that links to a related one.

A body that is sent out from a span which is not known yet is undecidable: that span may be a tagged call, which
ends after those that it contains.

What is remembered is bounded in traces, spans and age. A trace with more tagged calls than can be told apart is
related as a whole.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from otel_audit.mask.traces import Row, Trace

__all__ = ["Related", "Relations"]

_MAX_TRACES: Final = 65_536
_MAX_SPANS: Final = 131_072
"""Spans of all traces together: some 30 MB."""
_MAX_AGE_S: Final = 3_600.0
"""A stream may go on for long, and what is left of its body follows then."""


@dataclass(frozen=True, slots=True)
class Related:
    """What relations say of a batch, by row.

    Attributes:
        related: stands in relation to a tagged call.
        cleared: was undecidable, and belongs to a call that is known to be untagged.
        unknown: sends a body on behalf of a span that is not known.
    """

    related: set[int] = field(default_factory=set)
    cleared: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)


class Relations:
    """What was tagged before. Thread-safe.

    Args:
        max_traces: traces with a tagged call, calls without, and conversations and responses with one.
        clock: seconds, monotonic.
    """

    def __init__(self, max_traces: int = _MAX_TRACES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max, self._clock = max_traces, clock
        self._lock = threading.Lock()
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._spans = 0
        self._bonds: OrderedDict[str, float] = OrderedDict()
        self._clear: OrderedDict[tuple[str, str], float] = OrderedDict()

    def relate(
        self,
        rows: Sequence[Row],
        *,
        decided: Collection[int],
        undecided: Collection[int],
        clear: Collection[int],
        sending: Collection[int],
    ) -> Related:
        """Relate a batch to itself and to what came before, and remember it.

        Args:
            rows: its records.
            decided: those whose own model has the tag.
            undecided: those that may be of such a model.
            clear: of those that send, those that say of which model they are, or are known to be of one without
                the tag.
            sending: those that have a request body.
        """
        with self._lock:
            now = self._clock()
            self._forget(now)
            found = Related()
            calls = [
                index
                for index, row in enumerate(rows)
                if index in decided or (index in undecided and row.is_call and row.is_span)
            ]
            self._relate_traces(rows, calls, found, now)
            self._relate_events(rows, undecided, found)
            self._relate_bonds(rows, decided, found, now)
            self._relate_links(rows, found)
            tagged = found.related.union(decided, undecided)
            self._find_unknown(rows, sending, tagged.union(clear), found)
            for index, row in enumerate(rows):
                if row.is_call and row.is_span and row.trace and index not in tagged:
                    _renew(self._clear, (row.trace, row.span), now)
            return found

    def _relate_traces(self, rows: Sequence[Row], calls: Sequence[int], found: Related, now: float) -> None:
        wanted = {rows[index].trace for index in calls} - {""}
        wanted |= {row.trace for row in rows if row.trace in self._traces}
        by_trace: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            if row.trace in wanted:
                by_trace.setdefault(row.trace, []).append(index)
        own = set(calls)
        for name, indexes in by_trace.items():
            trace = self._traces.get(name) or Trace()
            before = len(trace.parents)
            for index in indexes:
                trace.add(rows[index])
            for index in own.intersection(indexes):
                trace.add_call(rows[index])
            for index in indexes:
                if index not in own and rows[index].is_span and trace.is_related(rows[index]):
                    found.related.add(index)
                    trace.related.add(rows[index].span)
            trace.related.discard("")
            trace.seen_s = now
            self._traces[name] = trace
            self._traces.move_to_end(name)
            self._spans += len(trace.parents) - before

    def _relate_events(self, rows: Sequence[Row], undecided: Collection[int], found: Related) -> None:
        here = {(row.trace, row.span): index for index, row in enumerate(rows) if row.is_span and row.is_call}
        for index, row in enumerate(rows):
            if row.is_span or not row.is_call or not row.span:
                continue
            trace = self._traces.get(row.trace)
            if trace is not None and row.span in trace.related:
                found.related.add(index)
            elif index in undecided:
                span = here.get((row.trace, row.span))
                if (row.trace, row.span) in self._clear if span is None else span not in undecided:
                    found.cleared.add(index)

    def _relate_bonds(
        self, rows: Sequence[Row], decided: Collection[int], found: Related, now: float
    ) -> None:
        for index in decided:
            for bond in rows[index].bonds:
                _renew(self._bonds, bond, now)
        if self._bonds:
            found.related.update(
                index
                for index, row in enumerate(rows)
                if row.is_call and any(bond in self._bonds for bond in row.bonds)
            )

    def _relate_links(self, rows: Sequence[Row], found: Related) -> None:
        for index, row in enumerate(rows):
            for name, span in row.links:
                trace = self._traces.get(name)
                if trace is not None and span in trace.related:
                    found.related.add(index)

    def _find_unknown(
        self, rows: Sequence[Row], sending: Collection[int], settled: Collection[int], found: Related
    ) -> None:
        here = {(row.trace, row.span) for row in rows if row.is_span}
        for index in sending:
            row = rows[index]
            if index in settled or not row.is_client or not row.parent:
                continue
            trace = self._traces.get(row.trace)
            parent = (row.trace, row.parent)
            is_known = parent in here or parent in self._clear
            if not is_known and (trace is None or row.parent not in trace.parents):
                found.unknown.add(index)

    def _forget(self, now: float) -> None:
        while self._traces and (
            len(self._traces) > self._max
            or self._spans > _MAX_SPANS
            or next(iter(self._traces.values())).seen_s < now - _MAX_AGE_S
        ):
            _, trace = self._traces.popitem(last=False)
            self._spans -= len(trace.parents)
        _drop_old(self._bonds, self._max, now)
        _drop_old(self._clear, self._max, now)


def _renew(known: OrderedDict[Any, float], key: Hashable, now: float) -> None:
    known[key] = now
    known.move_to_end(key)


def _drop_old(known: OrderedDict[Any, float], most: int, now: float) -> None:
    while known and (len(known) > most or next(iter(known.values())) < now - _MAX_AGE_S):
        known.popitem(last=False)
