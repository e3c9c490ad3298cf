"""A crash before each step of the disk, an error at each: nothing durable is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch
from otel_audit.spool import Files, Slot
from spool.delivery import Destination, ship
from spool.faults import Crash, FaultyFiles, PowerCutFiles
from spool.masked import BASE_UNIX_NANO, masked

DAY_NS = 86_400 * 10**9

T = TypeVar("T")


@cache
def two_records(tag: str) -> MaskedBatch:
    return masked(["one", "two"], tag=tag)


class Life:
    """One process's work on a spool: three days, two destinations, one of which is away at first.

    Attributes:
        appended: ids of records given to the spool.
        durable: ids of records that it said are durable.
    """

    def __init__(self, root: Path, destinations: dict[str, Destination], retries: int) -> None:
        self.root, self.destinations, self.retries = root, destinations, retries
        self.appended: list[str] = []
        self.durable: set[str] = set()
        self.now = BASE_UNIX_NANO
        self.batches = 0

    def run(self, files: Files) -> None:
        slot = self.insist(lambda: self.open(files))
        writer = slot.writer("platform", destinations=["near", "far"], opens={"host": "h"})

        def append() -> None:
            self.batches += 1
            tag = f"batch{self.batches}"
            ids = [f"{tag}-0", f"{tag}-1"]
            self.appended += ids
            self.insist(lambda: writer.append(two_records(tag)))
            self.insist(writer.sync)
            self.durable |= set(ids)

        append()
        append()
        self.insist(writer.rotate)
        self.insist(lambda: ship(slot, self.destinations, only=["near"]))
        append()
        self.insist(writer.rotate)
        self.insist(lambda: ship(slot, self.destinations))
        append()
        self.insist(writer.rotate)
        self.now += DAY_NS
        append()
        self.insist(lambda: ship(slot, self.destinations))
        append()
        self.insist(slot.close)

    def open(self, files: Files) -> Slot:
        return Slot.acquire(self.root, "shop", files=files, clock_unix_nano=lambda: self.now)

    def insist(self, step: Callable[[], T]) -> T:
        for _ in range(self.retries):
            try:
                return step()
            except SpoolError:
                continue
        return step()

    def finish(self) -> None:
        """What the next processes do, on a disk without faults and a day later."""
        for _ in range(2):
            self.now += DAY_NS
            with self.open(FaultyFiles()) as slot:
                writer = slot.writer("platform", destinations=["near", "far"], opens={"host": "h"})
                self.batches += 1
                writer.append(two_records(f"batch{self.batches}"))
                writer.rotate()
                ship(slot, self.destinations)
                ship(slot, self.destinations)
                assert slot.backlog().keys() == {"near", "far"}
                assert all(each.segments == each.commits == 0 for each in slot.backlog().values())


def count_steps(tmp_path: Path) -> int:
    files = FaultyFiles()
    destinations = {"near": Destination(), "far": Destination()}
    Life(tmp_path / "count", destinations, retries=0).run(files)
    return files.count


def check(life: Life) -> None:
    """Every durable record is at each destination, and none twice; nothing is there that was not appended."""
    for destination in life.destinations.values():
        found = [
            record_id
            for record_id in destination.record_ids()
            if int(_batch(record_id)) <= len(life.appended) // 2
        ]
        assert len(found) == len(set(found))
        assert life.durable <= set(found) <= set(life.appended)
        assert not [
            loss for chain in destination.manifests().values() for each in chain for loss in each["losses"]
        ]
        closed = [chain[-1]["closes"] for chain in destination.manifests().values()]
        assert closed.count(False) == 1


def _batch(record_id: str) -> str:
    return record_id.removeprefix("batch").split("-")[0]


def test_without_a_fault_everything_is_committed_once(tmp_path: Path) -> None:
    life = Life(tmp_path / "spool", {"near": Destination(), "far": Destination()}, retries=0)
    life.run(FaultyFiles())
    life.finish()
    check(life)
    assert len(life.durable) == 12


@pytest.mark.parametrize("part", range(8))
def test_a_crash_before_each_step(tmp_path: Path, part: int) -> None:
    steps = count_steps(tmp_path)
    for at in range(1 + part, steps + 1, 8):
        files = FaultyFiles(at, "crash")
        life = Life(tmp_path / str(at), {"near": Destination(), "far": Destination()}, retries=0)
        with pytest.raises(Crash):
            life.run(files)
        files.bury()
        life.finish()
        check(life)


@pytest.mark.parametrize("part", range(8))
def test_a_power_cut_before_each_step(tmp_path: Path, part: int) -> None:
    steps = count_steps(tmp_path)
    for at in range(1 + part, steps + 1, 8):
        files = PowerCutFiles(at, tmp_path / f"attic{at}")
        life = Life(tmp_path / str(at), {"near": Destination(), "far": Destination()}, retries=0)
        with pytest.raises(Crash):
            life.run(files)
        files.bury()
        life.finish()
        check(life)


@pytest.mark.parametrize("kind", ["error", "late-error"])
@pytest.mark.parametrize("part", range(8))
def test_an_error_at_each_step(tmp_path: Path, part: int, kind: str) -> None:
    steps = count_steps(tmp_path)
    for at in range(1 + part, steps + 1, 8):
        files = FaultyFiles(at, kind)
        life = Life(tmp_path / str(at), {"near": Destination(), "far": Destination()}, retries=1)
        life.run(files)
        assert not files.descriptors
        life.finish()
        check(life)
        assert set(life.appended) == life.durable
