"""Record batches as NDJSON: one JSON object a line, compressed.

What is chosen, and why:

1. Fields in table order, nulls and empty values left out. The int64 nanosecond columns are left out as well:
   here the time strings are exact themselves.
2. Columns of JSON text are embedded as they are stored, byte for byte, so that a reader who takes the raw
   slice can compute the hashes again.
3. U+2028 and U+2029 are escaped, which some readers take for ends of line: a record is one line in all.
4. zstd frames carry a checksum; gzip has its own. gzip is written by ISA-L, in a fifth of zlib's time at the
   same size; zlib stands in where ISA-L has no build.
"""

from __future__ import annotations

import zlib
from types import ModuleType, TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

import pyarrow as pa
import zstandard

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.writer import FileStatistics, HashingSink, WrittenRows
from otel_audit.record.buffers import Array, bitmap, data, parts
from otel_audit.record.json_columns import JsonText, joined, json_object, json_text, json_time
from otel_audit.record.json_texts import escape_separators
from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS

_gzip: ModuleType
try:
    from isal import isal_zlib as _gzip
except ImportError:  # this platform has no build of it
    _gzip = zlib

__all__ = ["NdjsonRecordWriter"]

_NAMES: Final = [field.name for field in FIELDS if field.name not in EXACT_TIMES.values()]

_GZIP_CONTAINER: Final = 16 + zlib.MAX_WBITS
"""``wbits`` that ask for gzip's header and trailer around the deflated bytes."""


class _Compressor(Protocol):
    def compress(self, data: Any, /) -> bytes: ...

    def flush(self) -> bytes: ...


class NdjsonRecordWriter:
    """Writes one NDJSON file. Holds back what the compressor does.

    Args:
        sink: where the file goes.
        options: format ``ndjson``.
    """

    def __init__(self, sink: BinaryIO, options: EncodeOptions) -> None:
        self._sink = HashingSink(sink)
        self._written = WrittenRows()
        self._compressor = _compressor(options)
        self._statistics: FileStatistics | None = None

    def write(self, records: pa.RecordBatch) -> None:
        """Take records; what the compressor gives out is written."""
        if not records.num_rows:
            return
        self._written.add(records)
        for part in parts(records):
            self._sink.write(self._compressor.compress(_lines(part)))

    def close(self) -> FileStatistics:
        """End the compressed stream."""
        if self._statistics is None:
            self._sink.write(self._compressor.flush())
            self._sink.flush()
            self._statistics = self._written.statistics(self._sink)
        return self._statistics

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def _lines(records: pa.RecordBatch) -> bytes | memoryview:
    """One object a record, each with its line feed."""
    text = json_object((name, _field_text(records, name)) for name in _NAMES)
    rows = records.num_rows
    line = JsonText(["{}\n"]) if text is None else JsonText([*text.pieces, "\n"], text.validity)
    # A string array holds its rows one behind the other: that is the file's content.
    return escape_separators(data(joined(line, rows)))


def _field_text(records: pa.RecordBatch, name: str) -> JsonText | None:
    column: Array = records[name]
    if name in EXACT_TIMES:
        return json_time(records[EXACT_TIMES[name]])
    if name not in JSON_COLUMNS:
        return json_text(column, sort_keys=False)
    return None if column.null_count == len(column) else JsonText([column], bitmap(column))


def _compressor(options: EncodeOptions) -> _Compressor:
    if options.compression == "zstd":
        return zstandard.ZstdCompressor(level=options.level, write_checksum=True).compressobj()
    compressor: _Compressor = _gzip.compressobj(options.level, zlib.DEFLATED, _GZIP_CONTAINER)
    return compressor
