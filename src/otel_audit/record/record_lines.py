"""Record batches as lines of NDJSON, the form that files and answers have; ``json_lines`` reads them back.

What is chosen, and why:

1. Fields in table order, nulls and empty values left out. The int64 nanosecond columns are left out as well:
   here the time strings are exact themselves.
2. Columns of JSON text are embedded as they are stored, byte for byte, so that a reader who takes the raw
   slice can compute the hashes again.
3. U+2028 and U+2029 are escaped, which some readers take for ends of line: a record is one line in all.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from otel_audit.record.buffers import Array, bitmap, data
from otel_audit.record.json_columns import json_object, json_text, json_time
from otel_audit.record.json_pieces import JsonText, joined
from otel_audit.record.json_texts import escape_separators
from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS

__all__ = ["record_lines"]

_NAMES: Final = [field.name for field in FIELDS if field.name not in EXACT_TIMES.values()]


def record_lines(records: pa.RecordBatch) -> bytes | memoryview:
    """One object a record, each with its line feed.

    Args:
        records: columns of the schema, together within what a string array holds
            (:func:`~otel_audit.record.buffers.parts`); at least one row.

    Raises:
        ValueError: a map has the same key twice.
    """
    text = json_object((name, _field_text(records, name)) for name in _NAMES)
    rows = records.num_rows
    if text is None:
        text = JsonText(["{}"])
    elif text.validity is not None:
        text = JsonText([joined(text, rows).fill_null("{}")])
    line = JsonText([*text.pieces, "\n"])
    # A string array holds its rows one behind the other: that is the file's content.
    return escape_separators(data(joined(line, rows)))


def _field_text(records: pa.RecordBatch, name: str) -> JsonText | None:
    column: Array = records[name]
    if name in EXACT_TIMES:
        return json_time(records[EXACT_TIMES[name]])
    if name not in JSON_COLUMNS:
        return json_text(column, sort_keys=False)
    return None if column.null_count == len(column) else JsonText([column], bitmap(column))
