"""The ledger: what the next holder of a slot learns of the end of the last, and of what is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from otel_audit.spool import Files, Loss, Slot
from otel_audit.spool.horizon import SLACK_NS, earliest_end
from otel_audit.spool.ledger import Ledger, LedgerState, read_state
from otel_audit.spool.premises import LEDGER
from spool.conftest import Child
from spool.faults import CHANGING, SYNCING, Crash, FaultyFiles, PowerCutFiles
from spool.masked import BASE_UNIX_NANO, masked

HOUR_NS = 3_600 * 10**9

FULL = Loss("queue-full", 3, BASE_UNIX_NANO - 20, BASE_UNIX_NANO - 10)


def take(root: Path, files: Files | None = None, now: int = BASE_UNIX_NANO) -> Slot:
    return Slot.acquire(root, "shop", files=files, clock_unix_nano=lambda: now)


def append(slot: Slot, *, tag: str = "r") -> None:
    writer = slot.writer("platform", destinations=["near"], opens={})
    writer.append(masked(["a"], tag=tag))
    writer.sync()


def test_a_clean_end_leaves_nothing_to_tell(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        append(slot)
        assert not state_of(slot).is_clean
    assert state_of(slot).is_clean
    with take(tmp_path) as slot:
        assert slot.bequest.losses == ()


def test_a_slot_in_which_nothing_was_appended_stays_clean(tmp_path: Path) -> None:
    files = FaultyFiles()
    take(tmp_path, files)
    files.bury()
    with take(tmp_path) as slot:
        assert slot.bequest.losses == ()


def test_a_kill_is_a_loss_of_unknown_count_since_the_last_durable_append(
    tmp_path: Path, start_child: Callable[[Path], Child]
) -> None:
    child = start_child(tmp_path)
    child.append("a", "b")
    child.kill()
    now = BASE_UNIX_NANO + HOUR_NS
    with take(tmp_path, now=now) as slot:
        assert slot.bequest.losses == (Loss("unclean-end", None, BASE_UNIX_NANO - SLACK_NS, now),)


def test_the_last_append_is_known_when_its_segment_is_gone(tmp_path: Path) -> None:
    files = FaultyFiles()
    slot = take(tmp_path, files)
    append(slot)
    slot.writer("platform", destinations=["near"], opens={}).rotate()
    files.bury()
    for segment in tmp_path.glob("shop/slot-0/writers/*/*.seg"):
        segment.unlink()
    with take(tmp_path, now=BASE_UNIX_NANO + HOUR_NS) as slot:
        (loss,) = slot.bequest.losses
        assert loss.from_unix_nano == BASE_UNIX_NANO - SLACK_NS


def test_an_unclean_end_is_told_until_somebody_has_written_it_down(tmp_path: Path) -> None:
    files = FaultyFiles()
    append(take(tmp_path, files))
    files.bury()
    now = BASE_UNIX_NANO + HOUR_NS
    with take(tmp_path, now=now) as slot:
        told = slot.bequest.losses
    with take(tmp_path, now=now + HOUR_NS) as slot:
        assert slot.bequest.losses == told, "of the same interval: nothing was appended meanwhile"
        slot.bequest.note_losses((), at_once=True)
    with take(tmp_path) as slot:
        assert slot.bequest.losses == ()


def test_losses_of_a_dead_process_are_kept(tmp_path: Path) -> None:
    files = FaultyFiles()
    slot = take(tmp_path, files)
    slot.bequest.note_losses([FULL])
    slot.bequest.note_losses([FULL, Loss("internal-error", 1, BASE_UNIX_NANO, BASE_UNIX_NANO)])
    assert slot.bequest.losses == (FULL,), "less than a second later"
    files.bury()
    with take(tmp_path) as slot:
        assert slot.bequest.losses == (FULL,)


def test_losses_are_one_a_cause(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        later = Loss("queue-full", 4, BASE_UNIX_NANO, BASE_UNIX_NANO + 5)
        unknown = Loss("unclean-end", None, 1, 2)
        slot.bequest.note_losses([FULL, unknown, later, Loss("unclean-end", 1, 3, 4)], at_once=True)
        assert slot.bequest.losses == (
            Loss("queue-full", 7, FULL.from_unix_nano, later.to_unix_nano),
            Loss("unclean-end", None, 1, 4),
        )


def test_more_causes_than_fit_become_one(tmp_path: Path) -> None:
    losses = [Loss(f"cause-{number:04d}", 2, 10**18, 2 * 10**18) for number in range(40)]
    with take(tmp_path) as slot:
        slot.bequest.note_losses(losses, at_once=True)
    with take(tmp_path) as slot:
        assert slot.bequest.losses[-1].cause == "several"
        assert sum(loss.count or 0 for loss in slot.bequest.losses) == 80


def test_the_file_never_grows(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        for number in range(5):
            slot.bequest.note_losses([Loss("queue-full", number + 1, 1, 2)], at_once=True)
            assert (slot.path / LEDGER).stat().st_size == 4096


@pytest.mark.parametrize("half", [0, 2048])
def test_one_damaged_half_gives_the_other(tmp_path: Path, half: int) -> None:
    path = tmp_path / LEDGER
    ledger = Ledger(Files(), path)
    ledger.take_up(last_append_unix_nano=0, now_unix_nano=5)
    for count in (1, 2):
        ledger.note_losses([Loss("queue-full", count, 1, 2)], at_once=True)
    content = bytearray(path.read_bytes())
    content[half + 30] ^= 1
    _, state = read_state(bytes(content))
    assert [loss.count for loss in state.losses] in ([1], [2])


def test_two_damaged_halves_say_nothing_of_a_clean_end(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        append(slot)
        path = slot.path / LEDGER
    path.write_bytes(b"\1" * 4096)
    with take(tmp_path, now=BASE_UNIX_NANO + 5) as slot:
        (loss,) = slot.bequest.losses
        assert (loss.cause, loss.count, loss.to_unix_nano) == ("unclean-end", None, BASE_UNIX_NANO + 5)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_ledger_of_another_length_is_made_anew(tmp_path: Path, content: bytes) -> None:
    with take(tmp_path) as slot:
        (slot.path / LEDGER).write_bytes(content)
    with take(tmp_path) as slot:
        assert [loss.cause for loss in slot.bequest.losses] == ["unclean-end"]
        assert (slot.path / LEDGER).stat().st_size == 4096


@pytest.mark.parametrize("among", [CHANGING, SYNCING], ids=["crash", "power-cut"])
def test_whatever_is_cut_off_losses_are_there_before_or_after(tmp_path: Path, among: frozenset[str]) -> None:
    """A step that has returned is never undone; one that was cut off left the state before or after it."""
    after = Loss("queue-full", 9, 1, 2)

    def work(files: FaultyFiles, root: Path) -> list[tuple[Loss, ...]]:
        seen: list[tuple[Loss, ...]] = [()]
        try:
            slot = take(root, files)
            for losses in ((FULL,), (after,)):
                seen.append(losses)
                slot.bequest.note_losses(losses, at_once=True)
                del seen[:-1]
            slot.close()
        except Crash:
            files.bury()
        return seen

    counter = FaultyFiles(among=among)
    work(counter, tmp_path / "count")
    for at in range(1, counter.count + 1):
        root = tmp_path / str(at)
        power = among is SYNCING
        files = PowerCutFiles(at, tmp_path / f"attic{at}") if power else FaultyFiles(at, among)
        possible = work(files, root)
        with take(root) as slot:
            assert slot.bequest.losses in possible


def test_what_the_last_holder_wrote_is_what_is_read(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        append(slot)
        found = read_state((slot.path / LEDGER).read_bytes())
    assert found == (2, LedgerState(False, BASE_UNIX_NANO, ()))


# Horizon


def test_the_horizon_is_the_earliest_end() -> None:
    assert earliest_end(masked(["a", "b", "c"]).records) == BASE_UNIX_NANO


@pytest.mark.parametrize("off", [-2 * HOUR_NS, 10])
def test_times_that_nobody_can_have_are_not_believed(off: int) -> None:
    records = masked(["a"]).records
    index = records.schema.get_field_index("timeUnixNano")
    field = records.schema.field(index)
    moved = records.set_column(index, field, pa.array([BASE_UNIX_NANO + off], pa.int64()))
    assert earliest_end(moved) == BASE_UNIX_NANO


def state_of(slot: Slot) -> LedgerState:
    return read_state((slot.path / LEDGER).read_bytes())[1]
