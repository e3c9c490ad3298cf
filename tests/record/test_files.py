"""Files of every minor version that was ever released, read by the readers of today."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_audit.record.canonical import recompute, record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.record.schema import SCHEMA, SCHEMA_MINOR_VERSION

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
