"""Files of records, read: the same batches whichever format they were written in.

Who reads passes the columns wanted as a part of the record's schema; by default all of the newest schema.
Columns that an older file lacks are null, columns that a newer one has besides are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from otel_audit.errors import InputError
from otel_audit.record.decompressed import lines_of
from otel_audit.record.json_lines import read_lines
from otel_audit.record.schema import SCHEMA

__all__ = ["conform", "leaf_names", "read_ndjson", "read_parquet"]

BATCH_ROWS: Final = 1 << 13


def read_parquet(
    source: bytes | BinaryIO | pa.NativeFile, *, schema: pa.Schema = SCHEMA
) -> Iterator[pa.RecordBatch]:
    """Records of a Parquet file.

    Args:
        source: the file; random access.
        schema: the columns wanted: columns of the record's schema, structs of them with fewer children. Only
            these are read.

    Yields:
        Batches with just this schema, in the order of the file.

    Raises:
        InputError: this is no Parquet file, it is broken, or a column has a type that is not a record's.
        OSError: the source could not be read.
    """
    file: Any = BytesIO(source) if isinstance(source, bytes) else source
    try:
        with pq.ParquetFile(file, pre_buffer=True) as parquet:
            leaves = [leaf for field in schema for leaf in leaf_names(field)]
            for batch in parquet.iter_batches(BATCH_ROWS, columns=leaves):
                yield conform(batch, schema)
    except pa.ArrowException as error:
        raise InputError("cannot be read as Parquet") from error


def read_ndjson(
    source: bytes | BinaryIO, compression: str, *, schema: pa.Schema = SCHEMA
) -> Iterator[pa.RecordBatch]:
    """Records of an NDJSON file.

    Args:
        source: the file, read from where it stands.
        compression: ``gzip``, ``zstd`` or ``none``.
        schema: the columns wanted, likewise.

    Yields:
        Batches with just this schema, in the order of the file.

    Raises:
        InputError: the stream is broken or ends early, or a line is not a record; with its number.
        OSError: the source could not be read.
    """
    line = 1
    for text in lines_of(BytesIO(source) if isinstance(source, bytes) else source, compression):
        batch = read_lines(text, schema, line)
        line += text.count(b"\n")
        if batch.num_rows:
            yield batch


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with just this schema: columns it lacks are null, others fall away.

    Raises:
        pa.ArrowException: a column has a type that cannot become the schema's.
    """
    rows = batch.num_rows
    columns = [
        batch[field.name].cast(field.type) if field.name in batch.schema.names else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def leaf_names(field: pa.Field[Any]) -> list[str]:
    """Names as Parquet readers know them: a struct with fewer children than a record's, by those."""
    if field.type == SCHEMA.field(field.name).type:
        return [field.name]
    return [f"{field.name}.{child.name}" for child in field.type]
