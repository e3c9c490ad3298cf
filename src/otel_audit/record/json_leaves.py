"""Leaves as pieces of JSON text: strings, integers, booleans and instants.

A column whose rows are all the same becomes one literal: most of a batch's metadata costs nothing that way.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array, data, offsets

__all__ = ["Piece", "boolean_pieces", "number_pieces", "string_pieces", "time_pieces"]

Piece: TypeAlias = "str | Array"
"""A literal, the same in each row, or a string array with one entry a row."""

_INT64_BYTES: Final = 8
_FIRST_PRINTABLE: Final = 0x20


def string_pieces(column: Array) -> list[Piece]:
    """JSON strings. Only what RFC 8785 section 3.2.2.2 tells to escape is escaped."""
    text = data(column).tobytes()
    if column.null_count == 0:
        bounds = offsets(column)
        width = int(bounds[1] - bounds[0])
        if _repeats(text, width, len(column)) and (np.diff(bounds) == width).all():
            return [orjson.dumps(column[0].as_py()).decode()]
    if b'"' in text or b"\\" in text or (text and np.frombuffer(text, np.uint8).min() < _FIRST_PRINTABLE):
        return [_escaped(column)]
    return ['"', column, '"']


def number_pieces(column: Array) -> list[Piece]:
    """Integers in digits."""
    raw = data(column).tobytes()
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
    if nanos.null_count == 0 and _repeats(data(nanos).tobytes(), _INT64_BYTES, len(nanos)):
        nanos = nanos[:1]
    texts: Any = nanos.cast(pa.timestamp("ns")).cast(pa.string())
    times: Any = pc.binary_replace_slice(texts, 10, 11, "T")
    return ['"', times[0].as_py() if len(times) == 1 else times, 'Z"']


def _escaped(column: Array) -> Array:
    """Strings with their quotes, by orjson, whose escapes are those of RFC 8785."""
    dumps, rows = orjson.dumps, column.to_pylist()
    return pa.array([None if text is None else dumps(text) for text in rows], pa.binary()).view(pa.string())


def _repeats(raw: bytes, period: int, times: int) -> bool:
    """Whether the bytes are the first of them again and again."""
    head = raw[:period]
    return len(raw) == period * times and raw[len(raw) - period :] == head and raw == head * times
