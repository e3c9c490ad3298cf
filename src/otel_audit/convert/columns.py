"""Rows become columns.

A row is a dict from leaf to value: ``method``, ``user.id``, ``modelInfo.inputTokens``. Rows are sparse; only
the leaves that some row has become Python lists, everything else becomes a typed column of nulls. A struct is
null where all its children are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.schema import EXACT_TIMES, FIELDS, SCHEMA

__all__ = ["Row", "build_batch"]

Row: TypeAlias = "dict[str, object]"
"""Leaf path → value. Maps are dicts, nested records lists of dicts, instants the exact column's nanoseconds."""

_NANOS: Final = {exact: coarse for coarse, exact in EXACT_TIMES.items()}

_HEADERS: Final = pa.map_(pa.string(), pa.list_(pa.string()))


def build_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Builds a batch with the columns of the schema, in its order.

    Args:
        rows: one a record. Values have the Python types of their Arrow types; times are given as
            ``timeUnixNano`` and ``observedTimeUnixNano``, the columns in microseconds follow from them.

    Raises:
        TypeError, ValueError, OverflowError: a value does not fit its column (Arrow's own errors are
            subclasses of these).
    """
    count = len(rows)
    used = set().union(*rows)
    columns: list[pa.Array] = []
    for entry in FIELDS:
        name, kind = entry.name, entry.type
        if name in EXACT_TIMES:
            columns.append(_micros(rows, EXACT_TIMES[name], kind))
        elif pa.types.is_struct(kind):
            columns.append(_struct(rows, name, kind, used, count))
        elif name not in used:
            columns.append(pa.nulls(count, kind))
        else:
            columns.append(_leaf([row.get(name) for row in rows], kind))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _micros(rows: Sequence[Row], exact: str, kind: pa.DataType) -> pa.Array:
    nanos = pa.array([row.get(exact) for row in rows], pa.int64())
    # Instants are not negative here, so the truncating division rounds down.
    return pc.divide(nanos, 1_000).cast(kind)


def _struct(
    rows: Sequence[Row], name: str, kind: pa.StructType, used: set[str], count: int
) -> pa.Array:
    present = [child for child in kind if f"{name}.{child.name}" in used]
    if not present:
        return pa.nulls(count, kind)
    children: dict[str, pa.Array] = {}
    null = None
    for child in present:
        path = f"{name}.{child.name}"
        values = _leaf([row.get(path) for row in rows], child.type)
        children[child.name] = values
        missing = pc.is_null(values)
        null = missing if null is None else pc.and_(null, missing)
    return pa.StructArray.from_arrays(
        [children[child.name] if child.name in children else pa.nulls(count, child.type) for child in kind],
        fields=list(kind),
        mask=null,
    )


def _leaf(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == _HEADERS:
        return _headers(values)
    if pa.types.is_map(kind):
        values = [None if value is None else sorted(value.items()) for value in values]
    return pa.array(values, kind)


def _headers(values: list[dict[str, list[str]] | None]) -> pa.Array:
    """Builds the map column from flat lists: several times cheaper than from nested Python objects."""
    rows: list[int | None] = [0]
    names: list[str] = []
    items: list[int] = [0]
    texts: list[str] = []
    for value in values:
        if value is None:
            # A null's own offset marks it, so the offset before it has to be a number again.
            rows[-1:] = [None, len(names)]
            continue
        for name in sorted(value):
            names.append(name)
            texts += value[name]
            items.append(len(texts))
        rows.append(len(names))
    return pa.MapArray.from_arrays(
        pa.array(rows, pa.int32()),
        pa.array(names, pa.string()),
        pa.ListArray.from_arrays(pa.array(items, pa.int32()), pa.array(texts, pa.string())),
    )
