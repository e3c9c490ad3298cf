"""Other people's engines read a stream's folder as a table with Hive partitions: what the layout promises."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from otel_audit.encode.partitions import encode_partitions
from otel_audit.record.partition import NANOS_PER_HOUR
from otel_audit.record.schema import SCHEMA
from record.strategies import batch_of

NOON = 1_795_262_400 * 10**9
"""2026-11-21T12:00:00Z."""

ROWS: list[dict[str, Any]] = [
    {
        "recordId": f"r{number}", "stream": "platform", "eventName": "http.server",
        "timeUnixNano": NOON + number * NANOS_PER_HOUR // 2 + 809,
        "timestamp": (NOON + number * NANOS_PER_HOUR // 2) // 1_000,
        "observedTimeUnixNano": NOON, "observedTimestamp": NOON // 1_000,
        "user": {"id": f"u{number % 2}", "roles": ["a", "b"]}, "returnCode": 200 + number,
        "requestHeaders": [("accept", ["x", "y"]), ("content-type", ["z"])],
        "request": '{"n":1,"text":"a\\u2028b\\n"}', "attributes": '{"k":1.50}', "sampled": True,
        "sequence": number + 1,
    }
    for number in range(4)
]  # fmt: skip


class _Kept(io.BytesIO):
    def close(self) -> None:
        """Keep what was written."""


def _table(root: Path, form: str, compression: str) -> Path:
    """A stream's folder, with a file for each of two hours."""
    sinks = [_Kept(), _Kept()]
    files = encode_partitions([batch_of(ROWS)], form, compression, open_sink=sinks.__getitem__)
    for number, file in enumerate(files):
        folder = root / "date=2026-11-21" / f"hour={file.hours % 24:02d}"
        folder.mkdir(parents=True)
        (folder / f"w-1-{number}.{file.extension}").write_bytes(sinks[number].getvalue())
    return root


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _table(tmp_path_factory.mktemp("parquet"), "parquet", "zstd")


@pytest.fixture(scope="module")
def ndjson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _table(tmp_path_factory.mktemp("ndjson"), "ndjson", "gzip")


def _asked_of_duckdb(source: str) -> None:
    with duckdb.connect() as connection:
        found = connection.sql(
            f"""select recordId, "user".id, returnCode, cast(date as varchar), cast(hour as int),
                       cast(timestamp as varchar)[:19]
            from {source} where hour = 13 order by recordId"""
        ).fetchall()
    assert found == [
        ("r2", "u0", 202, "2026-11-21", 13, "2026-11-21 13:00:00"),
        ("r3", "u1", 203, "2026-11-21", 13, "2026-11-21 13:30:00"),
    ]


def test_duckdb_reads_parquet(parquet: Path) -> None:
    options = "hive_partitioning = true, union_by_name = true"
    _asked_of_duckdb(f"read_parquet('{parquet}/**/*.parquet', {options})")


def test_duckdb_reads_ndjson(ndjson: Path) -> None:
    options = "hive_partitioning = true, union_by_name = true"
    _asked_of_duckdb(f"read_json('{ndjson}/**/*.ndjson.gz', {options})")
    with duckdb.connect() as connection:
        texts = connection.sql(f"select request.text from read_json('{ndjson}/**/*.ndjson.gz')").fetchall()
    assert texts == [("a\u2028b\n",)] * 4


def test_pandas_reads_parquet(parquet: Path) -> None:
    frame = pd.read_parquet(parquet, filters=[("returnCode", ">", 200)])
    assert sorted(frame["recordId"]) == ["r1", "r2", "r3"]
    assert set(frame["hour"].astype(int)) == {12, 13}
    assert frame["timestamp"].dt.tz is not None


def test_pandas_reads_ndjson(ndjson: Path) -> None:
    frame = pd.concat(pd.read_json(path, lines=True) for path in sorted(ndjson.rglob("*.ndjson.gz")))
    assert list(frame["recordId"]) == ["r0", "r1", "r2", "r3"]
    assert list(frame["user"].map(lambda user: user["id"])) == ["u0", "u1", "u0", "u1"]
    assert frame["request"].iloc[0] == {"n": 1, "text": "a\u2028b\n"}


def test_polars_reads_parquet(parquet: Path) -> None:
    frame = pl.scan_parquet(f"{parquet}/**/*.parquet", hive_partitioning=True).filter(pl.col("hour") == 13)
    rows = frame.sort("recordId").collect().to_dicts()
    assert [row["recordId"] for row in rows] == ["r2", "r3"]
    assert rows[0]["user"]["roles"] == ["a", "b"]


def test_polars_reads_ndjson(ndjson: Path) -> None:
    frame = pl.scan_ndjson(f"{ndjson}/**/*.ndjson.gz").filter(pl.col("returnCode") >= 202)
    rows = frame.sort("recordId").collect().to_dicts()
    assert [row["recordId"] for row in rows] == ["r2", "r3"]
    assert rows[0]["timestamp"] == "2026-11-21T13:00:00.000000809Z"


def test_pyarrow_dataset_reads_parquet(parquet: Path) -> None:
    dataset = ds.dataset(parquet, partitioning="hive")
    assert {"date", "hour"} < set(dataset.schema.names)
    found = dataset.to_table(columns=SCHEMA.names, filter=ds.field("hour") == 12).sort_by("sequence")
    assert found.cast(SCHEMA).to_batches()[0] == batch_of(ROWS[:2])
