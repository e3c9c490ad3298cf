"""String leaves and keys of a column, and the column put together again.

A column of the schema is a tree: structs, lists and maps, with strings at its leaves. :func:`rebuild` walks it
once and hands each array of strings, with a :class:`Place` that tells row and path of each entry, to a
visitor. Where that returns the very same arrays, the very same column comes back.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from otel_audit.mask.arrow import Column, Offsets
from otel_audit.mask.arrow import offsets as _offsets

__all__ = ["Place", "Verdicts", "Visitor", "compact", "rebuild", "with_values"]

Verdicts = npt.NDArray[np.int8]
"""One small number an entry: what its map key says about it."""

_UNINDEXED: Final = frozenset({"requestHeaders", "responseHeaders"})
"""Maps of which the values of one key share a path: a header may be sent in several lines."""


class Place:
    """Where the entries of an array of strings are.

    Args:
        field: path without indexes and map keys, such as ``events.attributes``.
        parent: place of the array that this one is nested in; None for a column.
        offsets: first entry of each entry of the parent, and one more, where it is a list or map.
        keys: masked keys of the entries, where the parent is a map.
        names: the keys as they were.
        verdicts: what the keys say, likewise.
    """

    __slots__ = ("_keys", "_names", "_offsets", "_parent", "field", "verdicts")

    def __init__(
        self,
        field: str,
        parent: Place | None = None,
        *,
        offsets: Offsets | None = None,
        keys: Column | None = None,
        names: Column | None = None,
        verdicts: Verdicts | None = None,
    ) -> None:
        self.field, self._parent, self._offsets = field, parent, offsets
        self._keys, self._names, self.verdicts = keys, names, verdicts

    def row(self, entry: int) -> int:
        """The record that an entry belongs to."""
        if self._parent is None:
            return entry
        return self._parent.row(self._above(entry))

    def rows(self, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The records that entries belong to."""
        if self._parent is None:
            return entries
        if self._offsets is not None:
            entries = np.searchsorted(self._offsets, entries, side="right") - 1
        return self._parent.rows(entries)

    def paths(self, entries: npt.NDArray[np.int64]) -> list[str]:
        """The paths of entries."""
        if self._parent is not None and self._offsets is not None and self.field in _UNINDEXED:
            above = np.searchsorted(self._offsets, entries, side="right") - 1
            if self._keys is None:
                return self._parent.paths(above)
            start = f"{self.field}."
            return [start + key for key in self._keys.take(entries).to_pylist()]
        return [self.path(entry) for entry in entries.tolist()]

    def path(self, entry: int) -> str:
        """The path of an entry, such as ``events[0].attributes``."""
        if self._parent is None:
            return self.field
        above = self._above(entry)
        start = self._parent.path(above)
        if self._keys is not None:
            return f"{start}.{self._keys[entry].as_py()}"
        if self._offsets is None:
            return f"{start}.{self.field.rpartition('.')[2]}"
        if self.field in _UNINDEXED:
            return start
        return f"{start}[{entry - int(self._offsets[above])}]"

    def name(self, entry: int) -> str | None:
        """The map key that an entry is under, as it was; None outside of maps."""
        if self._names is not None:
            return str(self._names[entry].as_py())
        return None if self._parent is None else self._parent.name(self._above(entry))

    def siblings(self, entry: int) -> range:
        """The entries of the list of strings that an entry is an item of; itself alone elsewhere."""
        if self._offsets is None or self._keys is not None:
            return range(entry, entry + 1)
        above = self._above(entry)
        return range(int(self._offsets[above]), int(self._offsets[above + 1]))

    def lists(self, *, of_structs: bool = False) -> list[range]:
        """The entries of each list that has several: of strings, or of structs that the entries are of."""
        if of_structs:
            return [] if self._parent is None else self._parent.lists()
        if self._offsets is None or self._keys is not None:
            return []
        several = np.flatnonzero(np.diff(self._offsets) > 1)
        return [range(int(self._offsets[at]), int(self._offsets[at + 1])) for at in several.tolist()]

    def _above(self, entry: int) -> int:
        if self._offsets is None:
            return entry
        return int(np.searchsorted(self._offsets, entry, side="right")) - 1


