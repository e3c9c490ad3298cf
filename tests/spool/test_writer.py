"""Appending: numbers without gaps, durability, and what happens when the disk refuses."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from otel_audit.errors import SpoolError
from otel_audit.spool import Range, Slot, StreamWriter
from spool.delivery import Destination, ship
from spool.faults import FaultyFiles
from spool.masked import masked


class Fragile(FaultyFiles):
    """Fails the calls that are named, as often as they come, until told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.calls: list[str] = []

    def _step(self, name: str, call: Callable[..., object], arguments: tuple[object, ...]) -> object:
        self.calls.append(name)
        if name in self.failing:
            raise OSError(errno.ENOSPC, "injected")
        return super()._step(name, call, arguments)


@pytest.fixture
def files() -> Fragile:
    return Fragile()


@pytest.fixture
def slot(tmp_path: Path, files: Fragile) -> Slot:
    return Slot.acquire(tmp_path, "shop", files=files)


@pytest.fixture
def writer(slot: Slot) -> StreamWriter:
    return slot.writer("platform", destinations=["near"], opens={})


def segments(slot: Slot) -> list[Path]:
    return sorted(slot.path.glob("writers/*/segment-*.seg"))


def committed(slot: Slot) -> list[str]:
    destination = Destination()
    ship(slot, {"near": destination})
    return destination.record_ids()


def append(writer: StreamWriter, *tags: str) -> list[Range]:
    return [writer.append(masked(["x"], tag=tag)) for tag in tags]


def test_numbers_follow_one_another(writer: StreamWriter) -> None:
    ranges = [writer.append(masked(["x"] * count)) for count in (3, 1, 5)]
    assert [(each.first, each.last) for each in ranges] == [(1, 3), (4, 4), (5, 9)]
    assert {each.writer for each in ranges} == {writer.name}
    pending = writer.pending
    assert pending is not None
    assert pending.records == 9
    assert pending.size > 0
    assert pending.age_s >= 0


def test_nothing_is_appended_of_nothing(writer: StreamWriter) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        writer.append(masked([]))


