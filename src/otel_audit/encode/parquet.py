"""Record batches as a Parquet file.

What is chosen, and why:

1. Every column of the schema, in table order; partition keys are not among them (readers refuse a key that is
   in both). Times in microseconds, nested types as the format's specification wants them
   (https://github.com/apache/parquet-format/blob/apache-parquet-format-2.11.0/LogicalTypes.md): Spark,
   BigQuery, DuckDB, polars, pandas and pyarrow read them.
2. zstd. A dictionary only for leaves that repeat themselves in the first rows: for ids and texts it would
   cost a hash table and then be thrown away.
3. Statistics for meta and identity, by which readers skip row groups. None for content: the least and the
   greatest text of a column are of use to nobody, and would stand in the footer in clear.
4. ``otel_audit.schema`` in the file's metadata names the minor version of the schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.writer import FileStatistics, HashingSink, WrittenRows
from otel_audit.record.schema import (
    BY_NAME,
    EXACT_TIMES,
    PARQUET_METADATA_KEY,
    SCHEMA,
    SCHEMA_MINOR_VERSION,
    Group,
)

__all__ = ["ParquetRecordWriter"]

_SAMPLE_ROWS: Final = 512
_SAMPLE_BYTES: Final = 1 << 15
"""What is looked at of a leaf: a segment may be small, and each costs a hash table."""

_REPEATS: Final = 4
"""A leaf gets a dictionary if its values come so many times each, on average, in the sample."""

_SMALL_ROWS: Final = 512
"""Rows of a batch up to which putting batches together is cheaper than what the encoder pays for a chunk."""

_POSITION: Final = frozenset({"writer", "sequence", *EXACT_TIMES.values()})
"""Columns outside of all groups that readers choose rows by."""

_SCHEMA: Final = SCHEMA.with_metadata({PARQUET_METADATA_KEY: SCHEMA_MINOR_VERSION})


class ParquetRecordWriter:
    """Writes one Parquet file. Holds back up to one row group.

    Args:
        sink: where the file goes.
        options: format ``parquet``.
    """

    def __init__(self, sink: BinaryIO, options: EncodeOptions) -> None:
        self._options = options
        self._sink = HashingSink(sink)
        self._written = WrittenRows()
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self._file: pq.ParquetWriter | None = None
        self._statistics: FileStatistics | None = None

    def write(self, records: pa.RecordBatch) -> None:
        """Take records; a full row group is written."""
        if not records.num_rows:
            return
        self._written.add(records)
        self._held.append(records)
        self._held_rows += records.num_rows
        self._held_bytes += records.get_total_buffer_size()
        if (
            self._held_rows >= self._options.row_group_rows
            or self._held_bytes >= self._options.row_group_bytes
        ):
            self._flush()

    def close(self) -> FileStatistics:
        """Write the last row group and the footer."""
        if self._statistics is None:
            if self._held:
                self._flush()
            if self._file is not None:
                self._file.close()
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
        elif self._file is not None:
            self._sink.discard()
            self._file.close()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._held).replace_schema_metadata(_SCHEMA.metadata)
        if self._held_rows <= _SMALL_ROWS * len(self._held):
            table = table.combine_chunks()
        if self._file is None:
            self._file = self._open(self._held[0])
        self._file.write_table(table, row_group_size=len(table))
        self._held = []
        self._held_rows = self._held_bytes = 0

    def _open(self, first: pa.RecordBatch) -> pq.ParquetWriter:
        sink: Any = self._sink
        dictionary: Any = _repeating_leaves(first.slice(0, _SAMPLE_ROWS))
        return pq.ParquetWriter(
            sink,
            _SCHEMA,
            compression="zstd",
            compression_level=self._options.level,
            use_dictionary=dictionary,
            write_statistics=_STATISTICS,
        )


def _leaf_paths(path: str, kind: pa.DataType) -> Iterator[str]:
    """Paths of a column's leaves, as the writer's options name them."""
    if isinstance(kind, pa.StructType):
        for child in kind:
            yield from _leaf_paths(f"{path}.{child.name}", child.type)
    elif isinstance(kind, pa.MapType):
        yield from _leaf_paths(f"{path}.key_value.key", kind.key_type)
        yield from _leaf_paths(f"{path}.key_value.value", kind.item_type)
    elif isinstance(kind, pa.ListType):
        yield from _leaf_paths(f"{path}.list.element", kind.value_type)
    else:
        yield path


_STATISTICS: Final = [
    path
    for field in SCHEMA
    if BY_NAME[field.name].group in {Group.META, Group.IDENTITY} or field.name in _POSITION
    for path in _leaf_paths(field.name, field.type)
]


def _leaves(column: Any) -> Iterator[Any]:
    """Values of a column's leaves, in the order of :func:`_leaf_paths`."""
    kind = column.type
    if isinstance(kind, pa.StructType):
        for child in column.flatten():
            yield from _leaves(child)
    elif isinstance(kind, pa.MapType):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif isinstance(kind, pa.ListType):
        yield from _leaves(column.flatten())
    else:
        yield column


def _repeating_leaves(sample: pa.RecordBatch) -> list[str]:
    repeating: list[str] = []
    for field, column in zip(SCHEMA, sample.columns, strict=True):
        for path, leaf in zip(_leaf_paths(field.name, field.type), _leaves(column), strict=True):
            looked_at = leaf[: max(1, len(leaf) * _SAMPLE_BYTES // max(leaf.nbytes, _SAMPLE_BYTES))]
            values = len(looked_at) - looked_at.null_count
            if not values or pc.count_distinct(looked_at).as_py() * _REPEATS <= values:
                repeating.append(path)
    return repeating
