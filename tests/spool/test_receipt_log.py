"""Receipts are there for whoever comes again, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_audit.errors import SpoolError
from otel_audit.spool import Files, Receipted, Slot
from spool.masked import BASE_UNIX_NANO

WINDOW_NS = 600 * 10**9


def entry(number: int, hashed: int | None = None) -> tuple[bytes, bytes]:
    return bytes([number]) * 32, bytes([number if hashed is None else hashed]) * 32


def open_slot(root: Path, files: Files | None = None, now: int = BASE_UNIX_NANO) -> Slot:
    return Slot.acquire(root, "sink", files=files, clock_unix_nano=lambda: now)


def given(root: Path, now: int = BASE_UNIX_NANO) -> list[Receipted]:
    with open_slot(root, now=now) as slot:
        return slot.bequest.receipt_log(window_ns=WINDOW_NS)[1]


def files_of(root: Path) -> list[Path]:
    return sorted(root.rglob("receipts/log-*"))


def test_what_was_noted_is_found_by_the_next_holder_oldest_first(tmp_path: Path) -> None:
    for number in range(3):
        with open_slot(tmp_path) as slot:
            log, _ = slot.bequest.receipt_log(window_ns=WINDOW_NS)
            log.note([entry(number), entry(number + 10)], BASE_UNIX_NANO + number)
            log.note([entry(number, 99)], BASE_UNIX_NANO + number)
    found = given(tmp_path)
    assert [one.imprint[0] for one in found] == [0, 10, 0, 1, 11, 1, 2, 12, 2]
    assert [one.record_hash[0] for one in found][:3] == [0, 10, 99], "the last of one imprint counts"
    assert {one.at_unix_nano for one in found} == {BASE_UNIX_NANO + number for number in range(3)}


def test_what_is_older_than_the_window_goes_with_its_file(tmp_path: Path) -> None:
    with open_slot(tmp_path) as slot:
        log, _ = slot.bequest.receipt_log(window_ns=WINDOW_NS)
        for number in range(12):
            log.note([entry(number)], BASE_UNIX_NANO + number * WINDOW_NS // 3)
    now = BASE_UNIX_NANO + 11 * WINDOW_NS // 3
    assert len(files_of(tmp_path)) <= 5
    assert [one.imprint[0] for one in given(tmp_path, now)] == [8, 9, 10, 11]


@pytest.mark.parametrize("cut", [1, 23, 24, 60, 87])
def test_a_block_that_was_not_written_whole_is_none(tmp_path: Path, cut: int) -> None:
    with open_slot(tmp_path) as slot:
        log, _ = slot.bequest.receipt_log(window_ns=WINDOW_NS)
        log.note([entry(1)], BASE_UNIX_NANO)
        log.note([entry(2)], BASE_UNIX_NANO)
    (file,) = files_of(tmp_path)
    file.write_bytes(file.read_bytes()[: 88 + cut])
    assert [one.imprint[0] for one in given(tmp_path)] == [1]
    changed = bytearray(file.read_bytes())
    changed[30] ^= 1
    file.write_bytes(changed)
    assert given(tmp_path) == []


class Refusing(Files):
    """Refuses one kind of call, once, after it was told to."""

    refused = ""

    def __getattribute__(self, name: str) -> Any:
        call: Callable[..., Any] = super().__getattribute__(name)
        if name == "refused" or name != self.refused:
            return call
        self.refused = ""

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        return refuse


@pytest.mark.parametrize("call", ["make_folder", "create_append", "append", "fdatasync", "fsync_folder"])
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_disk_that_refuses_is_told_and_noting_again_is_enough(
    tmp_path: Path, call: str, earlier: int
) -> None:
    files = Refusing()
    with open_slot(tmp_path, files) as slot:
        log, _ = slot.bequest.receipt_log(window_ns=WINDOW_NS)
        for number in range(earlier):
            log.note([entry(number)], BASE_UNIX_NANO)
        later = BASE_UNIX_NANO + WINDOW_NS // 2  # which begins another file
        files.refused = call
        with pytest.raises(SpoolError):
            log.note([entry(7)], later)
        log.note([entry(7)], later)
    assert [one.imprint[0] for one in given(tmp_path, later)][-1] == 7
    assert {one.imprint[0] for one in given(tmp_path, later)} == {*range(earlier), 7}


def test_who_does_not_hold_the_slot_notes_nothing(tmp_path: Path) -> None:
    slot = open_slot(tmp_path)
    log, _ = slot.bequest.receipt_log(window_ns=WINDOW_NS)
    slot.close()
    with pytest.raises(SpoolError):
        log.note([entry(1)], BASE_UNIX_NANO)