def test_threads_get_numbers_without_gaps(slot: Slot, writer: StreamWriter) -> None:
    batches = {f"t{number}": masked(["x", "y"], tag=f"t{number}") for number in range(8)}
    got: dict[str, list[Range]] = {}

    def work(tag: str) -> None:
        got[tag] = []
        for _ in range(10):
            got[tag].append(writer.append(batches[tag]))
            writer.sync()

    threads = [threading.Thread(target=work, args=[tag]) for tag in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [each for ranges in got.values() for each in ranges]
    assert sorted(number for each in taken for number in (each.first, each.last)) == list(range(1, 161))
    writer.rotate()
    expected = [f"{tag}-{row}" for tag in batches for row in (0, 1) for _ in range(10)]
    assert sorted(committed(slot)) == sorted(expected)


def test_a_failed_append_gives_its_numbers_back(slot: Slot, writer: StreamWriter, files: Fragile) -> None:
    append(writer, "a")
    writer.sync()
    files.failing = {"append"}
    for _ in range(3):
        with pytest.raises(SpoolError, match="cannot write to a segment: ENOSPC"):
            append(writer, "lost")
    files.failing = set()
    assert append(writer, "b")[0].first == 2
    writer.sync()
    assert len(segments(slot)) == 2, "the segment that failed is not touched again"
    writer.rotate()
    assert committed(slot) == ["a-0", "b-0"]
    assert segments(slot) == []


def test_what_was_appended_before_a_failure_is_written_again(
    slot: Slot, writer: StreamWriter, files: Fragile
) -> None:
    append(writer, "a", "b")
    files.failing = {"append"}
    with pytest.raises(SpoolError):
        append(writer, "lost")
    with pytest.raises(SpoolError):
        writer.sync()
    assert segments(slot) == [], "nothing durable was in any of them"
    files.failing = set()
    writer.sync()
    assert append(writer, "c")[0].first == 3
    writer.rotate()
    assert committed(slot) == ["a-0", "b-0", "c-0"]


@pytest.mark.parametrize("call", ["fdatasync", "fsync_folder"])
def test_after_a_failed_fsync_the_same_records_go_to_a_new_segment(
    slot: Slot, writer: StreamWriter, files: Fragile, call: str
) -> None:
    append(writer, "a")
    files.failing = {call}
    with pytest.raises(SpoolError, match="cannot make records durable: ENOSPC"):
        writer.sync()
    files.failing = set()
    files.calls.clear()
    writer.sync()
    assert [name for name in files.calls if name != "unlink"] == [
        "create_append",
        "append",
        "fdatasync",
        "fsync_folder",
    ]
    (again,) = segments(slot)
    assert again.name.startswith("segment-0000000002-0000000000000001")
    writer.rotate()
    assert committed(slot) == ["a-0"]


def test_what_was_durable_before_a_failed_fsync_stays_where_it_is(
    slot: Slot, writer: StreamWriter, files: Fragile
) -> None:
    append(writer, "a", "b")
    writer.sync()
    append(writer, "c")
    files.failing = {"fdatasync"}
    with pytest.raises(SpoolError):
        writer.rotate()
    pending = writer.pending
    assert pending is not None
    assert pending.records == 1
    files.failing = set()
    append(writer, "d")
    writer.rotate()
    assert [path.name[-20:] for path in segments(slot)] == ["0000000000000001.seg", "0000000000000003.seg"]
    assert committed(slot) == ["a-0", "b-0", "c-0", "d-0"]


def test_a_segment_that_cannot_be_made_costs_nothing(
    slot: Slot, writer: StreamWriter, files: Fragile
) -> None:
    files.failing = {"create_append"}
    with pytest.raises(SpoolError, match="cannot make a segment"):
        append(writer, "lost")
    assert writer.pending is None
    files.failing = set()
    assert append(writer, "a")[0].first == 1
    writer.rotate()
    assert committed(slot) == ["a-0"]


def test_bytes_of_failed_segments_do_not_count_for_ever(
    slot: Slot, writer: StreamWriter, files: Fragile
) -> None:
    append(writer, "a")
    files.failing = {"fdatasync"}
    for _ in range(5):
        with pytest.raises(SpoolError):
            writer.sync()
    files.failing = set()
    writer.rotate()
    (segment,) = segments(slot)
    assert slot.usage().used_bytes == segment.stat().st_size
    committed(slot)
    assert slot.usage().used_bytes == 0


class Gated(FaultyFiles):
    """Lets a test stop an fdatasync on its way, and see how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.syncs = 0
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.fail_append = False

    def fdatasync(self, descriptor: int) -> None:
        self.syncs += 1
        self.entered.set()
        assert self.go_on.wait(60)

    def append(self, descriptor: int, buffers: Sequence[memoryview]) -> None:
        super().append(descriptor, buffers)
        if self.fail_append:
            raise OSError(errno.EIO, "injected")


# FaultyFiles does not carry out what syncs; here it must be, to be stopped.
Gated.__getattribute__ = object.__getattribute__  # type: ignore[method-assign]


def test_threads_that_wait_share_one_fsync(tmp_path: Path) -> None:
    files = Gated()
    slot = Slot.acquire(tmp_path, "shop", files=files)
    writer = slot.writer("platform", destinations=["near"], opens={})
    append(writer, "first")
    first = threading.Thread(target=writer.sync)
    first.start()
    assert files.entered.wait(60)
    # While the first fsync is on its way others append and wait for one that covers them.
    append(writer, *(f"other{number}" for number in range(16)))
    others = [threading.Thread(target=writer.sync) for _ in range(16)]
    for thread in others:
        thread.start()
    files.go_on.set()
    for thread in (first, *others):
        thread.join(60)
    assert files.syncs == 2
    slot.close()
    assert files.syncs == 2


def test_an_append_that_fails_during_an_fsync(tmp_path: Path) -> None:
    """The fsync succeeds, but the segment is given up: its records are durable in the next one."""
    files = Gated()
    slot = Slot.acquire(tmp_path, "shop", files=files)
    writer = slot.writer("platform", destinations=["near"], opens={})
    append(writer, "a")
    syncing = threading.Thread(target=writer.sync)
    syncing.start()
    assert files.entered.wait(60)
    files.fail_append = True
    with pytest.raises(SpoolError, match="EIO"):
        append(writer, "lost")
    files.fail_append = False
    assert append(writer, "b")[0].first == 2
    files.go_on.set()
    syncing.join(60)
    assert files.syncs == 2, "once for the segment that was given up, once for the one with its records"
    writer.rotate()
    assert committed(slot) == ["a-0", "b-0"]
    slot.close()


def test_what_is_appended_during_an_fsync_is_not_covered_by_it(tmp_path: Path) -> None:
    files = Gated()
    slot = Slot.acquire(tmp_path, "shop", files=files)
    writer = slot.writer("platform", destinations=["near"], opens={})
    append(writer, "a")
    syncing = threading.Thread(target=writer.sync)
    syncing.start()
    assert files.entered.wait(60)
    append(writer, "b")
    files.go_on.set()
    syncing.join(60)
    files.fail_append = True
    with pytest.raises(SpoolError, match="EIO"):
        append(writer, "lost")
    files.fail_append = False
    writer.rotate()
    sealed = slot._custody.states[0].segments
    assert [(each.first_sequence, each.last_sequence) for each in sealed] == [(1, 1), (2, 2)]
    assert committed(slot) == ["a-0", "b-0"]
    slot.close()
