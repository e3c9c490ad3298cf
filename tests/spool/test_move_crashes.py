"""A crash before each step of giving up, refusing, redeeming and forking: each record stays in one place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch
from otel_audit.spool import Backlog, Commit, Files, Slot, give_up_oldest
from otel_audit.spool.inventory import inventory, request_retry
from spool.delivery import Destination, carry_out, plan, ship_one
from spool.faults import CHANGING, SYNCING, Crash, FaultyFiles, PowerCutFiles
from spool.masked import masked

OPENS = {"host": "h"}

T = TypeVar("T")


@cache
def batch(tag: str) -> MaskedBatch:
    return masked(["one", "two"], tag=tag)


class Life:
    """One process: a commit is refused and redeemed, one is given up, then the writer turns out to be cloned.

    Attributes:
        durable: ids of records that were said to be durable.
        given_up: ids that may be lost at the destination, where that was asked for.
    """

    def __init__(self, root: Path, retries: int) -> None:
        self.root, self.retries = root, retries
        self.destination = Destination()
        self.durable: set[str] = set()
        self.given_up: set[str] = set()

    def insist(self, step: Callable[[], T]) -> T:
        for _ in range(self.retries):
            try:
                return step()
            except SpoolError:
                continue
        return step()

    def run(self, files: Files) -> None:
        slot = self.insist(lambda: Slot.acquire(self.root, "shop", files=files))
        writer = slot.writer("platform", destinations=["near"], opens=OPENS)
        outbox = slot.outbox("near")

        def append(tag: str) -> None:
            self.insist(lambda: writer.append(batch(tag)))
            self.insist(writer.sync)
            self.durable |= {f"{tag}-0", f"{tag}-1"}

        def plan_all() -> None:
            for draft in outbox.drafts():
                plan(draft)

        def commit_all() -> None:
            for commit in outbox.commits():
                carry_out(commit, self.destination)

        def first() -> Commit:
            return next(iter(outbox.commits()))

        append("kept")
        self.insist(writer.rotate)
        append("refused")
        self.insist(writer.rotate)
        self.insist(plan_all)
        kept = first()
        self.insist(lambda: kept.is_done or carry_out(kept, self.destination))
        refused = first()
        gap = self.insist(refused.refuse)
        assert not gap.files
        for seen in inventory(self.root)[0].quarantine:
            self.insist(lambda seen=seen: request_retry(seen, files))  # type: ignore[misc]
        self.insist(lambda: slot.moves.redeem(OPENS))
        self.insist(commit_all)

        append("given-up")
        self.insist(writer.rotate)
        self.insist(plan_all)
        self.insist(commit_all)
        append("lost")
        self.insist(writer.rotate)
        self.insist(plan_all)
        self.given_up = {"lost-0", "lost-1"}
        self.insist(lambda: give_up_oldest(outbox, "platform", 0))
        self.insist(commit_all)

        append("planned")
        self.insist(writer.rotate)
        self.insist(plan_all)
        append("sealed")
        self.insist(writer.rotate)
        append("open")
        name = writer.name
        assert name is not None
        self.insist(lambda: slot.stop(name))
        self.insist(lambda: slot.moves.fork(OPENS, destination="near", writer=name, committed={}))
        append("after")
        self.insist(writer.rotate)
        self.insist(lambda: ship_one(outbox, self.destination))
        self.insist(slot.close)

    def finish(self) -> None:
        """What the next process does: everything that waits, and everything in quarantine."""
        with Slot.acquire(self.root, "shop", files=FaultyFiles()) as slot:
            for seen in inventory(self.root)[0].quarantine:
                request_retry(seen)
            slot.moves.redeem(OPENS)
            writer = slot.writer("platform", destinations=["near"], opens=OPENS)
            writer.append(batch("last"))
            writer.rotate()
            for _ in range(3):
                ship_one(slot.outbox("near"), self.destination)
            assert slot.backlog() == {"near": Backlog(0, 0)}
            assert not inventory(self.root)[0].quarantine
            assert not list(slot.path.glob("writers/*.new"))

    def check(self) -> None:
        found = self.destination.record_ids()
        assert len(found) == len(set(found))
        assert self.durable - self.given_up <= set(found)


def steps(tmp_path: Path, among: frozenset[str]) -> range:
    files = FaultyFiles(among=among)
    Life(tmp_path / "count", retries=0).run(files)
    return range(1, files.count + 1)


def test_without_a_fault(tmp_path: Path) -> None:
    life = Life(tmp_path / "spool", retries=0)
    life.run(FaultyFiles())
    life.finish()
    life.check()
    assert not life.given_up & set(life.destination.record_ids())
    forks = [chain[0]["opens"].get("fork_of") for chain in life.destination.manifests().values()]
    assert len([fork for fork in forks if fork]) == 2, "what was not committed, and what came after"


@pytest.mark.parametrize("part", range(4))
def test_a_crash_before_each_change(tmp_path: Path, part: int) -> None:
    for at in steps(tmp_path, CHANGING)[part::4]:
        die_and_come_back(tmp_path / f"at{at}", FaultyFiles(at, CHANGING))


@pytest.mark.parametrize("part", range(4))
def test_a_power_cut_before_each_sync(tmp_path: Path, part: int) -> None:
    for at in steps(tmp_path, SYNCING)[part::4]:
        die_and_come_back(tmp_path / f"at{at}", PowerCutFiles(at, tmp_path / f"attic{at}"))


def die_and_come_back(root: Path, files: FaultyFiles) -> None:
    life = Life(root, retries=0)
    with pytest.raises(Crash):
        life.run(files)
    files.bury()
    life.finish()
    life.check()


@pytest.mark.parametrize(("kind", "among"), [("error", CHANGING | SYNCING), ("late-error", CHANGING)])
@pytest.mark.parametrize("part", range(2))
def test_an_error_at_steps_of_every_kind(tmp_path: Path, part: int, kind: str, among: frozenset[str]) -> None:
    """Each third step: they come in other orders in the lives of the other tests."""
    for at in steps(tmp_path, among)[3 * part :: 6]:
        files = FaultyFiles(at, among, kind)
        life = Life(tmp_path / str(at), retries=1)
        life.run(files)
        assert not files.descriptors, at
        life.finish()
        life.check()
