"""A record that comes again after a crash at any step is known, if it is there; else it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch
from otel_audit.record.imprints import IMPRINT_BYTES, imprints
from otel_audit.spool import Files, Slot
from otel_audit.spool.explain import explain
from spool.delivery import Destination, ship
from spool.faults import CHANGING, STEPS, SYNCING, Crash, FaultyFiles, PowerCutFiles
from spool.masked import BASE_UNIX_NANO, masked

PARTS = 4
"""Each test is cut into so many, for parallel runs."""

WINDOW_NS = 600 * 10**9
BATCHES = 5

T = TypeVar("T")


@cache
def batch(number: int) -> MaskedBatch:
    return masked(["one", "two"], tag=f"batch{number}")


@cache
def imprint(number: int) -> bytes:
    return imprints(batch(number).records).tobytes()


class Receiver:
    """A process that takes batches and knows them again.

    Attributes:
        taken: numbers of batches that it said are durable.
    """

    def __init__(self, root: Path, destination: Destination, retries: int = 0) -> None:
        self.root, self.destination, self.retries = root, destination, retries
        self.taken: set[int] = set()
        self.now = BASE_UNIX_NANO

    def run(self, files: Files, numbers: range, *, max_entries: int = 100) -> None:
        slot = self.insist(
            lambda: Slot.acquire(self.root, "sink", files=files, clock_unix_nano=lambda: self.now)
        )
        log, seen = self.insist(lambda: slot.bequest.seen_log(window_ns=WINDOW_NS, max_entries=max_entries))
        known = {
            one.content[start : start + IMPRINT_BYTES]
            for one in seen
            for start in range(0, len(one.content), IMPRINT_BYTES)
        }
        writer = slot.writer("platform", destinations=["near"], opens={"host": "h"})
        for number in numbers:
            rows = {imprint(number)[:IMPRINT_BYTES], imprint(number)[IMPRINT_BYTES:]}
            assert rows <= known or not rows & known, "a batch is known whole or not at all"
            if not rows <= known:
                place = self.insist(lambda: writer.append(batch(number)))  # noqa: B023  (called at once)

                def note() -> None:
                    with explain("note"):
                        log.note([(place, imprint(number))])  # noqa: B023  (called at once)

                self.insist(note)
                self.insist(writer.sync)
                known |= rows
            self.taken.add(number)
            if number == 2:
                self.insist(writer.rotate)
                self.insist(lambda: ship(slot, {"near": self.destination}))
            self.now += 10**9
        self.insist(slot.close)

    def insist(self, step: Callable[[], T]) -> T:
        for _ in range(self.retries):
            try:
                return step()
            except SpoolError:
                continue
        return step()

    def finish(self) -> None:
        """Everything is sent again to a next process, and what that has is shipped."""
        self.run(FaultyFiles(), range(1, BATCHES + 2))
        with Slot.acquire(self.root, "sink", clock_unix_nano=lambda: self.now) as slot:
            writer = slot.writer("platform", destinations=["near"], opens={"host": "h"})
            writer.append(batch(BATCHES + 2))
            writer.rotate()
            ship(slot, {"near": self.destination})
        expected = [f"batch{number}-{row}" for number in range(1, BATCHES + 3) for row in range(2)]
        assert Counter(self.destination.record_ids()) == Counter(expected)


def numbers(tmp_path: Path, among: frozenset[str], part: int) -> range:
    files = FaultyFiles(among=among)
    Receiver(tmp_path / "count", Destination()).run(files, range(1, BATCHES + 1))
    return range(1 + part, files.count + 1, PARTS)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_crash_before_each_change(tmp_path: Path, part: int) -> None:
    for at in numbers(tmp_path, CHANGING, part):
        die_and_come_back(tmp_path / f"at{at}", FaultyFiles(at, CHANGING))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_power_cut_before_each_sync(tmp_path: Path, part: int) -> None:
    for at in numbers(tmp_path, SYNCING, part):
        die_and_come_back(tmp_path / f"at{at}", PowerCutFiles(at, tmp_path / f"attic{at}"))


def die_and_come_back(root: Path, files: FaultyFiles) -> None:
    receiver = Receiver(root, Destination())
    with pytest.raises(Crash):
        receiver.run(files, range(1, BATCHES + 1))
    files.bury()
    receiver.finish()


@pytest.mark.parametrize("kind", ["error", "late-error"])
@pytest.mark.parametrize("part", range(PARTS))
def test_an_error_at_each_step_and_another_try(tmp_path: Path, part: int, kind: str) -> None:
    for at in numbers(tmp_path, STEPS, part):
        files = FaultyFiles(at, STEPS, kind)
        receiver = Receiver(tmp_path / f"at{at}", Destination(), retries=1)
        receiver.run(files, range(1, BATCHES + 1))
        assert not files.descriptors
        receiver.finish()


def test_files_go_once_enough_came_behind_them_or_they_are_too_old(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "spool", Destination())
    receiver.run(FaultyFiles(), range(10, 60), max_entries=16)
    folder = tmp_path / "spool" / "sink" / "slot-0" / "seen"
    assert 2 <= len(list(folder.iterdir())) <= 6
    receiver.now += 2 * WINDOW_NS
    receiver.run(FaultyFiles(), range(0), max_entries=16)
    assert len(list(folder.iterdir())) == 1


def test_other_bytes_in_the_log_cost_nothing_but_what_they_were(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "spool", Destination())
    receiver.run(FaultyFiles(), range(1, 4))
    (file,) = (tmp_path / "spool" / "sink" / "slot-0" / "seen").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with Slot.acquire(tmp_path / "spool", "sink", clock_unix_nano=lambda: receiver.now) as slot:
        _, seen = slot.bequest.seen_log(window_ns=WINDOW_NS, max_entries=100)
        assert 0 < sum(len(one.content) for one in seen) // IMPRINT_BYTES < 6
