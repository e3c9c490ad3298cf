"""Record batches as NDJSON: one JSON object a line, compressed.

The lines are those of :mod:`otel_audit.record.record_lines`. zstd frames carry a checksum; gzip has its own.
gzip is written by ISA-L, in a fifth of zlib's time at the same size; zlib stands in where ISA-L has no build.
"""

from __future__ import annotations

import zlib
from types import ModuleType, TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

import pyarrow as pa
import zstandard

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.writer import FileStatistics, HashingSink, WrittenRows
from otel_audit.record.buffers import parts
from otel_audit.record.record_lines import record_lines

_gzip: ModuleType
try:
    from isal import isal_zlib as _gzip
except ImportError:  # this platform has no build of it
    _gzip = zlib

__all__ = ["NdjsonRecordWriter"]

_TEXT_ROWS: Final = 1 << 12
_TEXT_BYTES: Final = 1 << 24
"""How many records become text at once, where so many come."""

_ISAL_MAX_LEVEL: Final = 3

_GZIP_CONTAINER: Final = 16 + zlib.MAX_WBITS
"""``wbits`` that ask for gzip's header and trailer around the deflated bytes."""


class _Compressor(Protocol):
    def compress(self, data: Any, /) -> bytes: ...

    def flush(self) -> bytes: ...


class NdjsonRecordWriter:
    """Writes one NDJSON file. Holds back some thousand records, and what the compressor does.

    Args:
        sink: where the file goes.
        options: format ``ndjson``.
    """

    def __init__(self, sink: BinaryIO, options: EncodeOptions) -> None:
        self._sink = HashingSink(sink)
        self._written = WrittenRows()
        self._compressor = _compressor(options)
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self._statistics: FileStatistics | None = None

    def write(self, records: pa.RecordBatch) -> None:
        """Take records; once there are some thousand, what the compressor gives out is written."""
        if not records.num_rows:
            return
        self._written.add(records)
        self._held.append(records)
        self._held_rows += records.num_rows
        self._held_bytes += records.get_total_buffer_size()
        if self._held_rows >= _TEXT_ROWS or self._held_bytes >= _TEXT_BYTES:
            self._flush()

    def close(self) -> FileStatistics:
        """End the compressed stream."""
        if self._statistics is None:
            self._flush()
            self._sink.write(self._compressor.flush())
            self._sink.flush()
            self._statistics = self._written.statistics(self._sink)
        return self._statistics

    def _flush(self) -> None:
        if not self._held:
            return
        # Many small batches as one: making text has a cost a batch.
        for whole in pa.Table.from_batches(self._held).combine_chunks().to_batches():
            for part in parts(whole):
                self._sink.write(self._compressor.compress(record_lines(part)))
        self._held = []
        self._held_rows = self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def _compressor(options: EncodeOptions) -> _Compressor:
    if options.compression == "zstd":
        return zstandard.ZstdCompressor(level=options.level, write_checksum=True).compressobj()
    codec = _gzip if options.level <= _ISAL_MAX_LEVEL else zlib
    compressor: _Compressor = codec.compressobj(options.level, zlib.DEFLATED, _GZIP_CONTAINER)
    return compressor
