"""What waits, seen from outside, and what was refused, tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_audit.errors import SpoolCorrupt
from otel_audit.spool import Loss, Slot
from otel_audit.spool.inventory import SlotInventory, inventory, request_retry
from spool.delivery import Destination, plan, ship
from spool.masked import masked

OPENS = {"host": "h"}


def one(root: Path) -> SlotInventory:
    (slot,) = inventory(root)
    return slot


def append(slot: Slot, *tags: str, destinations: tuple[str, ...] = ("near",)) -> None:
    writer = slot.writer("platform", destinations=destinations, opens=OPENS)
    for tag in tags:
        writer.append(masked(["a", "b"], tag=tag))
    writer.rotate()


def plan_all(slot: Slot, destination: str = "near") -> None:
    for draft in slot.outbox(destination).drafts():
        plan(draft)


def test_no_spool_no_slots(tmp_path: Path) -> None:
    assert inventory(tmp_path / "nowhere") == []


def test_what_waits_is_named(tmp_path: Path) -> None:
    with Slot.acquire(tmp_path, "shop") as slot:
        append(slot, "a", destinations=("near", "far"))
        append(slot, "b", destinations=("near", "far"))
        plan_all(slot)
        slot.outbox("near").note_trouble("http-503")
        slot.bequest.note_losses([Loss("queue-full", 3, 1, 2)], at_once=True)
        seen = one(tmp_path)
        assert (seen.service, seen.slot, seen.is_clean) == ("shop", "slot-0", False)
        (segments,) = seen.segments
        assert segments.segments == 2, "far has no plan for them"
        assert segments.size > 0
        (waiting,) = seen.commits
        assert (waiting.destination, waiting.commits, waiting.records) == ("near", 2, 4)
        assert waiting.since_unix_nano is not None
        assert waiting.since_unix_nano > 0
        assert waiting.trouble is not None
        assert waiting.trouble.cause == "http-503"
        assert seen.losses == (Loss("queue-full", 3, 1, 2),)
        slot.outbox("near").note_trouble(None)
        assert one(tmp_path).commits[0].trouble is None
    assert one(tmp_path).is_clean


def test_services_and_slots_in_order(tmp_path: Path) -> None:
    held = [Slot.acquire(tmp_path, name) for name in ("web", *["shop"] * 11)]
    assert [(each.service, each.slot) for each in inventory(tmp_path)] == [
        *(("shop", f"slot-{number}") for number in range(11)),
        ("web", "slot-0"),
    ]
    for slot in held:
        slot.close()


def test_a_slot_in_which_nothing_waits_is_empty(tmp_path: Path) -> None:
    with Slot.acquire(tmp_path, "shop") as slot:
        append(slot, "a")
        ship(slot, {"near": Destination()})
    seen = one(tmp_path)
    assert (seen.segments, seen.commits, seen.quarantine, seen.damaged) == ((), (), (), ())


def refuse_first(slot: Slot) -> None:
    commit = next(iter(slot.outbox("near").commits()))
    commit.refuse()


def test_a_refused_commit_is_listed_and_redeemed_with_new_numbers(tmp_path: Path) -> None:
    destination = Destination()
    with Slot.acquire(tmp_path, "shop") as slot:
        append(slot, "a")
        append(slot, "b")
        plan_all(slot)
        refuse_first(slot)
        ship(slot, {"near": destination})
        (refused,) = one(tmp_path).quarantine
        assert (refused.destination, refused.commit, refused.records) == ("near", 1, 2)
        assert not refused.is_retried
        assert slot.moves.redeem(OPENS) == 0, "nobody asked"
        request_retry(refused)
        assert one(tmp_path).quarantine[0].is_retried
        assert slot.moves.redeem(OPENS) == 2
        assert slot.moves.redeem(OPENS) == 0
        assert one(tmp_path).quarantine == ()
        for _ in range(2):
            ship(slot, {"near": destination})
    chains = destination.manifests()
    (first,) = [chain for chain in chains.values() if chain[0]["kind"] == "gap"]
    assert first[0]["losses"] == [["refused", 2]]
    (redeemed,) = [chain for chain in chains.values() if chain is not first]
    assert redeemed[0]["opens"] == {"host": "h", "predecessor": refused.writer}
    assert redeemed[-1]["closes"]
    assert sorted(destination.record_ids()) == ["a-0", "a-1", "b-0", "b-1"]


def test_a_request_outlives_the_process(tmp_path: Path) -> None:
    destination = Destination()
    with Slot.acquire(tmp_path, "shop") as slot:
        append(slot, "a")
        plan_all(slot)
        refuse_first(slot)
        ship(slot, {"near": destination})
        request_retry(one(tmp_path).quarantine[0])
    with Slot.acquire(tmp_path, "shop") as slot:
        assert slot.moves.redeem(OPENS) == 2
        append(slot, "b")
        ship(slot, {"near": destination})
    assert sorted(destination.record_ids()) == ["a-0", "a-1", "b-0", "b-1"]


def test_what_cannot_be_read_any_more_stays_in_quarantine(tmp_path: Path) -> None:
    with Slot.acquire(tmp_path, "shop") as slot:
        append(slot, "a")
        plan_all(slot)
        refuse_first(slot)
        (refused,) = one(tmp_path).quarantine
        request_retry(refused)
        (refused.path / "00.json").write_bytes(b"x")
        with pytest.raises(SpoolCorrupt):
            slot.moves.redeem(OPENS)
        assert one(tmp_path).quarantine
    with Slot.acquire(tmp_path, "shop") as slot:
        assert not list((slot.path / "writers").glob("*.new"))
