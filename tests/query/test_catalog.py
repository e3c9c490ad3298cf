"""Only committed files count, and what is wrong with a log is said."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from otel_audit.encode.options import EncodeOptions
from otel_audit.errors import IntegrityError
from otel_audit.query import catalog, listing
from otel_audit.query.catalog import Catalog
from otel_audit.query.findings import Findings
from otel_audit.query.request import Query
from otel_audit.query.scan import scan
from otel_audit.store.base import Store
from otel_audit.store.layout import PolicyFile
from otel_audit.store.open import open_store
from query.written_log import DAY, EIGHTEEN, HOUR, POLICY, SECOND, LogWriter, record

BOUNDED = Query(EIGHTEEN - HOUR, EIGHTEEN + HOUR)
QUERIES = [
    Query(),
    BOUNDED,
    Query(EIGHTEEN - HOUR),
    Query(end_unix_nano=EIGHTEEN + HOUR),
    Query(newest_first=True),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path))
    yield opened
    opened.close()


@pytest.fixture(params=[1_000, 0], ids=["known-whole", "hour-by-hour"])
def _length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log goes another way than a short one."""
    monkeypatch.setattr(listing, "READ_WHOLE", request.param)


class Read:
    """What one read gave, and what it said."""

    def __init__(
        self, store: Store, query: Query, *, keep_going: bool = False, now: int | None = None
    ) -> None:
        self.warnings: list[str] = []
        self.problems: list[str] = []
        findings = Findings(
            keep_going=keep_going, on_warning=self.warnings.append, on_problem=self.problems.append
        )
        files = Catalog(store, findings, clock=time.time_ns if now is None else lambda: now)
        tables = list(scan([files], query, findings, columns=("spanName", "timeUnixNano")))
        self.names = [name for table in tables for name in table["spanName"].to_pylist()]


@pytest.mark.usefixtures("_length")
@pytest.mark.parametrize("query", QUERIES)
class TestUnlisted:
    def test_a_file_that_waits_for_its_manifest_is_skipped_in_silence(
        self, store: Store, query: Query
    ) -> None:
        writer = LogWriter(store)
        writer.commit([record(spanName="committed")])
        writer.commit([record(spanName="not yet")], leave_out_manifest=True)

        read = Read(store, query)

        assert read.names == ["committed"]
        assert read.warnings == []

    def test_after_a_day_it_is_named(self, store: Store, tmp_path: Path, query: Query) -> None:
        writer = LogWriter(store)
        writer.commit([record(spanName="committed")])
        (path,) = writer.commit([record(spanName="never")], leave_out_manifest=True)
        aged_s = time.time() - catalog.PATIENCE_S - 60
        os.utime(tmp_path / path, (aged_s, aged_s))

        read = Read(store, query)

        assert read.names == ["committed"]
        (warning,) = read.warnings
        assert path in warning

    def test_a_copy_beside_the_listed_one_does_not_count(
        self, store: Store, tmp_path: Path, query: Query
    ) -> None:
        (path,) = LogWriter(store).commit([record(spanName="one")])
        beside = tmp_path / path.replace(".parquet", ".r1.parquet")
        beside.write_bytes((tmp_path / path).read_bytes())

        assert Read(store, query).names == ["one"]


@pytest.mark.usefixtures("_length")
@pytest.mark.parametrize("query", QUERIES)
class TestForeign:
    @pytest.mark.parametrize("name", ["notes.txt", "part-0.parquet", "x\x1b[2Jy.parquet"])
    def test_a_foreign_file_in_a_partition_is_named_and_left_alone(
        self, store: Store, tmp_path: Path, query: Query, name: str
    ) -> None:
        (path,) = LogWriter(store).commit([record(spanName="ours")])
        (tmp_path / path).with_name(name).write_bytes(b"not ours")

        read = Read(store, query)

        assert read.names == ["ours"]
        (warning,) = read.warnings
        assert name in warning

    def test_many_are_counted(self, store: Store, tmp_path: Path, query: Query) -> None:
        (path,) = LogWriter(store).commit([record(spanName="ours")])
        for number in range(50):
            (tmp_path / path).with_name(f"{number}.txt").touch()

        read = Read(store, query)

        assert len(read.warnings) == 21
        assert read.warnings[-1].startswith("30 more")


