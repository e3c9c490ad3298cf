"""The system calls of the spool, on the real file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otel_audit.spool import files as files_module
from otel_audit.spool.files import Files


@pytest.fixture
def files() -> Files:
    return Files()


def test_an_append_takes_any_number_of_buffers(files: Files, tmp_path: Path) -> None:
    parts = [bytes([number % 256]) * (number % 7) for number in range(5000)]
    descriptor = files.create_append(tmp_path / "a")
    files.append(descriptor, [memoryview(part) for part in parts])
    files.append(descriptor, [memoryview(b"end")])
    files.close(descriptor)
    assert (tmp_path / "a").read_bytes() == b"".join(parts) + b"end"


def test_an_append_goes_on_after_a_short_write(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_little(descriptor: int, buffers: list[memoryview]) -> int:
        return os.write(descriptor, b"".join(buffers)[:1000])

    monkeypatch.setattr(os, "writev", write_little)
    parts = [os.urandom(length) for length in (999, 1, 1000, 2500, 0, 3)]
    descriptor = files.create_append(tmp_path / "a")
    files.append(descriptor, [memoryview(part) for part in parts])
    files.close(descriptor)
    assert (tmp_path / "a").read_bytes() == b"".join(parts)


def test_descriptors_do_not_reach_other_programs(files: Files, tmp_path: Path) -> None:
    opened = [
        files.create_append(tmp_path / "a"),
        files.open_read(tmp_path / "a"),
        files.open_lock(tmp_path / "lock"),
    ]
    with files.create_sink(tmp_path / "b") as sink:
        opened.append(sink.fileno())
        assert not any(os.get_inheritable(descriptor) for descriptor in opened)
    for descriptor in opened[:3]:
        files.close(descriptor)


@pytest.mark.parametrize("name", ["create_append", "create_sink", "create"])
def test_a_file_is_made_once(files: Files, tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(b"there")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    arguments = [b""] if name == "create" else []
    for path in ("a", "link"):
        with pytest.raises(FileExistsError):
            getattr(files, name)(tmp_path / path, *arguments)
    assert (tmp_path / "a").read_bytes() == b"there"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["open_read", "open_lock", "read", "fsync", "fsync_folder"])
def test_links_are_not_followed(files: Files, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path if name == "fsync_folder" else tmp_path / "file")
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        getattr(files, name)(tmp_path / "link")


def test_a_tree_goes_and_what_its_links_point_to_stays(files: Files, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").touch()
    (tree / "link").symlink_to(kept)
    files.remove_tree(tree)
    files.remove_tree(tree)
    assert not tree.exists()
    assert (kept / "file").exists()


def test_replacing_is_not_stopped_by_what_a_crash_left(files: Files, tmp_path: Path) -> None:
    (tmp_path / "plan.tmp").write_bytes(b"half")
    files.replace(tmp_path / "plan", b"whole")
    files.replace(tmp_path / "plan", b"newer")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("plan", b"newer")]


def test_reading_gives_what_there_is(files: Files, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    descriptor = files.open_read(tmp_path / "a")
    assert files.pread(descriptor, 4, 3) == b"3456"
    assert files.pread(descriptor, 40, 8) == b"89"
    assert files.pread(descriptor, 4, 10) == b""
    files.close(descriptor)


def test_the_file_system_is_the_one_that_the_kernel_names(files: Files) -> None:
    assert files.file_system(Path("/proc")) == "proc"
    assert files.file_system(Path("/proc/self/fd")) == "proc"
    assert files.file_system(Path("/")) not in {None, "proc"}


def test_mount_points_with_odd_names(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    here = os.path.realpath(tmp_path)
    mounts.write_text(
        "22 1 0:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        f"23 22 0:2 / {here}/net rw - ext4 /dev/a rw\n"
        f"24 22 0:2 / {here}/net rw - nfs4 host:/a rw\n"
        f"25 22 0:3 / {here}/a\\040b\\134c rw shared:9 master:1 - cifs //host/b rw\n"
    )
    monkeypatch.setattr(files_module, "_MOUNTS", mounts)
    assert files.file_system(tmp_path) == "ext4"
    assert files.file_system(tmp_path / "net" / "deep" / "er") == "nfs4"
    assert files.file_system(tmp_path / "network") == "ext4"
    assert files.file_system(tmp_path / "a b\\c") == "cifs"
    mounts.unlink()
    assert files.file_system(tmp_path) is None
