"""What is in a file beside the records, and what its writer says of it."""

from __future__ import annotations

import gc
import hashlib
import io
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_audit.encode import ndjson
from otel_audit.encode.options import EXTENSIONS, EncodeOptions
from otel_audit.encode.partitions import open_writer
from otel_audit.errors import ConfigurationError
from otel_audit.record.files import read_ndjson
from otel_audit.record.schema import BY_NAME, SCHEMA, Group
from record.strategies import batch_of

FORMATS = sorted(EXTENSIONS)


def rows(count: int, start: int = 0) -> pa.RecordBatch:
    return batch_of(
        [
            {
                "recordId": f"{number:032x}", "stream": "platform", "timeUnixNano": number * 1_000,
                "timestamp": number, "user": {"id": f"u{number % 3}"}, "spanName": f"secret of {number}",
                "requestHeaders": [("accept", ["x"])], "attributes": "{}", "sequence": number + 1,
            }
            for number in range(start, start + count)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_statistics_are_those_of_the_bytes(form: str, compression: str) -> None:
    sink = io.BytesIO(b"")
    writer = open_writer(form, compression, sink)
    with writer:
        writer.write(rows(3, start=7))
        writer.write(rows(0))
        writer.write(rows(2, start=1))
    statistics = writer.close()
    assert statistics is writer.close()
    assert not sink.closed
    assert statistics.rows == 5
    assert statistics.size == len(sink.getvalue())
    assert statistics.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    assert (statistics.min_time_unix_nano, statistics.max_time_unix_nano) == (1_000, 9_000)


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_a_file_without_records_is_none(form: str, compression: str) -> None:
    writer = open_writer(form, compression, io.BytesIO())
    with pytest.raises(ValueError, match="without records"):
        writer.close()


class Full(io.BytesIO):
    """A disk that takes so many bytes."""

    def __init__(self, space: int) -> None:
        super().__init__()
        self.space = space

    def write(self, content: Any, /) -> int:
        if self.tell() + memoryview(content).nbytes > self.space:
            raise OSError(28, "No space left on device")
        return super().write(content)


@pytest.mark.parametrize("space", [0, 100, 3_000])
@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_a_full_disk_is_an_oserror_and_nothing_more_is_written(
    form: str, compression: str, space: int
) -> None:
    sink = Full(space)

    def fill() -> None:
        with open_writer(form, compression, sink, EncodeOptions(row_group_rows=100)) as writer:
            for start in range(0, 100_000, 1_000):
                writer.write(rows(1_000, start))

    with pytest.raises(OSError, match="No space"):
        fill()
    size = len(sink.getvalue())
    sink.space = 10**9
    gc.collect()
    assert len(sink.getvalue()) == size


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_an_error_of_the_caller_leaves_no_whole_file(form: str, compression: str) -> None:
    sink = io.BytesIO()

    def fail() -> None:
        with open_writer(form, compression, sink, EncodeOptions(row_group_rows=10)) as writer:
            writer.write(rows(20))
            raise RuntimeError("theirs")

    with pytest.raises(RuntimeError, match="theirs"):
        fail()
    assert not sink.getvalue().endswith(b"PAR1")


@pytest.mark.parametrize(("form", "compression"), [("parquet", "gzip"), ("csv", "zstd"), ("ndjson", "lz4")])
def test_what_is_not_written_is_refused(form: str, compression: str) -> None:
    with pytest.raises(ConfigurationError, match="accepted: parquet with zstd"):
        open_writer(form, compression, io.BytesIO())


def parquet(*batches: pa.RecordBatch, **options: int) -> pq.ParquetFile:
    sink = io.BytesIO()
    with open_writer("parquet", "zstd", sink, EncodeOptions(**options)) as writer:
        for batch in batches:
            writer.write(batch)
    return pq.ParquetFile(sink)


def test_parquet_has_every_column_in_table_order_and_names_its_schema() -> None:
    file = parquet(rows(1))
    assert file.schema_arrow.names == SCHEMA.names
    assert file.schema_arrow.equals(SCHEMA)
    assert file.metadata.metadata[b"otel_audit.schema"] == b"1.0"
    assert not {"date", "hour"} & set(file.schema_arrow.names)
    kinds = {column.path: str(column.logical_type) for column in file.schema}
    assert "timeUnit=microseconds" in kinds["timestamp"]
    assert "isAdjustedToUTC=true" in kinds["timestamp"]


def test_row_groups_are_bounded_by_rows_and_by_bytes() -> None:
    groups = parquet(*(rows(40, start) for start in range(0, 200, 40)), row_group_rows=100).metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [120, 80]
    groups = parquet(*(rows(40, start) for start in range(0, 120, 40)), row_group_bytes=1).metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [40, 40, 40]
    assert groups.row_group(2).column(0).compression == "ZSTD"


def columns(file: pq.ParquetFile) -> dict[str, Any]:
    group = file.metadata.row_group(0)
    return {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}


def test_statistics_of_content_are_not_in_the_footer() -> None:
    file = parquet(rows(100))
    for path, column in columns(file).items():
        field = BY_NAME[path.split(".")[0]]
        if field.group is Group.CONTENT or field.name in {"salts", "digests", "erased"}:
            assert not column.is_stats_set, path
        else:
            assert column.is_stats_set, path
    bounds = columns(file)
    assert bounds["timestamp"].statistics.min.timestamp() == 0
    assert bounds["user.id"].statistics.max == "u2"
    assert bounds["sequence"].statistics.max == 100


def test_dictionaries_only_where_values_repeat() -> None:
    encodings = {path: column.encodings for path, column in columns(parquet(rows(100))).items()}
    assert "RLE_DICTIONARY" in encodings["stream"]
    assert "RLE_DICTIONARY" in encodings["user.id"]
    assert "RLE_DICTIONARY" in encodings["requestHeaders.key_value.key"]
    assert "RLE_DICTIONARY" in encodings["requestHeaders.key_value.value.list.element"]
    assert "RLE_DICTIONARY" not in encodings["recordId"]
    assert "RLE_DICTIONARY" not in encodings["spanName"]
    assert "RLE_DICTIONARY" not in encodings["timeUnixNano"]


def test_many_small_batches_keep_their_order() -> None:
    sink = io.BytesIO()
    with open_writer("ndjson", "gzip", sink) as writer:
        for start in range(0, 9_000, 7):
            writer.write(rows(7, start))
    found = pa.Table.from_batches(read_ndjson(sink.getvalue(), "gzip"))
    assert found["sequence"].to_pylist() == list(range(1, 9_003))


class Trickle(io.BytesIO):
    """An unbuffered file: it takes what it can."""

    def write(self, content: Any, /) -> int:
        return super().write(memoryview(content)[:100])


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_a_sink_may_take_less_than_it_is_given(form: str, compression: str) -> None:
    whole, trickled = io.BytesIO(), Trickle()
    for sink in (whole, trickled):
        with open_writer(form, compression, sink) as writer:
            writer.write(rows(50))
    assert trickled.getvalue() == whole.getvalue()


@pytest.mark.parametrize(("compression", "level"), [("gzip", 0), ("gzip", 3), ("gzip", 9), ("zstd", 19)])
def test_any_level_of_the_compression(compression: str, level: int) -> None:
    sink = io.BytesIO()
    with open_writer("ndjson", compression, sink, EncodeOptions(level=level)) as writer:
        writer.write(rows(3))
    assert [batch.num_rows for batch in read_ndjson(sink.getvalue(), compression)] == [3]


def test_zlib_stands_in_where_isal_has_no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "_gzip", zlib)
    sink = io.BytesIO()
    with open_writer("ndjson", "gzip", sink) as writer:
        writer.write(rows(3))
    assert [batch.num_rows for batch in read_ndjson(sink.getvalue(), "gzip")] == [3]
