"""Python values become Arrow arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, Final, TypeAlias

import pyarrow as pa

from otel_audit.convert.sorter import Headers

__all__ = ["Column", "array_of", "header_array"]

Column: TypeAlias = Any
"""A ``pyarrow.Array``: pyarrow's stubs know only element types that are fixed before the program runs."""

_HEADERS: Final = pa.map_(pa.string(), pa.list_(pa.string()))


def array_of(values: Sequence[Any], kind: Any) -> Column:
    """Returns an array of Python values; maps come as dicts, headers as :data:`Headers`."""
    if pa.types.is_map(kind):
        if kind == _HEADERS:
            return _headers(values)
        values = [None if value is None else sorted(value.items()) for value in values]
    return pa.array(values, kind)


def _headers(values: Sequence[Headers | None]) -> Column:
    """Builds the map column from flat lists: several times cheaper than from nested Python objects."""
    rows: list[int | None] = []
    names: list[str] = []
    texts: list[list[str]] = []
    for value in values:
        if value is None:
            # The offset before a null marks it.
            rows.append(None)
        else:
            rows.append(len(names))
            names += value[0]
            texts += value[1]
    rows.append(len(names))
    items = [0, *accumulate(map(len, texts))]
    offsets: Column = pa.array(rows, pa.int32())
    return pa.MapArray.from_arrays(
        offsets,
        pa.array(names, pa.string()),
        pa.ListArray.from_arrays(
            pa.array(items, pa.int32()), pa.array(list(chain.from_iterable(texts)), pa.string())
        ),
    )


def header_array(names: tuple[str, ...], texts: list[list[str]]) -> Column:
    """Returns the column of headers of rows that all have the same ones, with one value each.

    Args:
        names: in order.
        texts: of each name, a value a row.
    """
    count = len(texts[0])
    width = len(names)
    capacity = 1 << (count - 1).bit_length()
    frame = _map_frame if width * capacity <= _READY_ITEMS else _map_frame.__wrapped__
    keys, row_offsets, item_offsets = frame(names, capacity)
    values = pa.array(list(chain.from_iterable(zip(*texts, strict=True))), pa.string())
    return pa.MapArray.from_arrays(
        row_offsets[: count + 1],
        keys[: count * width],
        pa.ListArray.from_arrays(item_offsets[: count * width + 1], values),
    )


_READY_ITEMS: Final = 32_768
"""Headers of a batch for which keys and offsets are kept ready: less than a megabyte for a shape."""


@lru_cache(maxsize=16)
def _map_frame(names: tuple[str, ...], capacity: int) -> tuple[Any, Any, Any]:
    """Returns keys and offsets of a map column whose rows have these keys, with one value each."""
    width = len(names)
    return (
        pa.array(list(names) * capacity, pa.string()),
        pa.array(range(0, capacity * width + 1, width), pa.int32()),
        pa.array(range(capacity * width + 1), pa.int32()),
    )
