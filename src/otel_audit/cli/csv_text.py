"""Records as CSV: one column a scalar, whatever is nested as JSON text, nothing that computes.

Every cell is quoted (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in
front, which spreadsheets read as "this is text" (OWASP, "CSV Injection"). Numbers are ours and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array
from otel_audit.record.json_columns import json_text, json_time
from otel_audit.record.json_pieces import joined
from otel_audit.record.schema import EXACT_TIMES, SCHEMA

_kernels: Final[Any] = pc
"""The stubs know arrays of one type only where the kernels take any."""

_FORMULA: Final = "^[ \u00a0]*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""Beginnings that make a spreadsheet compute a cell; the last four are the full-width forms."""


def header_line() -> str:
    """Names of the columns, children of structs as ``user.id``."""
    return next(csv_lines([pa.array([name]) for name, _ in _columns(_NOTHING)]))


def record_lines(records: pa.Table) -> Iterator[str]:
    """A line a record, without line ends.

    Args:
        records: all columns of the record's schema.
    """
    for batch in records.to_batches():
        yield from csv_lines([column for _, column in _columns(batch)])


def csv_lines(columns: Iterable[Array]) -> Iterator[str]:
    """Lines of cells, from an array of strings, integers or booleans a column."""
    lines = _kernels.binary_join_element_wise(*map(_cells, columns), ",")
    yield from lines.to_pylist()


def _cells(column: Array) -> Array:
    """Quoted cells; null is an empty one."""
    texts: Any = column if pa.types.is_string(column.type) else column.cast(pa.string())
    if pa.types.is_string(column.type):
        apostrophe = _kernels.if_else(_kernels.match_substring_regex(texts, _FORMULA), "'", "")
        texts = _kernels.binary_join_element_wise(
            apostrophe, _kernels.replace_substring(texts, '"', '""'), ""
        )
    quoted: Array = _kernels.binary_join_element_wise(
        '"', texts, '"', "", null_handling="replace", null_replacement=""
    )
    return quoted


def _columns(batch: pa.RecordBatch) -> Iterator[tuple[str, Array]]:
    for field in SCHEMA:
        column: Any = batch.column(field.name)
        if field.name in EXACT_TIMES:
            instants = json_time(batch.column(EXACT_TIMES[field.name]))
            yield field.name, _kernels.utf8_trim(joined(instants, len(column)), '"')
        elif field.name in EXACT_TIMES.values():
            continue
        elif pa.types.is_struct(field.type):
            for child, values in zip(field.type, column.flatten(), strict=True):
                yield f"{field.name}.{child.name}", _scalars(values)
        else:
            yield field.name, _scalars(column)


def _scalars(column: Array) -> Array:
    if not pa.types.is_nested(column.type):
        return column
    return joined(json_text(column, sort_keys=False), len(column))


_NOTHING: Final = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in SCHEMA], schema=SCHEMA)
"""A batch that has every column."""
