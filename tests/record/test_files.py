"""Files of every minor version that was ever released, read by the readers of today."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_audit.errors import InputError
from otel_audit.record import decompressed
from otel_audit.record.canonical import recompute, record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.record.schema import SCHEMA, SCHEMA_MINOR_VERSION
from record.strategies import batch_of

VERSIONS = sorted(path for path in (Path(__file__).parent.parent / "golden/files").iterdir() if path.is_dir())


def test_the_version_of_today_is_among_them() -> None:
    assert SCHEMA_MINOR_VERSION in {folder.name for folder in VERSIONS}


@pytest.mark.parametrize("name", ["records.parquet", "records.ndjson.gz", "records.ndjson.zst"])
@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_hashes_stand(folder: Path, name: str) -> None:
    expected = [bytes.fromhex(text) for text in json.loads((folder / "hashes.json").read_text())]
    content = (folder / name).read_bytes()
    if name.endswith(".parquet"):
        found = list(read_parquet(content))
    else:
        found = list(read_ndjson(content, "gzip" if name.endswith(".gz") else "zstd"))
    records = pa.Table.from_batches(found, SCHEMA).combine_chunks().to_batches()[0]
    assert record_hashes(records).to_pylist() == expected
    assert recompute(records).record_hashes.to_pylist() == expected
    assert records["sequence"].to_pylist() == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_a_parquet_file_names_its_version(folder: Path) -> None:
    metadata = pq.read_metadata(folder / "records.parquet").metadata
    assert metadata[b"otel_audit.schema"].decode() == folder.name


RECORDS = batch_of([{"recordId": "r1", "user": {"id": "u1"}}, {"recordId": "r2", "attributes": "{}"}])


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_columns_of_the_future_fall_away_and_those_of_the_past_are_null() -> None:
    older = pa.Table.from_batches([RECORDS]).drop_columns(["sequence", "requestQuery"])
    content = parquet(older.append_column("fromTheFuture", pa.array([{"x": 1}, None])))
    assert list(read_parquet(content)) == [RECORDS]
    nothing = parquet(pa.table({"fromTheFuture": [1, 2]}))
    assert [batch.num_rows for batch in read_parquet(nothing)] == [2]


def test_strings_may_be_large_ones() -> None:
    # So a table engine writes them when it rewrites our files.
    large = pa.schema([pa.field("recordId", pa.large_string()), pa.field("durationNs", pa.int32())])
    content = parquet(pa.Table.from_pylist([{"recordId": "r", "durationNs": 5}], schema=large))
    assert list(read_parquet(content)) == [batch_of([{"recordId": "r", "durationNs": 5}])]


def test_what_is_no_parquet_is_an_error() -> None:
    for content in (b"", b"PAR1 not at all PAR1", parquet(pa.table({"user": ["not a struct"]}))):
        with pytest.raises(InputError, match="cannot be read as Parquet"):
            list(read_parquet(content))


def test_an_error_names_the_line_of_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompressed, "CHUNK_BYTES", 64)
    monkeypatch.setattr(decompressed, "READ_BYTES", 64)
    with pytest.raises(InputError, match="line 41: is not an audit record"):
        list(read_ndjson(b'{"recordId":"r"}\n' * 40 + b"{\n", "none"))


def test_sources_are_bytes_files_and_arrows_own(tmp_path: Path) -> None:
    content = parquet(pa.Table.from_batches([RECORDS]))
    (tmp_path / "x").write_bytes(content)
    with (tmp_path / "x").open("rb") as file, pa.OSFile(str(tmp_path / "x")) as native:
        assert (
            list(read_parquet(file)) == list(read_parquet(native)) == list(read_parquet(content)) == [RECORDS]
        )
    with gzip.open(tmp_path / "y", "wb") as file:
        file.write(b'{"recordId":"r"}')
    with (tmp_path / "y").open("rb") as file, pa.OSFile(str(tmp_path / "y")) as native:
        assert (
            list(read_ndjson(file, "gzip"))
            == list(read_ndjson(native, "gzip"))
            == [batch_of([{"recordId": "r"}])]
        )