class Visitor(Protocol):
    """What is done with the strings of a column."""

    def strings(self, array: Column, place: Place) -> Column:
        """Masks the strings of an array."""
        ...

    def keys(self, array: Column, place: Place) -> Column:
        """Masks the keys of maps."""
        ...

    def verdicts(self, array: Column, field: str) -> Verdicts | None:
        """What keys say about their values; None where they say nothing."""
        ...


def compact(records: pa.RecordBatch) -> pa.RecordBatch:
    """The same records in arrays that start at their buffers' start."""
    columns: list[Column] = records.columns
    if not any(column.offset for column in columns):
        return records
    every = np.arange(records.num_rows)
    return pa.RecordBatch.from_arrays([column.take(every) for column in columns], schema=records.schema)


def rebuild(array: Column, place: Place, visitor: Visitor) -> Column:
    """The column with its strings as the visitor made them.

    Args:
        array: of any type of the schema, not sliced.
        place: of its entries.
    """
    if array.null_count == len(array):
        return array
    kind = array.type
    if pa.types.is_string(kind):
        return visitor.strings(array, place)
    if pa.types.is_struct(kind):
        return _struct(array, place, visitor)
    if pa.types.is_map(kind):
        return _map(array, place, visitor)
    if pa.types.is_list(kind):
        offsets = _offsets(array)
        verdicts = None if place.verdicts is None else np.repeat(place.verdicts, np.diff(offsets))
        below = Place(place.field, place, offsets=offsets, verdicts=verdicts)
        old_values = array.values
        values = rebuild(old_values, below, visitor)
        return array if values is old_values else with_values(array, values)
    return array


def with_values(array: Column, values: Column) -> Column:
    """A list or map array with other values in the same places."""
    buffers = array.buffers()[:2]
    return pa.Array.from_buffers(
        array.type, len(array), buffers, null_count=array.null_count, children=[values]
    )


def _struct(array: Column, place: Place, visitor: Visitor) -> Column:
    children = [array.field(index) for index in range(array.type.num_fields)]
    changed = []
    for field, child in zip(array.type, children, strict=True):
        name = f"{place.field}.{field.name}"
        changed.append(rebuild(child, Place(name, place, verdicts=place.verdicts), visitor))
    if all(new is child for new, child in zip(changed, children, strict=True)):
        return array
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(changed, fields=list(array.type), mask=mask)


def _map(array: Column, place: Place, visitor: Visitor) -> Column:
    old_keys, old_items = array.keys, array.items
    offsets = _offsets(array)
    keys = visitor.keys(old_keys, Place(place.field, place, offsets=offsets))
    below = Place(
        place.field, place, offsets=offsets, keys=keys, names=old_keys,
        verdicts=visitor.verdicts(old_keys, place.field),
    )  # fmt: skip
    items = rebuild(old_items, below, visitor)
    if keys is old_keys and items is old_items:
        return array
    entry = array.type
    fields = [pa.field("key", entry.key_type, nullable=False), entry.item_field]
    if keys is not old_keys:
        keys, items = _in_order(keys, items, offsets)
    return with_values(array, pa.StructArray.from_arrays([keys, items], fields=fields))


def _in_order(keys: Column, items: Column, offsets: Offsets) -> tuple[Column, Column]:
    """Entries of each map sorted by key again; a key that is there already gets ``#2``."""
    names = keys.to_pylist()
    order: list[int] = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        taken: set[str] = set()
        for entry in range(start, end):
            name, number = names[entry], 1
            while names[entry] in taken:
                number += 1
                names[entry] = f"{name}#{number}"
            taken.add(names[entry])
        order += sorted(range(start, end), key=names.__getitem__)
    return pa.array([names[entry] for entry in order], pa.string()), items.take(pa.array(order, pa.int64()))
