"""A segment's records as one file for each hour that they are filed under."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass, replace
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa

from otel_audit.encode.ndjson import NdjsonRecordWriter
from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.parquet import ParquetRecordWriter
from otel_audit.encode.writer import RecordWriter
from otel_audit.record.partition import partition_hours

__all__ = ["EncodedFile", "encode_partitions", "open_writer"]


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file of one partition.

    Attributes:
        hours: the hour that its records are filed under, since the epoch.
        extension: how its name ends, without the leading dot.
        rows: records in it.
        size: bytes of the file.
        sha256: of the file, lower-case hex.
        min_time_unix_nano: earliest ``timeUnixNano`` in it, nanoseconds since the epoch.
        max_time_unix_nano: latest one.
    """

    hours: int
    extension: str
    rows: int
    size: int
    sha256: str
    min_time_unix_nano: int
    max_time_unix_nano: int


def open_writer(
    format: str,  # noqa: A002  the manifest's word for it
    compression: str,
    sink: BinaryIO,
    options: EncodeOptions | None = None,
) -> RecordWriter:
    """A writer of one file.

    Args:
        format: ``parquet`` or ``ndjson``.
        compression: ``zstd``; for NDJSON also ``gzip``.
        sink: takes the file's bytes; stays open.
        options: sizes and level; its format and compression do not count.

    Raises:
        ConfigurationError: this format is not written with this compression.
    """
    return _writer(sink, _options(format, compression, options))


def encode_partitions(
    batches: Iterable[pa.RecordBatch],
    format: str,  # noqa: A002  the manifest's word for it
    compression: str,
    *,
    open_sink: Callable[[int], BinaryIO],
    options: EncodeOptions | None = None,
) -> list[EncodedFile]:
    """Write records into one file for each hour, each in the order in which they come.

    At most ``options.max_open`` files are open at once. Records of further hours wait in memory until the
    others are whole: they are part of one segment, whose size is bounded.

    Args:
        batches: columns of the schema, ``timeUnixNano`` set.
        format: ``parquet`` or ``ndjson``.
        compression: ``zstd``; for NDJSON also ``gzip``.
        open_sink: called with 0, 1, 2 … for each file when its first record comes. A sink is closed when its
            file is whole, and when anything fails; nothing is durable yet.
        options: sizes and level; its format and compression do not count.

    Returns:
        A file for each call of ``open_sink``, in that order.

    Raises:
        ConfigurationError: this format is not written with this compression.
        ValueError: a record has no time, or cannot be written as JSON.
        OSError: a sink refused. And whatever ``batches`` and ``open_sink`` raise.
    """
    options = _options(format, compression, options)
    waiting: dict[int, list[pa.RecordBatch]] = {}
    files: list[EncodedFile] = []
    with ExitStack() as stack:
        open_files: dict[int, _OpenFile] = {}

        def put(hours: int, records: pa.RecordBatch) -> None:
            if hours not in open_files:
                number = len(files) + len(open_files)
                open_files[hours] = stack.enter_context(_OpenFile(hours, open_sink(number), options))
            open_files[hours].writer.write(records)

        for batch in batches:
            for hours, records in _by_hour(batch):
                if hours in open_files or len(open_files) < options.max_open:
                    put(hours, records)
                else:
                    waiting.setdefault(hours, []).append(records)
        files += [file.close() for file in open_files.values()]
        open_files.clear()
        for hours, held in waiting.items():
            for records in held:
                put(hours, records)
            files.append(open_files.pop(hours).close())
            held.clear()
    return files


class _OpenFile:
    """One file that is being written; a context that closes its sink however it is left."""

    def __init__(self, hours: int, sink: BinaryIO, options: EncodeOptions) -> None:
        self._hours, self._sink, self._extension = hours, sink, options.extension
        self.writer = _writer(sink, options)

    def close(self) -> EncodedFile:
        """The file is whole."""
        with self._sink:
            return EncodedFile(self._hours, self._extension, *astuple(self.writer.close()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.writer.__exit__(kind, error, trace)
        finally:
            self._sink.close()


def _writer(sink: BinaryIO, options: EncodeOptions) -> RecordWriter:
    return (
        ParquetRecordWriter(sink, options)
        if options.format == "parquet"
        else NdjsonRecordWriter(sink, options)
    )


def _options(form: str, compression: str, given: EncodeOptions | None) -> EncodeOptions:
    return replace(given or EncodeOptions(), format=form, compression=compression)


def _by_hour(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows of each hour, hours in order of their first row."""
    hours = partition_hours(batch).to_numpy()
    if not len(hours):
        return
    if (hours == hours[0]).all():
        yield int(hours[0]), batch
        return
    for hour in dict.fromkeys(hours.tolist()):
        yield hour, batch.filter(pa.array(hours == hour))
