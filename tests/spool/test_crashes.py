"""A crash before each step of the disk, an error at each: nothing durable is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch
from otel_audit.spool import Backlog, Files, Slot
from spool.delivery import Destination, ship
from spool.faults import CHANGING, STEPS, SYNCING, Crash, FaultyFiles, PowerCutFiles
from spool.masked import BASE_UNIX_NANO, masked

DAY_NS = 86_400 * 10**9

PARTS = 4
"""Each test is cut into so many, for parallel runs."""

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
        """What the next process does, on a disk without faults and a day later."""
        self.now += DAY_NS
        with self.open(FaultyFiles()) as slot:
            writer = slot.writer("platform", destinations=["near", "far"], opens={"host": "h"})
            self.batches += 1
            writer.append(two_records(f"batch{self.batches}"))
            writer.rotate()
            ship(slot, self.destinations)
            ship(slot, self.destinations)
            assert slot.backlog() == {"near": Backlog(0, 0), "far": Backlog(0, 0)}


def numbers(tmp_path: Path, among: frozenset[str], part: int) -> range:
    """A share of the numbers of the steps in a life without faults."""
    files = FaultyFiles(among=among)
    Life(tmp_path / "count", {"near": Destination(), "far": Destination()}, retries=0).run(files)
    return range(1 + part, files.count + 1, PARTS)


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


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_before_each_change(tmp_path: Path, part: int) -> None:
    for at in numbers(tmp_path, CHANGING, part):
        die_and_come_back(tmp_path / f"at{at}", FaultyFiles(at, CHANGING))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_power_cut_before_each_sync(tmp_path: Path, part: int) -> None:
    for at in numbers(tmp_path, SYNCING, part):
        die_and_come_back(tmp_path / f"at{at}", PowerCutFiles(at, tmp_path / f"attic{at}"))


def die_and_come_back(root: Path, files: FaultyFiles) -> None:
    life = Life(root, {"near": Destination(), "far": Destination()}, retries=0)
    with pytest.raises(Crash):
        life.run(files)
    files.bury()
    life.finish()
    check(life)


@pytest.mark.parametrize(("kind", "among"), [("error", STEPS), ("late-error", CHANGING)])
@pytest.mark.parametrize("part", range(PARTS))
def test_an_error_at_each_step(tmp_path: Path, part: int, kind: str, among: frozenset[str]) -> None:
    for at in numbers(tmp_path, among, part):
        files = FaultyFiles(at, among, kind)
        life = Life(tmp_path / str(at), {"near": Destination(), "far": Destination()}, retries=1)
        life.run(files)
        assert not files.descriptors
        life.finish()
        check(life)
        assert set(life.appended) == life.durable