def test_a_foreign_file_beside_the_log_is_named(store: Store, tmp_path: Path) -> None:
    LogWriter(store).commit([record()])
    (tmp_path / "README.txt").touch()

    (warning,) = Read(store, Query()).warnings
    assert "README.txt" in warning


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def overwrite(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


DAMAGE = {"missing": Path.unlink, "shorter": shorten, "longer": lengthen, "zeros": overwrite}


@pytest.mark.usefixtures("_length")
@pytest.mark.parametrize("query", [Query(), BOUNDED])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(
    "options", [EncodeOptions(), EncodeOptions("ndjson", "gzip")], ids=lambda o: o.format
)
class TestBrokenPromises:
    @pytest.fixture
    def victim(self, store: Store, options: EncodeOptions) -> str:
        """The second of three commits; the others go on before and after it."""
        writer = LogWriter(store, options=options)
        writer.commit([record(EIGHTEEN, spanName="a")])
        (path,) = writer.commit([record(EIGHTEEN + SECOND, spanName="b")])
        writer.commit([record(EIGHTEEN + 2 * SECOND, spanName="c")])
        return path

    def test_a_file_that_is_not_what_its_manifest_says_is_an_error(
        self, store: Store, tmp_path: Path, victim: str, query: Query, damage: object
    ) -> None:
        damage(tmp_path / victim)  # type: ignore[operator]

        with pytest.raises(IntegrityError) as caught:
            Read(store, query)

        assert caught.value.path == victim

    def test_reading_on_gives_the_rest_and_remembers(
        self, store: Store, tmp_path: Path, victim: str, query: Query, damage: object
    ) -> None:
        damage(tmp_path / victim)  # type: ignore[operator]

        read = Read(store, query, keep_going=True)

        assert sorted(read.names) == ["a", "c"]
        (problem,) = read.problems
        assert victim in problem

    def test_a_window_that_does_not_need_the_file_does_not_ask_for_it(
        self, store: Store, tmp_path: Path, victim: str, query: Query, damage: object
    ) -> None:
        damage(tmp_path / victim)  # type: ignore[operator]

        read = Read(store, replace(query, start_unix_nano=EIGHTEEN, end_unix_nano=EIGHTEEN + SECOND))

        assert read.names == ["a"]


@pytest.mark.usefixtures("_length")
@pytest.mark.parametrize(
    "options", [EncodeOptions(), EncodeOptions("ndjson", "gzip")], ids=lambda o: o.format
)
def test_fewer_rows_than_promised_are_an_error(store: Store, tmp_path: Path, options: EncodeOptions) -> None:
    writer = LogWriter(store, options=options)
    writer.commit([record(spanName="a"), record(spanName="b")])
    manifest = tmp_path / writer.manifest_path(1)
    text = manifest.read_text()
    manifest.write_text(text.replace('"rows":2', '"rows":3').replace('"lastSequence":2', '"lastSequence":3'))

    with pytest.raises(IntegrityError, match="has 2 rows, its manifest says 3"):
        Read(store, Query())


@pytest.mark.usefixtures("_length")
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"not json", b'{"manifestVersion":2,"kind":"commit","requires":[]}']
)
def test_a_damaged_or_unknown_manifest_is_an_error_that_names_it(
    store: Store, tmp_path: Path, content: bytes
) -> None:
    writer = LogWriter(store)
    writer.commit([record(spanName="a")])
    writer.commit([record(spanName="b")])
    (tmp_path / writer.manifest_path(2)).write_bytes(content)

    with pytest.raises(IntegrityError) as caught:
        Read(store, Query())

    assert caught.value.path == writer.manifest_path(2)
    assert Read(store, Query(), keep_going=True).names == ["a"]


def test_a_commit_that_lost_all_its_files_is_noticed_at_the_end_of_a_short_log(
    store: Store, tmp_path: Path
) -> None:
    writer = LogWriter(store)
    writer.commit([record(EIGHTEEN, spanName="a")])
    (path,) = writer.commit([record(EIGHTEEN + SECOND, spanName="b")])
    (tmp_path / path).unlink()

    for query in QUERIES:
        with pytest.raises(IntegrityError, match="missing"):
            Read(store, query)


def test_a_file_that_comes_while_names_are_listed_is_not_missing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects are created in any order: the listing may have passed the place of a commit's second file."""
    writer = LogWriter(store)
    early, late = writer.commit([record(EIGHTEEN, spanName="a"), record(EIGHTEEN + HOUR, spanName="b")])
    listed = store.list

    monkeypatch.setattr(store, "list", lambda prefix: (i for i in listed(prefix) if i.path != late))

    assert Read(store, Query()).names == ["a", "b"]
    assert early != late


def test_of_a_long_log_only_the_windows_partitions_are_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "READ_WHOLE", 5)
    writer = LogWriter(store)
    for day in range(10):
        writer.commit([record(EIGHTEEN + day * DAY, spanName=str(day))])
    listed: list[str] = []
    read: list[str] = []
    original_list, original_read = store.list, store.read

    def list_(prefix: str = "") -> Iterator[object]:
        for info in original_list(prefix):
            listed.append(info.path)
            yield info

    monkeypatch.setattr(store, "list", list_)
    monkeypatch.setattr(store, "read", lambda path: read.append(path) or original_read(path))

    assert Read(store, Query(EIGHTEEN + 3 * DAY, EIGHTEEN + 5 * DAY)).names == ["3", "4"]

    # The window ends at 18:00, so the last day of it is listed and found to hold nothing.
    assert {path.split("/")[2] for path in listed if path.startswith("log/")} == {
        "date=2026-11-24",
        "date=2026-11-25",
        "date=2026-11-26",
    }
    policy = PolicyFile(POLICY.removeprefix("sha256:")).path
    assert sorted(read) == [*(writer.manifest_path(commit) for commit in (4, 5, 6)), policy]
