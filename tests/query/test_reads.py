"""A query reads the files and columns that it needs, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_audit.encode.options import EncodeOptions
from otel_audit.query.catalog import Catalog
from otel_audit.query.columns import EVERY_COLUMN
from otel_audit.query.findings import Findings
from otel_audit.query.request import Query
from otel_audit.query.scan import scan
from otel_audit.store.base import ObjectInfo, Store
from otel_audit.store.open import open_store
from query.written_log import DAY, EIGHTEEN, HOUR, SECOND, LogWriter, record

DAYS = 4
PER_COMMIT = 400


class _Recorded:
    """A file whose reads are noted."""

    def __init__(self, inner: pa.NativeFile, ranges: list[tuple[int, int]]) -> None:
        self._inner, self._ranges = inner, ranges
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        start = self._inner.tell()
        content = self._inner.read(None if size < 0 else size)
        self._ranges.append((start, start + len(content)))
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def close(self) -> None:
        self.closed = True
        self._inner.close()


@dataclass
class CountingStore:
    """Passes everything on and notes what was read."""

    inner: Store
    read_whole: list[str] = field(default_factory=list)
    ranges: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.inner.url

    def read(self, path: str) -> bytes:
        self.read_whole.append(path)
        return self.inner.read(path)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self.inner.list(prefix)

    def size(self, path: str) -> int:
        return self.inner.size(path)

    def open_input(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(
            _Recorded(self.inner.open_input(path), self.ranges.setdefault(path, [])), mode="r"
        )

    def touched(self, path: str) -> set[tuple[int, str]]:
        """Row group and leaf of each column chunk of a Parquet file of which at least a byte was read."""
        metadata = pq.ParquetFile(self.inner.open_input(path)).metadata
        found = set()
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(place)
                start = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
                end = start + chunk.total_compressed_size
                if any(low < end and start < high for low, high in self.ranges[path]):
                    found.add((group, chunk.path_in_schema))
        return found


def noise(size: int, seed: int) -> str:
    """Text that does not compress: a file's columns lie far apart, as in real files."""
    return random.Random(seed).randbytes(size // 2).hex()


@pytest.fixture(scope="module")
def log() -> Store:
    """Four days, a commit each; records with content that is large beside everything else."""
    store = open_store(f"memory://{uuid4().hex}")
    writer = LogWriter(store, options=EncodeOptions(row_group_rows=100))
    for day in range(DAYS):
        writer.commit(
            [
                record(
                    EIGHTEEN + day * DAY + place * SECOND,
                    user={"id": f"u{place:03d}"},
                    request=f'"{noise(2000, place)}"',
                    attributes={"noise": noise(2000, place + 1)},
                )
                for place in range(PER_COMMIT)
            ]
        )
    return store


@pytest.fixture
def store(log: Store) -> CountingStore:
    return CountingStore(log)


def read(
    store: CountingStore, query: Query, columns: Any = ("timeUnixNano", "user.id")
) -> list[dict[str, Any]]:
    findings = Findings()
    catalog = Catalog(store, findings)  # type: ignore[arg-type]
    return [row for t in scan([catalog], query, findings, columns=columns) for row in t.to_pylist()]


def data_files(store: CountingStore) -> list[str]:
    return sorted(store.ranges)


def test_a_day_of_four_reads_the_files_of_that_day(store: CountingStore) -> None:
    rows = read(store, Query(EIGHTEEN + DAY, EIGHTEEN + DAY + HOUR))

    assert len(rows) == PER_COMMIT
    (path,) = data_files(store)
    assert "date=2026-11-22/hour=18/" in path


def test_columns_that_are_not_asked_for_are_not_read(store: CountingStore) -> None:
    read(store, Query(EIGHTEEN, EIGHTEEN + HOUR, outcomes=("success",)))

    (path,) = data_files(store)
    touched = {leaf for _, leaf in store.touched(path)}
    assert {"recordId", "timeUnixNano", "user.id", "outcome"} <= touched
    assert not touched & {"request", "response", "attributes", "resource", "events.list.element.attributes"}
    whole = store.inner.size(path)
    fetched = sum(end - start for start, end in store.ranges[path])
    assert fetched < whole / 5


def test_row_groups_whose_statistics_exclude_a_match_are_not_read(store: CountingStore) -> None:
    (row,) = read(store, Query(EIGHTEEN, EIGHTEEN + HOUR, users=("u250",)))

    assert row["user"]["id"] == "u250"
    (path,) = data_files(store)
    assert {group for group, leaf in store.touched(path) if leaf == "recordId"} == {2}

    store.ranges.clear()
    read(store, Query(EIGHTEEN + 110 * SECOND, EIGHTEEN + 120 * SECOND))
    assert {group for group, leaf in store.touched(path) if leaf == "recordId"} == {1}


def test_content_is_read_for_the_rows_that_are_left_only(store: CountingStore) -> None:
    (row,) = read(store, Query(EIGHTEEN, EIGHTEEN + HOUR, users=("u25?",), limit=1), EVERY_COLUMN)

    assert len(row["request"]) == 2002
    (path,) = data_files(store)
    fetched = sum(end - start for start, end in store.ranges[path])
    assert fetched < store.inner.size(path) / 2


def test_a_limit_ends_the_reading(store: CountingStore) -> None:
    rows = read(store, Query(limit=20))

    assert [row["timeUnixNano"] for row in rows] == [EIGHTEEN + place * SECOND for place in range(20)]
    (path,) = data_files(store)
    assert "date=2026-11-21/" in path


def test_a_limit_on_the_newest_ends_the_reading_too(store: CountingStore) -> None:
    rows = read(store, Query(limit=20, newest_first=True))

    assert rows[0]["timeUnixNano"] == EIGHTEEN + (DAYS - 1) * DAY + (PER_COMMIT - 1) * SECOND
    (path,) = data_files(store)
    assert "date=2026-11-24/" in path


def test_another_stream_is_not_touched(store: CountingStore) -> None:
    assert read(store, Query(streams=("model-io",))) == []
    assert data_files(store) == []
