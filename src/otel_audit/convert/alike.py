"""Spans of one lane and one resource become columns at once; those that need more are left over.

What makes one span odd must cost that span only. So the odd ones are looked for first; and where a value is
found out only by the columns it fails to become, the spans are tried once more in a few smaller lots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final, TypeAlias

from otel_audit.convert.bulk import BulkPart, convert_bulk
from otel_audit.convert.bulk_attributes import sort_columns
from otel_audit.convert.bulk_calls import of_calls, of_plain_calls
from otel_audit.convert.bulk_columns import AttributeColumns
from otel_audit.convert.bulk_http import complete_http_columns
from otel_audit.convert.bulk_plan import BulkPlan
from otel_audit.convert.columns import Row
from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.plain_calls import read_plain_calls
from otel_audit.convert.span_columns import SpanColumns, odd_spans, read_columns
from otel_audit.convert.spans import SpanData
from otel_audit.convert.verdicts import Lane, Verdict

__all__ = ["FEWEST", "convert_alike", "convert_called"]

FEWEST: Final = 16
"""Spans of one shape from which on columns of their own are cheaper than rows: each costs some fifty calls."""

IsNamed: TypeAlias = "Callable[[object, object, object], bool]"

_ROUTE_LEAVES: Final = ("route", "requestPath", "server.address")

_LOTS: Final = 8
"""Lots that are tried again where all at once did not become columns."""


@dataclass(frozen=True, slots=True)
class _Alike:
    """Spans with the same names of attributes.

    Attributes:
        positions: of each among those given.
        spans: their fields.
        attributes: their attributes.
    """

    positions: Sequence[int]
    spans: SpanColumns
    attributes: AttributeColumns

    def without(self, odd: Set[int]) -> _Alike:
        """The others; ``odd`` counts within these."""
        if not odd:
            return self
        kept = [number not in odd for number in range(len(self.positions))]
        fields: list[Any] = [tuple(compress(values, kept)) for values in self.spans]
        return _Alike(
            tuple(compress(self.positions, kept)),
            SpanColumns(*fields),
            {name: tuple(compress(values, kept)) for name, values in self.attributes.items()},
        )

    def lots(self) -> list[_Alike]:
        """The same in a few smaller lots."""
        size = -(-len(self.positions) // _LOTS)
        lots = []
        for start in range(0, len(self.positions), size):
            lot = slice(start, start + size)
            fields: list[Any] = [values[lot] for values in self.spans]
            attributes = {name: values[lot] for name, values in self.attributes.items()}
            lots.append(_Alike(self.positions[lot], SpanColumns(*fields), attributes))
        return lots


def convert_alike(
    lane: Lane,
    spans: Sequence[SpanData],
    common: Row,
    *,
    observed: int,
    bounded: bool,
    is_named: IsNamed | None,
) -> list[tuple[BulkPart, Sequence[int]]]:
    """Converts spans of a lane and one resource; never raises for what they hold.

    Args:
        lane: of the spans.
        spans: at least one; left as they are.
        common: leaves that all of them have.
        observed: when the batch was seen, nanoseconds since the epoch.
        bounded: whether a time too far from it would have to be noted.
        is_named: whether settings say something of a route, path and host; ``None`` where they say nothing.

    Returns:
        Records with the positions of their spans. Spans that are in none need a way of their own.
    """
    try:
        fields = read_columns(spans)
        whole = _Alike(range(len(spans)), fields, _attribute_columns(lane.names, spans))
        whole = whole.without(odd_spans(spans, fields, observed, bounded=bounded))
    except Exception:  # noqa: BLE001 - a field of another type than it should be; rows say what it is
        return []
    try:
        return _convert(lane, whole, common, is_named)
    except Exception:  # noqa: BLE001 - anything unexpected in a value: rows say exactly what it is
        parts: list[tuple[BulkPart, Sequence[int]]] = []
        for lot in whole.lots():
            try:
                parts += _convert(lane, lot, common, is_named)
            except Exception:  # noqa: BLE001, S112 - likewise: its spans are in no part, so each gets a row
                continue
        return parts


def convert_called(
    verdict: Verdict, spans: Sequence[SpanData], calls: Sequence[InferenceCall], common: Row
) -> BulkPart | None:
    """Converts likewise calls that were read one by one, of one verdict and one resource.

    Args:
        verdict: on the attributes that the dialects left.
        spans: ordinary ones, with these attributes.
        calls: what was made of each.
        common: leaves that all of them have.

    Returns:
        ``None`` where they need rows.
    """
    plan = verdict.bulk
    if plan is None:
        return None
    try:
        attributes = _attribute_columns(tuple(spans[0].attributes), spans)
        return convert_bulk(plan, read_columns(spans), attributes, of_calls(calls), common)
    except Exception:  # noqa: BLE001 - anything unexpected in a value: rows say exactly what it is
        return None


def _convert(
    lane: Lane, alike: _Alike, common: Row, is_named: IsNamed | None
) -> list[tuple[BulkPart, Sequence[int]]]:
    if is_named is not None and lane.call is None and len(alike.positions) >= FEWEST:
        alike = alike.without(_named(lane, alike, is_named))
    calls = None
    if lane.call is not None and len(alike.positions) >= FEWEST:
        read = read_plain_calls(lane.call, alike.attributes)
        if not read.is_read:
            return _convert(lane, alike.without(read.odd), common, is_named)
        alike = alike.without(read.odd)
        calls = of_plain_calls(read, lane.operation)
    if len(alike.positions) < FEWEST:
        return []
    return [(convert_bulk(_plan(lane), alike.spans, alike.attributes, calls, common), alike.positions)]


def _named(lane: Lane, alike: _Alike, is_named: IsNamed) -> set[int]:
    """Returns the positions of the spans of which settings say something."""
    found = sort_columns(_plan(lane), alike.attributes)
    complete_http_columns(found, alike.spans.kind[0])
    nothing = [None] * len(alike.positions)
    known: dict[Any, bool] = {}
    named = set()
    for position, key in enumerate(
        zip(*[found.columns.get(leaf, nothing) for leaf in _ROUTE_LEAVES], strict=True)
    ):
        if key not in known:
            known[key] = is_named(*key)
        if known[key]:
            named.add(position)
    return named


def _plan(lane: Lane) -> BulkPlan:
    plan = lane.verdict.bulk
    assert plan is not None  # noqa: S101  lanes have one
    return plan


def _attribute_columns(names: tuple[str, ...], spans: Sequence[SpanData]) -> AttributeColumns:
    """Returns the attributes of spans that have these, in this order."""
    return dict(zip(names, zip(*[span.shown().values() for span in spans], strict=True), strict=True))
