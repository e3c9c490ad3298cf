"""Records larger than the log takes: their longest texts are cut, after masking, and the record says so.

The bound keeps one record from filling a spool, a file or a reader's memory. What is cut is the longest first,
down to one common length, so that short fields stay whole; a JSON text stays valid JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from otel_audit.mask.arrow import Column, offsets
from otel_audit.mask.evidence import Evidence
from otel_audit.record.schema import FIELDS, Treatment

__all__ = ["REASON", "cut_oversize"]

REASON: Final = "too-large"

MARK: Final = "[CUT]"
"""Ends a text that was cut here."""

_SHORTEST: Final = 1024
"""Bytes that stay of any text; a record of very many texts loses whole fields instead."""

_LITERAL: Final = re.compile(r'"(?:[^"\\]|\\.)*"')

_CUTTABLE: Final = {
    field.name: field.treatment is Treatment.JSON and pa.types.is_string(field.type)
    for field in FIELDS
    if field.treatment in (Treatment.TEXT, Treatment.JSON)
}
"""Field → whether its text is one JSON text."""

_Sizes = npt.NDArray[np.int64]


def cut_oversize(columns: dict[str, Column], max_bytes: int, evidence: Evidence) -> None:
    """Cuts the texts of records that hold more than ``max_bytes`` bytes of text.

    Args:
        columns: of a masked batch; those of a record that is cut are replaced.
        max_bytes: bound of one record's texts, bytes of UTF-8.
        evidence: is told which fields of which record were cut.
    """
    if sum(column.get_total_buffer_size() for column in columns.values()) <= max_bytes:
        return
    sizes = {name: _sizes(columns[name]) for name in _CUTTABLE}
    for row in np.flatnonzero(sum(sizes.values(), np.int64(0)) > max_bytes).tolist():
        of_row = {name: int(size[row]) for name, size in sizes.items() if size[row] > _SHORTEST}
        kept = sum(int(size[row]) for name, size in sizes.items() if name not in of_row)
        cells = {name: _Cell(columns[name][row].as_py(), is_json=_CUTTABLE[name]) for name in of_row}
        _withhold_until_cuttable(cells, of_row, max_bytes - kept)
        level = _level(sorted(size for cell in cells.values() for size in cell.sizes()), max_bytes - kept)
        for name, cell in cells.items():
            cut = cell.cut(level)
            if cut is not cell.value or cell.value is None:
                columns[name] = _with_cell(columns[name], row, cut)
                evidence.withheld(row, name, REASON)


@dataclass(slots=True)
class _Cell:
    """One field of one record: a text, a JSON text, or lists, maps and structs of texts as Python has them."""

    value: Any
    is_json: bool

    def sizes(self) -> list[int]:
        """Bytes of each text in it."""
        if self.is_json and isinstance(self.value, str):
            return [len(found[0].encode()) for found in _LITERAL.finditer(self.value)]
        return [len(text.encode()) for text in _texts(self.value)]

    def cut(self, level: int) -> Any:
        """The same with no text longer than ``level`` bytes; the very same object if none was."""
        if all(size <= level for size in self.sizes()):
            return self.value
        if self.is_json and isinstance(self.value, str):
            return _LITERAL.sub(lambda found: _cut_literal(found[0], level), self.value)
        return _cut_texts(self.value, level)


def _withhold_until_cuttable(cells: dict[str, _Cell], sizes: dict[str, int], room: int) -> None:
    """Empties the largest fields as long as cutting every text as short as it may be would not do."""
    while cells:
        shortest = {
            name: sizes[name] - sum(max(0, size - _SHORTEST) for size in cell.sizes())
            for name, cell in cells.items()
            if cell.value is not None
        }
        if sum(shortest.values()) <= room:
            return
        cells[max(shortest, key=shortest.__getitem__)].value = None


def _level(sizes: list[int], room: int) -> int:
    """The length to which all texts are cut so that together they fit: short ones leave theirs to the long."""
    for index, size in enumerate(sizes):
        share = room // (len(sizes) - index)
        if size > share:
            return max(share, _SHORTEST)
        room -= size
    return max(sizes, default=_SHORTEST)


def _cut_literal(literal: str, level: int) -> str:
    """A JSON string cut so that it has at most ``level`` bytes as it is written."""
    text, room = None, level
    while len(literal.encode()) > level:
        text = orjson.loads(literal) if text is None else text
        cut = orjson.dumps(_cut_text(text, room)).decode()
        literal = cut.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        # What is escaped takes more bytes than it has: as much less is kept as it was too long.
        room = min(room - len(MARK), room * level // len(literal.encode()))
    return literal


def _cut_text(text: str, level: int) -> str:
    encoded = text.encode()
    if len(encoded) <= level:
        return text
    return encoded[: level - len(MARK)].decode(errors="ignore") + MARK


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return []


def _cut_texts(value: Any, level: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, level)
    if isinstance(value, dict):
        return {key: _cut_texts(item, level) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut_texts(item, level) for item in value]
    if isinstance(value, tuple):
        return tuple(_cut_texts(item, level) for item in value)
    return value


def _with_cell(column: Column, row: int, value: Any) -> Column:
    cell = pa.array([value], column.type)
    return pa.concat_arrays([column.slice(0, row), cell, column.slice(row + 1)])


def _sizes(array: Column) -> _Sizes:
    """Bytes of text in each entry of an array, whatever its type."""
    kind = array.type
    if pa.types.is_string(kind):
        return np.diff(offsets(array)).astype(np.int64) if len(array) else np.zeros(0, np.int64)
    if pa.types.is_struct(kind):
        parts = [_sizes(child) for child in array.flatten()]
        return np.sum(parts, axis=0, dtype=np.int64) if parts else np.zeros(len(array), np.int64)
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        if not len(array):
            return np.zeros(0, np.int64)
        inner = _sizes(array.keys) + _sizes(array.items) if pa.types.is_map(kind) else _sizes(array.values)
        ends = np.concatenate(([0], np.cumsum(inner)))
        at = offsets(array)
        found: _Sizes = ends[at[1:]] - ends[at[:-1]]
        return found
    return np.zeros(len(array), np.int64)
