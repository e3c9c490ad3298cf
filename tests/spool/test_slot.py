"""Slots: who holds one, what the next holder finds, and which folders are taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_audit.errors import ConfigurationError, SpoolBusy, SpoolCorrupt, SpoolError, SpoolFull
from otel_audit.spool import Backlog, Files, Slot, SpoolOptions, StreamWriter, budget
from spool.conftest import Child
from spool.delivery import Destination, ship
from spool.faults import FaultyFiles
from spool.masked import BASE_UNIX_NANO, masked

DAY_NS = 86_400 * 10**9

FORKS = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
"""Python from 3.12 on warns of forks in a process with threads, which is what is tested."""

StartChild = Callable[[Path], Child]


def take(root: Path, options: SpoolOptions | None = None, **arguments: object) -> Slot:
    return Slot.acquire(root, "shop", options, **arguments)


def writer_of(slot: Slot, *destinations: str, stream: str = "platform") -> StreamWriter:
    return slot.writer(stream, destinations=destinations or ["near"], opens={"host": "h"})


def ship_all(slot: Slot, *names: str) -> dict[str, Destination]:
    destinations = {name: Destination() for name in names or ["near"]}
    ship(slot, destinations)
    return destinations


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("shop/slot-*/writers/*/segment-*.seg"))


# Holding a slot


def test_a_slot_is_held_by_one_process(tmp_path: Path, start_child: StartChild) -> None:
    child = start_child(tmp_path)
    assert child.slot == "slot-0"
    with take(tmp_path) as second:
        assert second.path.name == "slot-1"
        assert start_child(tmp_path).slot == "slot-2"
        child.kill()
        with take(tmp_path) as lowest:
            assert lowest.path.name == "slot-0"


def test_a_slot_is_held_by_one_owner_within_a_process(tmp_path: Path) -> None:
    with take(tmp_path) as first, take(tmp_path) as second:
        assert (first.path.name, second.path.name) == ("slot-0", "slot-1")
    with take(tmp_path) as again:
        assert again.path.name == "slot-0"


def test_services_do_not_share_slots(tmp_path: Path) -> None:
    with take(tmp_path), Slot.acquire(tmp_path, "Billing Café") as other:
        assert other.path.name == "slot-0"
        assert other.path.parent.name.startswith("billing-caf-")


def test_every_slot_busy(tmp_path: Path) -> None:
    options = SpoolOptions(max_slots=2)
    with take(tmp_path, options), take(tmp_path, options), pytest.raises(SpoolBusy, match="2 processes"):
        take(tmp_path, options)


def in_fork(work: Callable[[], str]) -> tuple[str, Callable[[], None]]:
    """What ``work`` answers in a forked child, and a way to end that child, which lives until then."""
    answer, told = os.pipe()
    stop, end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(told, work().encode())
            os.close(end)
            os.read(stop, 1)
        finally:
            os._exit(0)
    os.close(told)
    os.close(stop)
    text = os.read(answer, 1000).decode()
    os.close(answer)

    def finish() -> None:
        os.close(end)
        os.waitpid(child, 0)

    return text, finish


@FORKS
def test_a_forked_child_holds_nothing(tmp_path: Path) -> None:
    slot = take(tmp_path)
    writer = writer_of(slot)
    writer.append(masked(["parent"]))

    def use_it_all() -> str:
        refusals = 0
        for use in (writer.sync, writer.rotate, lambda: slot.outbox("near"), lambda: writer_of(slot)):
            try:
                use()
            except SpoolError:
                refusals += 1
        with take(tmp_path) as mine:
            return f"{refusals} refusals, took {mine.path.name}"

    answer, end_child = in_fork(use_it_all)
    assert answer == "4 refusals, took slot-1"
    assert writer.append(masked(["parent again"])).first == 2
    slot.close()
    with take(tmp_path) as again:
        assert again.path.name == "slot-0", "the child, which lives, does not hold the lock"
        assert writer_of(again).append(masked(["next"])).first == 3
    end_child()


@FORKS
def test_a_fork_while_a_thread_appends(tmp_path: Path) -> None:
    """The child inherits locks that nobody in it will ever release."""
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        with writer._append, writer._fsync:
            answer, end_child = in_fork(lambda: take(tmp_path).path.name)
        end_child()
        assert answer == "slot-1"
        assert writer.append(masked(["a"])).first == 1


def test_a_slot_that_was_left_is_not_used(tmp_path: Path) -> None:
    slot = take(tmp_path)
    writer = writer_of(slot)
    writer.append(masked(["a"]))
    slot.close()
    for use in (
        writer.sync,
        writer.rotate,
        lambda: writer.append(masked(["b"])),
        lambda: slot.outbox("near"),
    ):
        with pytest.raises(SpoolError, match="not held by this process"):
            use()
    slot.close()


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        assert writer.name is None
        assert writer.pending is None
        writer.sync()
        assert writer.rotate() is None
        assert list((slot.path / "writers").iterdir()) == []


# What the next holder finds


def test_a_restart_goes_on_where_the_last_stopped(tmp_path: Path) -> None:
    destination = Destination()
    for number in range(3):
        with take(tmp_path, clock_unix_nano=lambda: BASE_UNIX_NANO) as slot:
            writer = writer_of(slot)
            numbered = writer.append(masked(["a", "b"], tag=f"run{number}"))
            assert numbered.first == 2 * number + 1
            assert numbered.writer == writer.name
            writer.rotate()
            ship(slot, {"near": destination})
            assert segments(tmp_path) == []
    (chain,) = destination.manifests().values()
    assert [manifest["commit"] for manifest in chain] == [1, 2, 3]
    assert len(destination.record_ids()) == 6


def test_what_a_killed_process_left_is_adopted(tmp_path: Path, start_child: StartChild) -> None:
    child = start_child(tmp_path)
    assert child.append("a", "b") == 2
    assert child.append("c") == 3
    child.kill()
    with take(tmp_path) as slot:
        assert slot.backlog() == {"near": Backlog(segments=1, commits=0)}
        assert writer_of(slot).append(masked(["mine"], tag="mine")).first == 4
        writer_of(slot).rotate()
        destination = ship_all(slot)["near"]
    assert destination.record_ids() == ["child0-0", "child0-1", "child1-0", "mine-0"]
    assert len(destination.manifests()) == 1


def test_a_torn_tail_is_cut_and_its_numbers_are_given_again(tmp_path: Path, start_child: StartChild) -> None:
    child = start_child(tmp_path)
    child.append("a")
    child.append("b", "c")
    child.kill()
    (segment,) = segments(tmp_path)
    os.truncate(segment, segment.stat().st_size - 1)
    with take(tmp_path) as slot:
        assert writer_of(slot).append(masked(["mine"], tag="mine")).first == 2
        writer_of(slot).rotate()
        assert ship_all(slot)["near"].record_ids() == ["child0-0", "mine-0"]


def test_what_cannot_be_read_back_becomes_a_gap(tmp_path: Path, start_child: StartChild) -> None:
    child = start_child(tmp_path)
    child.append("a")
    child.append("b", "c")
    child.append("d")
    child.kill()
    (segment,) = segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    with take(tmp_path) as slot:
        assert slot.usage().used_bytes >= len(content)
        destination = ship_all(slot)["near"]
        assert slot.backlog() == {"near": Backlog(0, 0)}
        (kept,) = (slot.path / "quarantine").iterdir()
        assert kept.read_bytes() == content
    (chain,) = destination.manifests().values()
    assert [(each["kind"], each["first"], each["last"]) for each in chain] == [
        ("commit", 1, 1),
        ("gap", 2, 3),
        ("commit", 4, 4),
    ]
    assert chain[1]["losses"] == [["spool-corruption", 2]]
    assert destination.record_ids() == ["child0-0", "child2-0"]


def test_corruption_while_the_process_lives_becomes_a_gap_too(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        for text in "abc":
            writer.append(masked([text], tag=text))
        sealed = writer.rotate()
        assert sealed is not None
        content = bytearray(sealed.path.read_bytes())
        content[-1] ^= 1
        sealed.path.write_bytes(content)
        destinations = {"near": Destination()}
        with pytest.raises(SpoolCorrupt, match="CRC32C"):
            ship(slot, destinations)
        ship(slot, destinations)
        (chain,) = destinations["near"].manifests().values()
        assert [(each["kind"], each["last"]) for each in chain] == [("commit", 2), ("gap", 3)]
        assert destinations["near"].record_ids() == ["a-0", "b-0"]
        assert segments(tmp_path) == []


def test_a_lost_tail_that_was_built_on_is_a_gap(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        for tag in "ab":
            writer.append(masked(["x"], tag=tag))
        writer.rotate()
        writer.append(masked(["x"], tag="c"))
        writer.rotate()
    first, _ = segments(tmp_path)
    os.truncate(first, first.stat().st_size - 1)
    with take(tmp_path) as slot:
        destination = ship_all(slot)["near"]
        assert [path.stat().st_size for path in (slot.path / "quarantine").iterdir()] != []
    (chain,) = destination.manifests().values()
    assert [(each["kind"], each["last"]) for each in chain] == [("commit", 1), ("gap", 2), ("commit", 3)]


def test_a_segment_that_somebody_removed_is_a_gap(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        for tag in "ab":
            writer.append(masked(["x"], tag=tag))
            writer.rotate()
        segments(tmp_path)[0].unlink()
        destinations = {"near": Destination()}
        with pytest.raises(SpoolCorrupt, match="the segment is gone"):
            ship(slot, destinations)
        ship(slot, destinations)
    (chain,) = destinations["near"].manifests().values()
    assert [each["kind"] for each in chain] == ["gap", "commit"]
    assert destinations["near"].record_ids() == ["b-0"]


def test_a_segment_in_which_nothing_is_good_is_a_gap(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer = writer_of(slot)
        writer.append(masked(["a"], tag="a"))
        sealed = writer.rotate()
        assert sealed is not None
        writer.append(masked(["b"], tag="b"))
        writer.rotate()
        sealed.path.write_bytes(b"\0" * sealed.size)
    with take(tmp_path) as slot:
        destination = ship_all(slot)["near"]
    (chain,) = destination.manifests().values()
    assert [each["kind"] for each in chain] == ["gap", "commit"]
    assert destination.record_ids() == ["b-0"]


def test_what_was_found_is_made_durable_first(tmp_path: Path, start_child: StartChild) -> None:
    child = start_child(tmp_path)
    child.append("a")
    child.kill()
    synced = []

    class Watched(Files):
        def fsync(self, path: Path) -> None:
            synced.append(path)
            super().fsync(path)

    with take(tmp_path, files=Watched()):
        assert synced[:1] == segments(tmp_path)


def test_a_failed_append_does_not_come_back(tmp_path: Path) -> None:
    """Its frame is in the file, its numbers were given to other records; then the process dies."""

    class Late(FaultyFiles):
        failing = False

        def append(self, descriptor: int, buffers: object) -> None:
            super().append(descriptor, buffers)
            if self.failing:
                raise OSError(5, "injected")

    files = Late()
    slot = take(tmp_path, files=files)
    writer = writer_of(slot)
    writer.append(masked(["a"], tag="a"))
    writer.sync()
    files.failing = True
    with pytest.raises(SpoolError, match="EIO"):
        writer.append(masked(["failed", "failed"], tag="failed"))
    files.failing = False
    assert writer.append(masked(["b"], tag="b")).first == 2
    writer.sync()
    files.bury()
    with take(tmp_path) as again:
        assert len(segments(tmp_path)) == 2
        assert writer_of(again).append(masked(["c"], tag="c")).first == 3
        writer_of(again).rotate()
        destination = ship_all(again)["near"]
    assert destination.record_ids() == ["a-0", "b-0", "c-0"]
    assert not [each for chain in destination.manifests().values() for each in chain if each["losses"]]


def test_a_damaged_file_of_the_slot_is_named(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer_of(slot).append(masked(["a"]))
    (identity,) = tmp_path.glob("shop/slot-0/writers/*/writer.json")
    identity.write_bytes(b"{")
    with pytest.raises(SpoolCorrupt, match=str(identity)):
        take(tmp_path)
    identity.unlink()
    with take(tmp_path) as slot:
        assert slot.path.name == "slot-0"


# Writers succeed one another


def test_a_new_day_has_a_new_writer(tmp_path: Path) -> None:
    now = BASE_UNIX_NANO
    destination = Destination()
    with take(tmp_path, clock_unix_nano=lambda: now) as slot:
        writer = writer_of(slot)
        first = writer.append(masked(["a"], tag="a")).writer
        now += DAY_NS
        assert writer.append(masked(["b"], tag="b")).writer == first, "a segment has one writer"
        writer.rotate()
        second = writer.append(masked(["c"], tag="c"))
        assert second.writer != first
        assert second.first == 1
        assert "-20261122-" in second.writer
        writer.rotate()
        ship(slot, {"near": destination})
        ship(slot, {"near": destination})
        assert [path.name for path in (slot.path / "writers").iterdir()] == [second.writer]
        assert [path.name for path in (slot.path / "outbox" / "near").iterdir()] == [second.writer]
    chains = destination.manifests()
    assert [each["closes"] for each in chains[first]] == [False, True]
    assert chains[second.writer][0]["opens"] == {"host": "h", "predecessor": first}
    assert sorted(destination.record_ids()) == ["a-0", "b-0", "c-0"]


def test_other_destinations_have_a_new_writer(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        first = writer_of(slot, "near").append(masked(["a"], tag="a"))
    with take(tmp_path) as slot:
        writer = writer_of(slot, "near", "far")
        second = writer.append(masked(["b"], tag="b"))
        assert second.writer != first.writer
        assert writer_of(slot, "near", "far") is writer
        with pytest.raises(ValueError, match="the same destinations"):
            writer_of(slot, "near")
        writer.rotate()
        found = ship_all(slot, "near", "far")
    assert sorted(found["near"].record_ids()) == ["a-0", "b-0"]
    assert found["far"].record_ids() == ["b-0"]
    assert found["far"].manifests()[second.writer][0]["first"] == 1


def test_after_so_many_commits_a_writer_is_succeeded(tmp_path: Path) -> None:
    destination = Destination()
    for number in range(5):
        with take(tmp_path, SpoolOptions(max_commits_per_writer=2)) as slot:
            writer_of(slot).append(masked(["a"], tag=str(number)))
            writer_of(slot).rotate()
            ship(slot, {"near": destination})
    assert sorted(len(chain) for chain in destination.manifests().values()) == [1, 3, 3]
    assert sorted(destination.record_ids()) == [f"{number}-0" for number in range(5)]


def test_a_writer_that_never_numbered_a_record_leaves_no_trace(tmp_path: Path) -> None:
    now = BASE_UNIX_NANO
    with take(tmp_path, SpoolOptions(max_bytes=1), clock_unix_nano=lambda: now) as slot:
        with pytest.raises(SpoolFull):
            writer_of(slot).append(masked(["a"]))
        assert len(list((slot.path / "writers").iterdir())) == 1
    now += DAY_NS
    with take(tmp_path, clock_unix_nano=lambda: now) as slot:
        writer_of(slot).append(masked(["b"], tag="b"))
        writer_of(slot).rotate()
        destination = ship_all(slot)["near"]
        assert len(list((slot.path / "writers").iterdir())) == 1
    assert len(destination.manifests()) == 1


def test_streams_have_writers_of_their_own(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        platform = writer_of(slot).append(masked(["a"], tag="a"))
        inference = writer_of(slot, stream="model-io").append(masked(["b"], tag="b", stream="model-io"))
        assert platform.writer != inference.writer
        assert (platform.first, inference.first) == (1, 1)
        writer_of(slot).rotate()
        writer_of(slot, stream="model-io").rotate()
        destination = ship_all(slot)["near"]
    assert sorted(destination.record_ids()) == ["a-0", "b-0"]
    assert {len(chain) for chain in destination.manifests().values()} == {1}


# Bounds


def test_a_full_spool_takes_nothing_but_what_tells_of_it(tmp_path: Path) -> None:
    with take(tmp_path, SpoolOptions(max_bytes=300_000, reserve_bytes=100_000)) as slot:
        writer = writer_of(slot)
        taken = 0

        def fill() -> None:
            nonlocal taken
            while True:
                writer.append(masked(["a"], tag=str(taken)))
                taken += 1

        with pytest.raises(SpoolFull, match="at most 300000 bytes"):
            fill()
        assert 0 < slot.usage().used_bytes <= 200_000
        assert writer.append(masked(["gap"], tag="gap"), use_reserve=True).first == taken + 1
        writer.rotate()
        assert len(ship_all(slot)["near"].record_ids()) == taken + 1
        assert slot.usage().used_bytes < 1000
        writer.append(masked(["room again"]))


def test_what_is_there_already_counts(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer_of(slot).append(masked(["a"] * 50))
        used = slot.usage().used_bytes
    with take(tmp_path, SpoolOptions(max_bytes=used + 1000, reserve_bytes=0)) as slot:
        assert used <= slot.usage().used_bytes < used + 1000
        with pytest.raises(SpoolFull):
            writer_of(slot).append(masked(["a"]))


def test_the_slots_of_a_service_share_one_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_LOOK_EVERY_S", 0.0)
    with take(tmp_path) as first:
        writer_of(first).append(masked(["a"] * 50))
        writer_of(first).rotate()
        used = first.usage().used_bytes
        options = SpoolOptions(max_bytes=used + 500, reserve_bytes=0)
        with take(tmp_path, options) as second, Slot.acquire(tmp_path, "other", options) as other:
            assert used <= second.usage().others_bytes < used + 500
            with pytest.raises(SpoolFull, match=rf"holds {second.usage().others_bytes} of"):
                writer_of(second).append(masked(["a"]))
            assert other.usage().others_bytes == 0, "another service has another bound"
            ship_all(first)
            with pytest.raises(SpoolFull, match=r"holds [0-9]{1,3} of"):
                writer_of(second).append(masked(["a"] * 60))


def test_a_part_of_the_disk_stays_free(tmp_path: Path) -> None:
    class AlmostFull(Files):
        def disk(self, path: Path) -> tuple[int, int]:
            return 50_100_000, 1_000_000_000

    with take(tmp_path, files=AlmostFull()) as slot:
        writer = writer_of(slot)
        assert slot.usage().max_bytes == 25_050_000
        assert slot.usage().min_free_bytes == 50_000_000
        with pytest.raises(SpoolFull, match="50000000 stay free"):
            writer.append(masked(["x" * 200_000]))
        writer.append(masked(["x" * 200_000]), use_reserve=True)


# Folders


def test_folders_and_files_are_private(tmp_path: Path) -> None:
    root = tmp_path / "new" / "spool"
    before = os.umask(0)
    try:
        with take(root) as slot:
            writer = writer_of(slot)
            writer.append(masked(["a"]))
            writer.rotate()
            (draft,) = slot.outbox("near").drafts()
            draft.create_file("00.json").close()
    finally:
        os.umask(before)
    paths = [root.parent, root, *root.rglob("*")]
    assert {path.name for path in paths} >= {"lock", "00.json", "writer.json"}
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("where", ["", "shop", "shop/slot-0", "shop/slot-0/writers"])
def test_a_folder_that_others_write_to_is_refused(tmp_path: Path, where: str) -> None:
    root = tmp_path / "spool"
    (root / where).mkdir(parents=True, mode=0o700)
    (root / where).chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"writable by others \(mode 0777\): choose"):
        take(root)
    with take(root, SpoolOptions(force=True)) as slot:
        writer_of(slot).append(masked(["a"]))


@pytest.mark.parametrize("where", ["spool", "spool/shop", "spool/shop/slot-0", "spool/shop/slot-0/outbox"])
def test_a_link_is_refused(tmp_path: Path, where: str) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link = tmp_path / where
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for parent in link.parents:
        if parent.is_relative_to(tmp_path / "spool"):
            parent.chmod(0o700)
    link.symlink_to(real)
    with pytest.raises(ConfigurationError, match="is a link"):
        take(tmp_path / "spool", SpoolOptions(force=True))


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        lock = slot.path / "lock"
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="cannot lock a slot: ELOOP"):
        take(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_place_of_the_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    with pytest.raises(ConfigurationError, match="not a folder"):
        take(tmp_path / "spool")


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    class Somebody(Files):
        def user(self) -> int:
            return super().user() + 1

    with pytest.raises(ConfigurationError, match="belongs to user"):
        take(tmp_path, files=Somebody())


def test_a_network_file_system_is_refused_unless_forced(tmp_path: Path) -> None:
    class Remote(Files):
        def file_system(self, path: Path) -> str | None:
            return "nfs4"

    with pytest.raises(ConfigurationError, match=r"network file system \(nfs4\)"):
        take(tmp_path, files=Remote())
    take(tmp_path, SpoolOptions(force=True), files=Remote()).close()


@pytest.mark.parametrize("arguments", [("other", ["near"]), ("platform", []), ("platform", ["../x"])])
def test_names_that_make_no_folder_are_refused(tmp_path: Path, arguments: tuple[str, list[str]]) -> None:
    stream, destinations = arguments
    with take(tmp_path) as slot, pytest.raises(ValueError, match="destination"):
        slot.writer(stream, destinations=destinations, opens={})
    with take(tmp_path) as slot, pytest.raises(ValueError, match="destination"):
        slot.outbox("../x")


def test_what_has_no_name_of_ours_is_left_alone(tmp_path: Path) -> None:
    with take(tmp_path) as slot:
        writer_of(slot).append(masked(["a"], tag="a"))
        writer_of(slot).rotate()
    foreign = [
        slot.path / "writers" / ".DS_Store",
        slot.path / "outbox" / ".DS_Store",
        slot.path / "outbox" / "near" / "README",
        next((slot.path / "writers").iterdir()) / "notes",
    ]
    foreign[2].parent.mkdir(mode=0o700)
    for path in foreign:
        path.touch()
    with take(tmp_path) as slot:
        assert ship_all(slot)["near"].record_ids() == ["a-0"]
    assert all(path.exists() for path in foreign)


def test_a_writer_that_another_thread_retired_is_not_begun_again(tmp_path: Path) -> None:
    now = BASE_UNIX_NANO
    with take(tmp_path, clock_unix_nano=lambda: now) as slot:
        writer = writer_of(slot)
        writer.append(masked(["a"], tag="a"))
        writer.rotate()
        now += DAY_NS
        writer.append(masked(["b"], tag="b"))
        destinations = {"near": Destination()}
        outbox = slot.outbox("near")
        ship(slot, destinations)
        # This pass has looked at the writers; before it comes to them another thread finishes the old one.
        old_first = outbox._drafts_of(slot._custody.states[0])
        assert len(slot._custody.states) == 2
        ship(slot, destinations)
        assert len(slot._custody.states) == 1
        assert list(old_first) == []
        assert list(outbox.commits()) == []
        assert len(outbox.chains) == 1
