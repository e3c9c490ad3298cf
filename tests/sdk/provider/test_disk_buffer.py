"""A buffer on disk: durable, readable with its key only, and whole after any end of its process."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from audit_signal.conftest import record
from otel_audit import ConfigurationError, DiskBuffer, NotDurable
from otel_audit.convert.spans import LogData
from otel_audit.sdk.provider.disk_buffer import Kept
from otel_audit.spool import Files

KEY = b"a key of thirty-two bytes or more"


def put(folder: Path, count: int) -> list[Path]:
    """Journals of a process that kept so many records and ended."""
    buffer = DiskBuffer(folder, key=KEY)
    assert list(buffer.waiting()) == []
    for number in range(count):
        buffer.put(record(attributes={"n": number}))
    buffer.close()
    return sorted(folder.rglob("waiting-*"))


def left(folder: Path, key: bytes = KEY) -> list[object]:
    buffer = DiskBuffer(folder, key=key)
    try:
        return [log.attributes["n"] for log, _ in buffer.waiting()]
    finally:
        buffer.close()


def test_what_waits_is_as_it_was(tmp_path: Path) -> None:
    buffer = DiskBuffer(tmp_path, key=KEY)
    log = record(body={"a": [1, 2.5, b"x", None, True]}, trace_id="0af7651916cd43dd8448eb211c80319c")
    buffer.put(log)
    buffer.close()
    again = DiskBuffer(tmp_path, key=KEY)
    ((found, _),) = again.waiting()
    assert dataclasses.replace(found, resource=log.resource) == log
    assert found.resource.attributes == log.resource.attributes
    again.close()


def test_a_journal_goes_with_its_last_record(tmp_path: Path) -> None:
    buffer = DiskBuffer(tmp_path, key=KEY)
    kept: list[Kept] = [buffer.put(record()) for _ in range(3)]
    for one in kept[:2]:
        buffer.remove(one)
        assert list(tmp_path.rglob("waiting-*"))
    buffer.remove(kept[2])
    assert list(tmp_path.rglob("waiting-*")) == []
    buffer.put(record())
    assert len(list(tmp_path.rglob("waiting-*"))) == 1
    buffer.close()


def test_a_frame_that_was_not_written_whole_is_cut_wherever_it_ends(tmp_path: Path) -> None:
    (journal,) = put(tmp_path / "whole", 3)
    content = journal.read_bytes()
    size = len(content) // 3
    for cut in (1, 7, 8, 9, size // 2, size - 1):
        folder = tmp_path / str(cut)
        (other,) = put(folder, 3)
        other.write_bytes(content[: 2 * size + cut])
        assert left(folder) == [0, 1]


def test_another_key_or_a_changed_record_is_refused_and_nothing_removed(tmp_path: Path) -> None:
    (journal,) = put(tmp_path, 2)
    with pytest.raises(ConfigurationError, match="key"):
        left(tmp_path, b"another key of thirty-two bytes!!")
    content = bytearray(journal.read_bytes())
    content[30] ^= 1
    journal.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        left(tmp_path)
    assert journal.exists()


def test_two_processes_share_a_folder_and_the_next_takes_what_both_left(tmp_path: Path) -> None:
    first, second = DiskBuffer(tmp_path, key=KEY), DiskBuffer(tmp_path, key=KEY)
    first.put(record(attributes={"n": 1}))
    second.put(record(attributes={"n": 2}))
    assert [log.attributes["n"] for log, _ in DiskBuffer(tmp_path, key=KEY).waiting()] == []
    first.close()
    second.close()
    assert sorted(left(tmp_path)) == [1, 2]  # type: ignore[type-var]


class FullDisk(Files):
    def __init__(self) -> None:
        self.is_full = False

    def append(self, descriptor: int, buffers: Sequence[memoryview]) -> None:
        if self.is_full:
            super().append(descriptor, [buffers[0][:5]])
            raise OSError(28, "No space left on device")
        super().append(descriptor, buffers)


def test_a_disk_that_refuses_is_an_error_and_what_was_kept_stays(tmp_path: Path) -> None:
    disk = FullDisk()
    buffer = DiskBuffer(tmp_path, key=KEY, files=disk)
    buffer.put(record(attributes={"n": 1}))
    disk.is_full = True
    with pytest.raises(NotDurable, match="No space"):
        buffer.put(record(attributes={"n": 2}))
    disk.is_full = False
    buffer.put(record(attributes={"n": 3}))
    buffer.close()
    assert left(tmp_path) == [1, 3]


def test_a_bound_is_a_hard_error(tmp_path: Path) -> None:
    buffer = DiskBuffer(tmp_path, key=KEY, max_bytes=2000)

    def fill() -> list[LogData]:
        return [log for log in [record()] * 20 if buffer.put(log)]

    with pytest.raises(NotDurable, match="full"):
        fill()
    buffer.close()


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        DiskBuffer(tmp_path, key=b"short")
    tmp_path.joinpath("file").write_text("")
    with pytest.raises(ConfigurationError, match="folder"):
        DiskBuffer(tmp_path / "file", key=KEY)
