"""What lies in the buffers of an Arrow array, as NumPy and bytes, without a copy where none is needed.

The layout is that of https://arrow.apache.org/docs/format/Columnar.html: a bitmap of the rows that are not
null, 32-bit offsets for strings, lists and maps, then the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "END",
    "Array",
    "Bools",
    "Offsets",
    "bitmap",
    "data",
    "every_so_many",
    "is_valid",
    "offsets",
    "parts",
    "parts_by_stream",
    "sliced",
    "strings",
]

Array: TypeAlias = "pa.Array[Any]"
Offsets: TypeAlias = "np.ndarray[Any, np.dtype[np.int32]]"
Bools: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

PART_BYTES: Final = 1 << 26
"""A string column holds 2 GiB at most, and an escape makes six bytes of one."""

END: Final = 2**31 - 1
"""Stop of :func:`sliced` for all that is left; the kernel's own default overflows (apache/arrow#51222)."""


def offsets(array: Array) -> Offsets:
    """Where each row of a string, list or map array starts, and the last one ends; for at least one row."""
    buffer: Any = array.buffers()[1]
    rows: Offsets = np.frombuffer(buffer, np.int32, len(array) + 1, array.offset * 4)
    return rows


def data(array: Array) -> memoryview:
    """Bytes of all rows of a string array, or of an array of a fixed width, one behind the other."""
    buffers: Any = array.buffers()
    if len(buffers) == 3:
        bounds = offsets(array)
        return memoryview(buffers[2] or b"")[int(bounds[0]) : int(bounds[-1])]
    width = array.type.bit_width // 8
    return memoryview(buffers[1])[array.offset * width : (array.offset + len(array)) * width]


def is_valid(array: Array) -> Bools:
    """Which rows are not null."""
    valid: Bools = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def bitmap(array: Array) -> bytes | None:
    """Which rows are not null, a bit each, padding zero; None if all are.

    Equal for arrays that are null in the same rows.
    """
    if array.null_count == 0:
        return None
    buffer: Any = array.buffers()[0]
    start = array.offset
    if buffer is None or start % 8:
        return np.packbits(is_valid(array), bitorder="little").tobytes()
    bits = memoryview(buffer)[start // 8 : (start + len(array) + 7) // 8].tobytes()
    padding = -len(array) % 8
    return bits[:-1] + bytes([bits[-1] & (0xFF >> padding)]) if padding else bits


def strings(bounds: Offsets, text: bytes) -> Array:
    """A string array without nulls over the bytes given; they are not checked to be UTF-8."""
    view: Any = bounds
    return pa.Array.from_buffers(pa.string(), len(bounds) - 1, [None, pa.py_buffer(view), pa.py_buffer(text)])


def every_so_many(width: int, text: bytes) -> Array:
    """A string array whose rows are so many bytes each; likewise."""
    return strings(np.arange(0, len(text) + 1, width, dtype=np.int32), text)


def sliced(texts: Array, start: int, stop: int) -> Array:
    """So many bytes of each row of a string array."""
    binary: Any = texts.view(pa.binary())
    cut: Array = pc.binary_slice(binary, start, stop)
    return cut.view(pa.string())


def parts(records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Records in parts small enough to be put into text: of :data:`PART_BYTES` at most, or of one record."""
    rows = records.num_rows
    # The first size counts all of what a slice is cut from; it is quick to tell, the exact one is not.
    if rows < 2 or records.get_total_buffer_size() <= PART_BYTES or records.nbytes <= PART_BYTES:
        yield records
        return
    yield from parts(records.slice(0, rows // 2))
    yield from parts(records.slice(rows // 2))


def parts_by_stream(records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """:func:`parts`, each of one stream where the streams do not alternate.

    The records of a stream have the same fields, so that most pieces of their text are in every row or in none.
    """
    streams: Array = records["stream"]
    start = 0
    if len(streams) > 1:
        changes: Any = pc.not_equal(streams[1:], streams[:-1])
        if changes.true_count == 1:
            start = pc.index(changes, True).as_py() + 1
            yield from parts(records.slice(0, start))
    yield from parts(records.slice(start) if start else records)
