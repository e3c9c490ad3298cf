"""Attributes of many spans of one shape are sorted, and what no room took is encoded.

:mod:`~otel_audit.convert.sorter` and :mod:`~otel_audit.convert.rest` do so for one span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from otel_audit.convert.arrays import header_array
from otel_audit.convert.bulk_columns import GONE, AttributeColumns, Irregular, SortedColumns, integers, texts
from otel_audit.convert.bulk_plan import BulkPlan
from otel_audit.convert.columns import Row
from otel_audit.convert.derive import REQUEST_ID
from otel_audit.convert.identity import MAX_IDENTITY
from otel_audit.convert.rest import encode_object

__all__ = ["encode_rest", "read_user", "sort_columns"]

_ONE_TEXT: Final = frozenset({str, int, bool, bytes, type(None), type(GONE)})
"""Types of which equal values have equal JSON; 0.0 and -0.0 have not."""

_ARRAYS: Final = frozenset({list, tuple})


def sort_columns(plan: BulkPlan, attributes: AttributeColumns) -> SortedColumns:
    """Sorts the attributes of spans of one shape.

    Raises:
        Irregular: a value needs a row.
    """
    shape, columns = plan.shape, dict[str, Any]()
    limits = dict(shape.limits)
    for position, leaf in enumerate(shape.leaves):
        values = attributes[shape.direct[position]]
        columns[leaf] = integers(values, limits[position]) if position in limits else texts(values)
    first = len(shape.leaves)
    for leaf, headers in (
        ("requestHeaders", shape.request_headers),
        ("responseHeaders", shape.response_headers),
    ):
        if headers:
            names = shape.direct[first : first + len(headers)]
            columns_of_headers = [_single(attributes[name]) for name in names]
            columns[leaf] = header_array(headers, columns_of_headers)
            if REQUEST_ID in headers and "requestId" not in columns:
                columns["requestId"] = texts(columns_of_headers[headers.index(REQUEST_ID)])
        first += len(headers)
    return SortedColumns(
        columns,
        {name: attributes[name] for name in plan.held},
        {name: attributes[name] for name in plan.rest},
    )


def _single(values: Sequence[Any]) -> list[str]:
    """Returns the texts of a header that each span has once."""
    if not _ARRAYS.issuperset(map(type, values)):
        raise Irregular
    single = [text for (text,) in values]
    "".join(single)
    return single


def read_user(plan: BulkPlan, attributes: AttributeColumns, columns: dict[str, Any], common: Row) -> None:
    """Fills ``user`` where an attribute or a header names one.

    Raises:
        Irregular: an id is missing or too long.
    """
    if plan.asserted:
        origin, assurance = plan.asserted, "asserted"
        ids = texts(attributes[origin])
    elif plan.claimed:
        origin, assurance = f"header:{plan.claimed[1]}", "claimed"
        ids = texts([text.strip() for text in _single(attributes[plan.claimed[0]])])
    else:
        return
    if max(map(len, ids)) > MAX_IDENTITY:
        raise Irregular
    columns["user.id"] = ids
    common.update({"user.type": "user", "user.origin": origin, "user.assurance": assurance})


def encode_rest(rest: Mapping[str, Sequence[Any]]) -> list[str | None]:
    """Returns ``attributes`` of each span.

    Raises:
        Irregular: something has to be noted.
    """
    oddities: list[str] = []
    names = tuple(rest)
    rows = list(zip(*rest.values(), strict=True))
    kinds = [set(map(type, values)) - {type(GONE)} for values in rest.values()]
    if all(len(kind) <= 1 and kind <= _ONE_TEXT for kind in kinds):
        known = {row: _encode(names, row, oddities) for row in set(rows)}
        encoded = [known[row] for row in rows]
    else:
        encoded = [_encode(names, row, oddities) for row in rows]
    if oddities:
        raise Irregular
    return encoded


def _encode(names: tuple[str, ...], row: tuple[Any, ...], oddities: list[str]) -> str | None:
    attributes = dict(zip(names, row, strict=True))
    if GONE in row:
        attributes = {name: value for name, value in attributes.items() if value is not GONE}
    return encode_object(attributes, oddities) if attributes else None
