"""The local store keeps the contract, and its promises about crashes and about others in the folder."""

from __future__ import annotations

import errno
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.store_contract import BOUNDARY, PATH, StoreContract, create, sha256
from otel_audit.errors import Blocked, Conflict, IntegrityError, Missing, Refused, Retry, StoreError
from otel_audit.store import os_errors
from otel_audit.store.base import ObjectInfo, Outcome, Store
from otel_audit.store.open import open_store

# Python 3.12 warns of forks beside threads; the children here call nothing that could wait for one.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "not" / "yet" / "there"


@pytest.fixture
def reopen(root: Path) -> Callable[[], Store]:
    return lambda: open_store(str(root))


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


class TestLocalStore(StoreContract):
    pass


def files_of(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_files_are_for_owner_and_group(store: Store, root: Path, umask: None) -> None:
    create(store, PATH, b"content")
    target = root / PATH
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    for folder in target.parent, root / "log", root, root / ".incoming":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_nothing_but_the_object_is_left(store: Store, root: Path) -> None:
    create(store, PATH, b"content")
    create(store, PATH, b"content")
    with pytest.raises(Conflict):
        create(store, PATH, b"other")
    with pytest.raises(IntegrityError):
        store.create("other", b"other", sha256=sha256(b""))
    assert files_of(root) == [PATH]


def test_what_is_being_written_is_never_in_the_data(store: Store, root: Path, tmp_path: Path) -> None:
    """A reader of the folder sees whole files only: the content comes from a pipe that is still open."""
    create(store, "log/first", b"first")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = os.fork()
    if child == 0:
        with pipe.open("wb") as writer:
            writer.write(BOUNDARY)
            writer.flush()
            # The store has opened the pipe, so what it writes is there: look, then let it finish.
            while not any((root / ".incoming").iterdir()):
                pass
            os._exit(0 if files_of(root / "log") == ["first"] else 1)
    assert store.create("log/second", pipe, sha256=sha256(BOUNDARY)) is Outcome.CREATED
    assert os.waitpid(child, 0)[1] == 0
    assert files_of(root / "log") == ["first", "second"]


def test_a_source_file_is_copied_not_linked(store: Store, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "outbox"
    source.write_bytes(b"content")
    store.create(PATH, source, sha256=sha256(b"content"))
    assert source.stat().st_nlink == 1
    assert (root / PATH).stat().st_nlink == 1


class TestCrashes:
    """The process ends at every step; whatever it leaves, the object is whole or absent."""

    @staticmethod
    def create_and_die(root: Path, content: bytes, step: int) -> bool:
        """Create in a child that dies before its ``step``-th call to the system. Returns whether it did."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        left = [step]

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def die_or_call(*args: object, **named: object) -> object:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)
                return call(*args, **named)

            return die_or_call

        for name in ("link", "fsync", "write", "open"):
            setattr(os, name, dying(getattr(os, name)))
        for name in ("unlink", "mkdir"):
            setattr(Path, name, dying(getattr(Path, name)))
        try:
            create(open_store(str(root)), PATH, content)
        finally:
            # Not a step of pytest's: nothing of it may run twice.
            os._exit(0)

    def test_an_object_is_whole_or_absent(self, tmp_path: Path) -> None:
        content = os.urandom(3 * 2**20)
        step, died = 0, True
        while died:
            step += 1
            root = tmp_path / f"{step}" / "root"
            died = self.create_and_die(root, content, step)
            store = open_store(str(root))
            listed = list(store.list())
            assert listed in ([], [ObjectInfo(PATH, len(content))])
            outcome = create(store, PATH, content)
            assert outcome is (Outcome.ALREADY_SAME if listed else Outcome.CREATED)
            assert store.read(PATH) == content
        # Folders, temporary file, three blocks, fsync, link, unlink, fsync of the folder.
        assert step > 20

    def test_what_a_crash_left_is_removed_a_day_later(self, store: Store, root: Path) -> None:
        incoming = root / ".incoming"
        incoming.mkdir(parents=True)
        long_ago = time.time() - 25 * 3600
        for name, age in (("a" * 32, long_ago), ("b" * 32, time.time())):
            (incoming / f"{name}.tmp").write_bytes(b"half")
            os.utime(incoming / f"{name}.tmp", (age, age))
        (incoming / "somebody's").write_bytes(b"")
        os.utime(incoming / "somebody's", (long_ago, long_ago))
        create(store, PATH, b"content")
        assert sorted(path.name for path in incoming.iterdir()) == [f"{'b' * 32}.tmp", "somebody's"]


class TestDurability:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is fsynced and linked, in order, by the names that the kernel has for it."""
        noted: list[str] = []
        fsync, link = os.fsync, os.link

        def noting_fsync(descriptor: int) -> None:
            noted.append(f"fsync {os.readlink(f'/proc/self/fd/{descriptor}')}")
            fsync(descriptor)

        def noting_link(source: Path, target: Path) -> None:
            noted.append(f"link {target}")
            link(source, target)

        monkeypatch.setattr(os, "fsync", noting_fsync)
        monkeypatch.setattr(os, "link", noting_link)
        return noted

    def test_a_file_is_durable_before_it_has_a_name_and_the_name_after(
        self, store: Store, root: Path, tmp_path: Path, calls: list[str]
    ) -> None:
        create(store, "log/a/file", b"content")
        (named,) = [number for number, call in enumerate(calls) if call.startswith("link ")]
        assert calls[named] == f"link {root}/log/a/file"
        before, after = calls[:named], calls[named + 1 :]
        assert sum(call.startswith(f"fsync {root}/.incoming/") for call in before) == 1
        # Each folder that was made is an entry of its parent.
        for parent in tmp_path, tmp_path / "not", tmp_path / "not/yet", root, root / "log":
            assert f"fsync {parent}" in before
        assert after == [f"fsync {root}/log/a"]

    def test_the_second_file_of_a_folder_costs_two_fsyncs(
        self, store: Store, root: Path, calls: list[str]
    ) -> None:
        create(store, "log/a/file", b"content")
        calls.clear()
        create(store, "log/a/other", b"content")
        assert [call.partition("/.incoming/")[0] for call in calls] == [
            f"fsync {root}",
            f"link {root}/log/a/other",
            f"fsync {root}/log/a",
        ]

    def test_what_another_process_linked_is_made_durable_too(
        self, store: Store, reopen: Callable[[], Store], root: Path, calls: list[str]
    ) -> None:
        create(store, "log/a/file", b"content")
        calls.clear()
        assert create(reopen(), "log/a/file", b"content") is Outcome.ALREADY_SAME
        assert calls == [
            f"fsync {root}/log/a/file",
            f"fsync {root}",
            f"fsync {root}/log",
            f"fsync {root}/log/a",
        ]


class TestOthersInTheFolder:
    def test_foreign_files_are_listed_and_hidden_ones_are_not(self, store: Store, root: Path) -> None:
        create(store, PATH, b"content")
        (root / "log" / "README.md").write_bytes(b"foreign")
        (root / "log" / ".DS_Store").write_bytes(b"hidden")
        (root / ".git").mkdir()
        (root / ".git" / "HEAD").write_bytes(b"hidden")
        os.mkfifo(root / "log" / "pipe")
        (root / "log" / "dangling").symlink_to("nowhere")
        assert list(store.list()) == [ObjectInfo("log/README.md", 7), ObjectInfo(PATH, 7)]

    def test_a_folder_in_the_place_of_an_object_is_a_conflict(self, store: Store, root: Path) -> None:
        (root / PATH).mkdir(parents=True)
        with pytest.raises(Conflict, match="exists-as-no-file"):
            create(store, PATH, b"content")

    @pytest.mark.parametrize("target", ["nowhere", "elsewhere"])
    def test_a_link_in_the_place_of_an_object_is_a_conflict(
        self, store: Store, root: Path, target: str
    ) -> None:
        (root / PATH).parent.mkdir(parents=True)
        (root / PATH).parent.joinpath("elsewhere").write_bytes(b"content")
        (root / PATH).symlink_to(target)
        with pytest.raises(Conflict, match="exists-as-link"):
            create(store, PATH, b"content")

    def test_a_pipe_in_the_place_of_an_object_is_a_conflict_and_no_hang(
        self, store: Store, root: Path
    ) -> None:
        (root / PATH).parent.mkdir(parents=True)
        os.mkfifo(root / PATH)
        with pytest.raises(Conflict):
            create(store, PATH, b"content")

    def test_a_file_in_the_place_of_a_folder_is_blocked(self, store: Store, root: Path) -> None:
        root.mkdir(parents=True)
        (root / "log").write_bytes(b"")
        with pytest.raises(Blocked, match="not-a-folder"):
            create(store, PATH, b"content")
        with pytest.raises(Missing):
            store.read(PATH)

    def test_a_file_in_the_place_of_the_destination_is_blocked(self, store: Store, root: Path) -> None:
        root.parent.mkdir(parents=True)
        root.write_bytes(b"")
        with pytest.raises(Blocked, match="not-a-folder"):
            create(store, PATH, b"content")

    @pytest.mark.parametrize("removed", ["log", ".incoming", "."])
    def test_a_folder_that_somebody_removes_is_made_again(
        self, store: Store, root: Path, removed: str
    ) -> None:
        create(store, PATH, b"content")
        for path in sorted((root / removed).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (root / removed).rmdir()
        with pytest.raises(Retry, match="folder-removed"):
            create(store, "log/other", b"content")
        assert create(store, "log/other", b"content") is Outcome.CREATED


class TestErrors:
    def test_a_file_that_gets_too_large_leaves_nothing(self, store: Store, root: Path) -> None:
        """A limit of the system, as a quota or a full disk would be, in a child that is free to set it."""
        create(store, "first", b"x")
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
            code = 1
            try:
                create(store, PATH, bytes(3 * 2**20))
            except Refused as error:
                code = 0 if error.cause == "too-large" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert files_of(root) == ["first"]

    @pytest.mark.parametrize(
        ("number", "kind", "cause"),
        [
            (errno.ENOSPC, Blocked, "disk-full"),
            (errno.EDQUOT, Blocked, "quota"),
            (errno.EACCES, Blocked, "permission-denied"),
            (errno.EROFS, Blocked, "read-only"),
            (errno.EIO, Retry, "io-error"),
            (errno.ESTALE, Retry, "stale-handle"),
            (errno.EMFILE, Retry, "too-many-open-files"),
            (errno.ENOTTY, Blocked, "enotty"),
        ],
    )
    def test_errors_of_the_system_say_who_has_to_act(
        self,
        store: Store,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        kind: type[StoreError],
        cause: str,
    ) -> None:
        create(store, "first", b"x")

        def fail(*_: object) -> None:
            raise OSError(number, "secret words", "/secret/path")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(kind) as caught:
            create(store, PATH, b"content")
        monkeypatch.undo()
        assert str(caught.value) == f"{PATH}: {cause}"
        assert files_of(root) == ["first"]
        assert create(store, PATH, b"content") is Outcome.CREATED

    @pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
    def test_a_file_system_without_hard_links_is_said(
        self, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", fail)
        with pytest.raises(Blocked, match="no-hard-links"):
            create(store, PATH, b"content")
        assert files_of(root) == []


def test_every_cause_is_a_word() -> None:
    """Causes are metric attributes: a closed set, safe anywhere."""
    causes = {cause for _, cause in os_errors.BY_ERRNO.values()}
    assert all(cause.replace("-", "").isalpha() and cause.islower() for cause in causes)
