"""Rows become columns.

A row is a dict from leaf to value: ``method``, ``user.id``, ``modelInfo.inputTokens``. Rows are sparse; only
the leaves that some row has become Python lists, everything else becomes a typed column of nulls. A struct is
null where all its children are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.convert.arrays import Column, array_of
from otel_audit.record.schema import EXACT_TIMES, FIELDS, SCHEMA

__all__ = ["LEAF_TYPES", "Part", "Row", "RowsPart", "Section", "build_batch", "repeated"]

Row: TypeAlias = "dict[str, object]"
"""Leaf path → value. Headers are :data:`~otel_audit.convert.sorter.Headers`, other maps dicts, nested records
lists of dicts, instants the exact column's nanoseconds."""

_NANOS_PER_MICRO: Final = 1_000

_INSTANT: Final = pa.int64()

_LAYOUT: Final = tuple(
    (
        entry.name,
        entry.type,
        tuple(pa.field(f"{entry.name}.{child.name}", child.type) for child in entry.type)
        if pa.types.is_struct(entry.type)
        else (),
    )
    for entry in FIELDS
)
"""Columns in order: name, type, and of structs the children by leaf path."""

LEAF_TYPES: Final[dict[str, Any]] = {
    leaf.name: leaf.type for name, kind, children in _LAYOUT for leaf in (children or (pa.field(name, kind),))
}
"""Leaf path → type."""


class Part(Protocol):
    """Some records of a batch, asked for one leaf at a time."""

    def __len__(self) -> int:
        """How many records it holds."""

    def has(self, leaf: str) -> bool:
        """Whether any of them may have a value for ``leaf``."""

    def constant(self, leaf: str) -> object:
        """Returns the one value that all of them have for ``leaf``, ``None`` where there is none."""

    def column(self, leaf: str, kind: Any) -> Column:
        """Returns the values of a leaf that :meth:`has` confirms.

        Raises:
            TypeError, ValueError, OverflowError: a value does not fit the type (Arrow's own errors are
                subclasses of these).
        """


class RowsPart:
    """Records given as rows.

    Args:
        rows: one a record. Values have the Python types of their Arrow types; times are given as
            ``timeUnixNano`` and ``observedTimeUnixNano``, the columns in microseconds follow from them.
        commons: for each record the row of what it has in common with others: the same object wherever it
            is the same, so that its values are made once. A leaf of the record's own row comes first.
    """

    def __init__(self, rows: Sequence[Row], commons: Sequence[Row]) -> None:
        self._rows, self._commons = rows, commons
        self._used: set[str] = set().union(*rows)
        self._distinct = list({id(common): common for common in commons}.values())
        self._used_by_commons: set[str] = set().union(*self._distinct)

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, leaf: str) -> bool:
        return leaf in self._used or leaf in self._used_by_commons

    def constant(self, leaf: str) -> object:
        alone = len(self._distinct) == 1 and leaf not in self._used
        return self._distinct[0].get(leaf) if alone else None

    def column(self, leaf: str, kind: Any) -> Column:
        if leaf not in self._used_by_commons:
            return array_of([row.get(leaf) for row in self._rows], kind)
        if leaf in self._used:
            pairs = zip(self._rows, self._commons, strict=True)
            return array_of([row[leaf] if leaf in row else common.get(leaf) for row, common in pairs], kind)
        if len(self._distinct) == 1:
            return repeated(self._distinct[0][leaf], kind, len(self._rows))
        return array_of([common.get(leaf) for common in self._commons], kind)


class Section(NamedTuple):
    """Records that come one after another in a batch.

    Attributes:
        parts: the records, part after part.
        order: a number for each of them, by which they are put in order; ``None`` where they are.
    """

    parts: Sequence[Part]
    order: Sequence[int] | None = None


