"""Leaves as pieces of JSON text: strings, integers, booleans and instants.

A column whose rows are all the same becomes one literal: most of a batch's metadata costs nothing that way.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array, data, offsets
from otel_audit.record.json_pieces import Piece

__all__ = ["boolean_pieces", "number_pieces", "string_pieces", "time_pieces"]

_INT64_BYTES: Final = 8
_FIRST_PRINTABLE: Final = 0x20
_GLANCE_BYTES: Final = 1 << 10

_ROWS_AT_ONCE: Final = 128
"""Python objects that are alive at once while texts are escaped. With some thousand of a kilobyte each the
allocator gives their memory back after each batch and faults it in again for the next: twice the time."""


def string_pieces(column: Array) -> list[Piece]:
    """JSON strings. Only what RFC 8785 section 3.2.2.2 tells to escape is escaped."""
    text = data(column)
    if column.null_count == 0:
        bounds = offsets(column)
        width = int(bounds[1] - bounds[0])
        if _repeats(text, width, len(column)) and (np.diff(bounds) == width).all():
            return [orjson.dumps(column[0].as_py()).decode()]
    return [_escaped(column)] if _needs_escapes(text) else ['"', column, '"']


def number_pieces(column: Array) -> list[Piece]:
    """Integers in digits."""
    raw = data(column)
    if column.null_count == 0 and _repeats(raw, len(raw) // len(column), len(column)):
        return [str(column[0].as_py())]
    return [column.cast(pa.string())]


def boolean_pieces(column: Array) -> list[Piece]:
    """``true`` and ``false``."""
    flags: Any = column
    if column.null_count == 0 and flags.true_count in {0, len(column)}:
        return ["true" if flags.true_count else "false"]
    return [column.cast(pa.string())]


def time_pieces(nanos: Array) -> list[Piece]:
    """RFC 3339 strings in UTC with nine digits and ``Z``, from int64 nanoseconds since the epoch."""
    if nanos.null_count == 0 and _repeats(data(nanos), _INT64_BYTES, len(nanos)):
        nanos = nanos[:1]
    texts: Any = nanos.cast(pa.timestamp("ns")).cast(pa.string())
    times: Any = pc.binary_replace_slice(texts, 10, 11, "T")
    return ['"', times[0].as_py() if len(times) == 1 else times, 'Z"']


def _needs_escapes(text: memoryview) -> bool:
    # JSON texts give themselves away at once, and are the ones that are worth no copy.
    if b'"' in text[:_GLANCE_BYTES].tobytes():
        return True
    raw = text.tobytes()
    return (
        b'"' in raw or b"\\" in raw or bool(np.frombuffer(raw, np.uint8).min(initial=0xFF) < _FIRST_PRINTABLE)
    )


def _escaped(column: Array) -> Array:
    """Strings with their quotes, by orjson, whose escapes are those of RFC 8785."""
    return pa.concat_arrays(
        [
            _escaped_rows(column[start : start + _ROWS_AT_ONCE])
            for start in range(0, len(column), _ROWS_AT_ONCE)
        ]
    )


def _escaped_rows(column: Array) -> Array:
    dumps, rows = orjson.dumps, column.to_pylist()
    return pa.array([None if text is None else dumps(text) for text in rows], pa.binary()).view(pa.string())


def _repeats(raw: memoryview, period: int, times: int) -> bool:
    """Whether the bytes are the first of them again and again."""
    if len(raw) != period * times:
        return False
    head = raw[:period].tobytes()
    return raw[len(raw) - period :].tobytes() == head and raw.tobytes() == head * times
