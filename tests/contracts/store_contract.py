"""What every store does: one suite, run on each of them.

A test module subclasses :class:`StoreContract` and gives it a ``store`` fixture: an empty destination, and a
function ``reopen`` that opens the same destination as another process would.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_audit.errors import Conflict, InputError, IntegrityError, Missing, Retry
from otel_audit.store.base import ObjectInfo, Outcome, Store

PATH = "log/platform/date=2026-11-21/hour=18/shop-20261121-5f2c91ab-0000000001-0-0123456789ab.parquet"

# Content that gcsfs and other clients frame with is content like any other.
BOUNDARY = b"before\n--==0==--\nafter\r\n--==0==\r\n\r\n--==0==--"

LARGE = bytes(range(256)) * (20 * 2**20 // 256)

ODD_PATHS = [
    "a",
    "a b/c  d",
    "a=b&c=d/e+f",
    "100%/%2F%41%",
    "é/日本/😀",
    "é",
    "#frag?query=1",
    "quo'te\"s`",
    "star*[x]{y}$z~!",
    "semi;colon:comma,at@",
    "trailing.",
    "-dash/--/_",
    "x" * 255,
    "/".join(["y" * 99] * 5),
]

NOT_PATHS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".hidden",
    "a/.hidden",
    "a\\b",
    "a\nb",
    "a\0b",
    "a\x7fb",
    "\ud800",
    "x" * 256,
    "/".join(["y" * 99] * 6),
]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def create(store: Store, path: str, content: bytes) -> Outcome:
    return store.create(path, content, sha256=sha256(content))


class StoreContract:
    """The suite."""

    @pytest.mark.parametrize(
        "content", [b"", b"x", b"\n", BOUNDARY, LARGE], ids=["empty", "byte", "newline", "boundary", "20 MiB"]
    )
    def test_what_is_created_can_be_read(
        self, store: Store, reopen: Callable[[], Store], content: bytes
    ) -> None:
        assert create(store, PATH, content) is Outcome.CREATED
        for each in store, reopen():
            assert each.read(PATH) == content
            assert each.size(PATH) == len(content)
            with each.open_input(PATH) as file:
                assert file.read() == content

    @pytest.mark.parametrize("content", [b"", BOUNDARY, LARGE], ids=["empty", "boundary", "20 MiB"])
    def test_a_file_is_stored_as_its_bytes_are(self, store: Store, tmp_path: Path, content: bytes) -> None:
        source = tmp_path / "outbox.parquet"
        source.write_bytes(content)
        assert store.create(PATH, source, sha256=sha256(content)) is Outcome.CREATED
        assert store.create(PATH, source, sha256=sha256(content)) is Outcome.ALREADY_SAME
        assert source.read_bytes() == content
        source.write_bytes(b"changed later")
        assert store.read(PATH) == content

    @pytest.mark.parametrize("content", [b"", b"x", BOUNDARY], ids=["empty", "byte", "boundary"])
    def test_the_same_content_again_is_a_success(
        self, store: Store, reopen: Callable[[], Store], content: bytes
    ) -> None:
        assert create(store, PATH, content) is Outcome.CREATED
        assert create(store, PATH, content) is Outcome.ALREADY_SAME
        assert create(reopen(), PATH, content) is Outcome.ALREADY_SAME

    @pytest.mark.parametrize("other", [b"", b"first?", b"firsT", BOUNDARY])
    def test_other_content_is_a_conflict_and_changes_nothing(self, store: Store, other: bytes) -> None:
        create(store, PATH, b"first")
        with pytest.raises(Conflict) as caught:
            create(store, PATH, other)
        assert caught.value.path == PATH
        assert store.read(PATH) == b"first"

    def test_content_that_is_not_as_announced_is_not_stored(self, store: Store, tmp_path: Path) -> None:
        source = tmp_path / "outbox.parquet"
        source.write_bytes(b"damaged in the outbox")
        for content in b"other", source:
            with pytest.raises(IntegrityError) as caught:
                store.create(PATH, content, sha256=sha256(b"announced"))
            assert caught.value.path == PATH
        with pytest.raises(Missing):
            store.read(PATH)
        assert list(store.list()) == []

    def test_wrongly_announced_content_leaves_what_is_there(self, store: Store) -> None:
        create(store, PATH, b"first")
        with pytest.raises(IntegrityError):
            store.create(PATH, b"first", sha256=sha256(b"announced"))
        assert store.read(PATH) == b"first"

    def test_a_file_that_is_not_there_cannot_be_stored(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError, match="ENOENT"):
            store.create(PATH, tmp_path / "nowhere", sha256=sha256(b""))
        assert list(store.list()) == []

    @pytest.mark.parametrize("digest", ["", "sha256:" + "0" * 64, "A" * 64, "0" * 63])
    def test_a_digest_is_64_hex_digits(self, store: Store, digest: str) -> None:
        with pytest.raises(ValueError, match="64 lower-case hex"):
            store.create(PATH, b"", sha256=digest)

    @pytest.mark.parametrize("path", ODD_PATHS)
    def test_odd_paths_are_taken_literally(self, store: Store, path: str) -> None:
        content = path.encode()
        assert create(store, path, content) is Outcome.CREATED
        assert create(store, path, content) is Outcome.ALREADY_SAME
        assert store.read(path) == content
        assert list(store.list()) == [ObjectInfo(path, len(content))]
        assert list(store.list(path)) == [ObjectInfo(path, len(content))]
        with store.open_input(path) as file:
            assert file.read() == content

    @pytest.mark.parametrize("path", NOT_PATHS)
    def test_other_texts_are_no_paths(self, store: Store, path: str) -> None:
        with pytest.raises(InputError):
            create(store, path, b"")
        for reader in store.read, store.size, store.open_input:
            with pytest.raises(InputError):
                reader(path)

    def test_what_was_never_created_is_missing(self, store: Store) -> None:
        create(store, "a/b", b"x")
        for path in "nothing", "a", "a/b/c", "a/b.c":
            for reader in store.read, store.size, store.open_input:
                with pytest.raises(Missing) as caught:
                    reader(path)
                assert caught.value.path == path

    def test_of_many_creators_one_creates(self, store: Store, reopen: Callable[[], Store]) -> None:
        contents = [b"content %d" % (number % 2) for number in range(8)]
        stores = [store if number % 3 else reopen() for number in range(8)]
        gate = threading.Barrier(len(contents))

        def compete(pair: tuple[Store, bytes]) -> Outcome | type[Conflict]:
            gate.wait()
            try:
                return create(pair[0], PATH, pair[1])
            except Conflict:
                return Conflict

        with ThreadPoolExecutor(len(contents)) as pool:
            outcomes = list(pool.map(compete, zip(stores, contents, strict=True)))
        winner = store.read(PATH)
        for content, outcome in zip(contents, outcomes, strict=True):
            expected = {Outcome.CREATED, Outcome.ALREADY_SAME} if content == winner else {Conflict}
            assert outcome in expected
        assert outcomes.count(Outcome.CREATED) == 1

    def test_many_objects_are_created_at_once(self, store: Store) -> None:
        def make(number: int) -> Outcome:
            return create(store, f"log/hour={number:02d}/file", b"%d" % number)

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(make, range(24))) == {Outcome.CREATED}
        assert [each.path for each in store.list("log/")] == [f"log/hour={n:02d}/file" for n in range(24)]

    def test_a_listing_is_in_order_of_path(self, store: Store) -> None:
        # In ASCII "-" and "." come before "/", "=" after it: folders must not be walked name by name.
        paths = [
            "log/a-b/1", "log/a/1", "log/a/1-2", "log/a/1/x", "log/a=b", "log/a.b", "log/a", "log/A",
            "_audit/x", "log/é", "log/z",
        ]  # fmt: skip
        taken = [path for path in paths if path not in {"log/a", "log/a/1"}]
        for number, path in enumerate(taken):
            create(store, path, b"x" * number)
        expected = sorted(ObjectInfo(path, number) for number, path in enumerate(taken))
        assert list(store.list()) == expected
        prefixes = ["", "log", "log/", "log/a", "log/a/", "log/a/1", "log/a-", "log/é", "lo", "x", "log/a=b"]
        for prefix in prefixes:
            assert list(store.list(prefix)) == [each for each in expected if each.path.startswith(prefix)]

    def test_nothing_has_been_written_yet(self, store: Store) -> None:
        assert list(store.list()) == []
        assert list(store.list("log/platform/")) == []

    def test_any_range_can_be_read(self, store: Store) -> None:
        content = bytes(number * 7 % 251 for number in range(200_000))
        create(store, PATH, content)
        with store.open_input(PATH) as file:
            assert file.size() == len(content)
            for start, length in (
                (0, 1),
                (5, 100_000),
                (199_990, 100),
                (134_000, 2_000),
                (150_000, 0),
                (0, 10**6),
            ):
                file.seek(start)
                assert file.read(length) == content[start : start + length]
                assert file.read_at(length, start) == content[start : start + length]
            assert file.tell() == len(content)

    def test_parquet_is_read_in_place(self, store: Store, tmp_path: Path) -> None:
        table = pa.table({"a": list(range(1000)), "b": [str(n) for n in range(1000)]})
        pq.write_table(table, tmp_path / "file.parquet", row_group_size=300)
        create(store, PATH, (tmp_path / "file.parquet").read_bytes())
        with store.open_input(PATH) as file:
            assert pq.ParquetFile(file).read(columns=["b"]).equals(table.select(["b"]))

    def test_a_closed_store_asks_to_come_back(self, store: Store) -> None:
        create(store, PATH, b"x")
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: create(store, "other", b""),
            lambda: store.read(PATH),
            lambda: store.size(PATH),
            lambda: store.open_input(PATH),
            lambda: list(store.list()),
        ]
        for call in calls:
            with pytest.raises(Retry, match="closed"):
                call()

    def test_its_url_is_for_messages(self, store: Store, reopen: Callable[[], Store]) -> None:
        assert store.url
        assert reopen().url == store.url