def build_batch(sections: Sequence[Section]) -> pa.RecordBatch:
    """Builds a batch with the columns of the schema, in its order.

    Args:
        sections: records, section after section.

    Raises:
        TypeError, ValueError, OverflowError: a value does not fit its column.
    """
    leaves = _Leaves(sections)
    columns: list[Column] = []
    for name, kind, children in _LAYOUT:
        if name in EXACT_TIMES:
            # Instants are not negative here, so the truncating division rounds down.
            nanos = leaves.column(EXACT_TIMES[name], _INSTANT)
            columns.append(pc.divide(nanos, _NANOS_PER_MICRO).cast(kind))
        elif children:
            columns.append(_struct(leaves, name, kind, children))
        else:
            columns.append(leaves.column(name, kind))
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


class _Leaves:
    """Puts together one leaf of all sections at a time."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = [
            _SectionLeaves([part for part in parts if len(part)], order)
            for parts, order in sections
            if any(map(len, parts))
        ]
        self._total = sum(section.count for section in self._sections)

    def has(self, leaf: str) -> bool:
        return any(section.has(leaf) for section in self._sections)

    def nulls(self, leaf: str, kind: Any) -> Column:
        return _nulls(leaf, kind, self._total)

    def column(self, leaf: str, kind: Any) -> Column:
        if not self.has(leaf):
            return _nulls(leaf, kind, self._total)
        constant = _agreed([section.constant(leaf) for section in self._sections])
        if constant is not None:
            return repeated(constant, kind, self._total)
        return _concatenated([section.column(leaf, kind) for section in self._sections])


class _SectionLeaves:
    """Puts together one leaf of a section at a time; only here records have to change places.

    Leaf by leaf, since putting a whole batch in order also moves every null of every struct.
    """

    def __init__(self, parts: Sequence[Part], order: Sequence[int] | None) -> None:
        self._parts = parts
        self.count = sum(map(len, parts))
        self._order = None if order is None else pc.sort_indices(pa.array(order, pa.int64()))

    def has(self, leaf: str) -> bool:
        return any(part.has(leaf) for part in self._parts)

    def constant(self, leaf: str) -> object:
        return _agreed([part.constant(leaf) for part in self._parts])

    def column(self, leaf: str, kind: Any) -> Column:
        if not self.has(leaf):
            return _nulls(leaf, kind, self.count)
        constant = self.constant(leaf)
        if constant is not None:
            return repeated(constant, kind, self.count)
        joined = _concatenated(
            [
                part.column(leaf, kind) if part.has(leaf) else _nulls(leaf, kind, len(part))
                for part in self._parts
            ]
        )
        return joined if self._order is None else joined.take(self._order)


def _agreed(constants: list[object]) -> object:
    """Returns the value that all of these are, ``None`` where they differ or one is ``None``."""
    first = constants[0]
    same = first is not None and all(other == first for other in constants[1:])
    return first if same else None


def repeated(value: object, kind: Any, count: int) -> Column:
    """Returns a value so many times."""
    return pa.repeat(pa.scalar(value, kind), count)


def _concatenated(arrays: list[Column]) -> Column:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


_NULLS: Final[dict[str, Column]] = {}
"""Leaf → :data:`_READY_NULLS` nulls of its type. Most leaves of a batch are null; slicing costs a fraction."""

_READY_NULLS: Final = 1_024


def _nulls(leaf: str, kind: Any, count: int) -> Column:
    if count > _READY_NULLS:
        return pa.nulls(count, kind)
    ready = _NULLS.get(leaf)
    if ready is None:
        ready = _NULLS[leaf] = pa.nulls(_READY_NULLS, kind)
    return ready[:count]


def _struct(leaves: _Leaves, name: str, kind: Any, children: tuple[Any, ...]) -> Column:
    used = [leaves.has(child.name) for child in children]
    if not any(used):
        return leaves.nulls(name, kind)
    arrays = [
        leaves.column(child.name, child.type) if has else leaves.nulls(child.name, child.type)
        for child, has in zip(children, used, strict=True)
    ]
    present = [values for values, has in zip(arrays, used, strict=True) if has]
    mask = None
    # A child without nulls, as most structs have one, spares the mask.
    if all(values.null_count for values in present):
        mask = present[0].is_null()
        for values in present[1:]:
            mask = pc.and_(mask, values.is_null())
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=mask)
