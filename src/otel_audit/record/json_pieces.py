"""JSON values a row, as pieces that nobody joins before the outermost object does.

A piece is a literal or a column. Names, quotes, constant columns and structs within structs are but more
literals among the pieces, and cost no pass of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array

__all__ = ["EMIT_NULLS", "SKIP_NULLS", "JsonText", "Piece", "join", "joined", "merged"]

Piece: TypeAlias = "str | Array"
"""A literal, the same in each row, or a string array with one entry a row."""

SKIP_NULLS: Final = pc.JoinOptions(null_handling="skip")
"""Null entries add nothing."""

EMIT_NULLS: Final = pc.JoinOptions(null_handling="emit_null")
"""A row with a null entry is null."""

_JOIN: Final = pc.get_function("binary_join_element_wise")


@dataclass(frozen=True, slots=True)
class JsonText:
    """One JSON value a row: its pieces put together.

    Attributes:
        pieces: in a value that some rows leave out, every array is null in just those rows. In a value of
            every row, a null entry adds nothing.
        validity: bitmap of the rows that have the value (:func:`~otel_audit.record.buffers.bitmap`); None for
            every row.
    """

    pieces: list[Piece]
    validity: bytes | None = None


def joined(text: JsonText | None, rows: int, *, before: Sequence[Piece] = ()) -> Array:
    """The values as one string array.

    Args:
        text: None for a value that every row leaves out.
        rows: how many rows there are.
        before: pieces to put in front of each value that is there.

    Returns:
        Null where the value is left out.
    """
    if text is None:
        return pa.nulls(rows, pa.string())
    return join([*before, *text.pieces], SKIP_NULLS if text.validity is None else EMIT_NULLS, rows)


def join(pieces: Sequence[Piece], nulls: pc.JoinOptions, rows: int = 0) -> Array:
    """Pieces of each row put together.

    With nulls skipped, a literal or an array without nulls must be among the pieces: the kernel *drops* a row
    in which every input is null.
    """
    found = merged(pieces)
    if len(found) == 1:
        [piece] = found
        return pa.repeat(pa.scalar(piece), rows) if isinstance(piece, str) else piece
    # One array of all literals is much cheaper than a scalar each, and Function.call than its wrapper.
    literals = iter(pa.array([*(piece for piece in found if isinstance(piece, str)), ""], pa.string()))
    arguments: list[Any] = [next(literals) if isinstance(piece, str) else piece for piece in found]
    texts: Array = _JOIN.call([*arguments, next(literals)], nulls)
    return texts


def merged(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with neighbouring literals as one."""
    found: list[Piece] = []
    for piece in pieces:
        if not isinstance(piece, str):
            found.append(piece)
        elif found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece:
            found.append(piece)
    return found
