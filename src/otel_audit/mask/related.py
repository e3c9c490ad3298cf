"""Records that stand above and below others in their traces, as far as a batch shows it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

__all__ = ["related"]


def related(records: pa.RecordBatch, sources: Sequence[int]) -> set[int]:
    """Rows above and below the sources.

    Args:
        records: with ``traceId``, ``spanId`` and ``parentSpanId``.
        sources: rows.
    """
    found: set[int] = set()
    if not sources:
        return found
    traces, spans, parents = (
        [value or "" for value in records.column(name).to_pylist()]
        for name in ("traceId", "spanId", "parentSpanId")
    )
    wanted = {traces[row] for row in sources} - {""}
    by_span: dict[tuple[str, str], int] = {}
    children: dict[tuple[str, str], list[int]] = {}
    for row, trace in enumerate(traces):
        if trace in wanted:
            by_span[trace, spans[row]] = row
            children.setdefault((trace, parents[row]), []).append(row)
    for source in sources:
        trace = traces[source]
        if not trace:
            continue
        seen = {source}
        above = by_span.get((trace, parents[source]))
        while above is not None and above not in seen:
            seen.add(above)
            above = by_span.get((trace, parents[above]))
        # A span without an id has no children; those without a parent are not its own.
        below = list(children.get((trace, spans[source]), ())) if spans[source] else []
        while below:
            row = below.pop()
            if row not in seen:
                seen.add(row)
                below += children.get((trace, spans[row]), ()) if spans[row] else ()
        found |= seen - {source}
    return found
