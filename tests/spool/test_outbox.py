"""Outboxes: drafts, plans and commits, each taken up again where it was left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from otel_audit.errors import SpoolCorrupt, SpoolError
from otel_audit.spool import Backlog, Commit, Slot, StreamWriter
from otel_audit.spool.outbox import Outbox
from spool.delivery import Destination, carry_out, encode, manifest_of, plan, ship_one
from spool.masked import masked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def slot(root: Path) -> Iterator[Slot]:
    with Slot.acquire(root, "shop") as slot:
        yield slot


def writer_of(slot: Slot, *destinations: str) -> StreamWriter:
    return slot.writer("platform", destinations=destinations or ["near"], opens={"host": "h"})


def seal(slot: Slot, tag: str, *destinations: str) -> None:
    writer = writer_of(slot, *destinations)
    writer.append(masked(["x", "y"], tag=tag))
    writer.rotate()


def again(slot: Slot, root: Path) -> Slot:
    slot.close()
    return Slot.acquire(root, "shop")


def only_commit(outbox: Outbox) -> Commit:
    (commit,) = outbox.commits()
    return commit


def test_a_draft_says_what_it_holds(slot: Slot) -> None:
    seal(slot, "a")
    seal(slot, "b")
    first, *rest = slot.outbox("near").drafts()
    assert rest == [], "the rest of a writer waits for the draft before"
    assert (str(first.writer), first.stream, first.commit) == (writer_of(slot).name, "platform", 1)
    assert (first.first_sequence, first.last_sequence, first.records) == (1, 2, 2)
    (batch,) = first.batches()
    assert len(batch) == 2
    assert batch.records["recordId"].to_pylist() == ["a-0", "a-1"]
    assert len(batch.record_hashes[0].as_py()) == 32
    assert slot.backlog() == {"near": Backlog(segments=2, commits=0)}


def test_a_plan_outlives_its_segment_and_its_process(slot: Slot, root: Path) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        planned = plan(draft)
        with pytest.raises(ValueError, match="planned once"):
            draft.plan(planned.files, records_root="sha256:", masking_policy="sha256:")
    assert list(slot.path.glob("writers/*/*.seg")) == []
    with again(slot, root) as later:
        outbox = later.outbox("near")
        assert list(outbox.drafts()) == []
        commit = only_commit(outbox)
        assert commit.plan == planned.plan
        assert commit.plan.opens == {"host": "h", "predecessor": None}
        (file,) = commit.files
        assert commit.local_path(file).stat().st_size == file.size
        assert later.backlog() == {"near": Backlog(segments=0, commits=1)}


def test_a_manifest_is_written_once(slot: Slot, root: Path) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        plan(draft)
    commit = only_commit(slot.outbox("near"))
    with pytest.raises(ValueError, match="once its manifest exists"):
        commit.done()
    content = manifest_of(commit)
    commit.write_manifest(content)
    with pytest.raises(ValueError, match="written once"):
        commit.write_manifest(manifest_of(commit))
    with again(slot, root) as later:
        commit = only_commit(later.outbox("near"))
        assert commit.manifest == content
        with pytest.raises(ValueError, match="written once"):
            commit.write_manifest(manifest_of(commit))
        commit.done()
        assert commit.is_done
        assert list(later.outbox("near").commits()) == []
        assert later.usage().used_bytes < 1000


def test_a_commit_waits_for_the_one_before(slot: Slot) -> None:
    for tag in "ab":
        seal(slot, tag)
    outbox = slot.outbox("near")
    for draft in outbox.drafts():
        plan(draft)
    first, second = (commit for chain in outbox.chains.values() for commit in chain.pending)
    assert [commit.plan.commit for commit in outbox.commits()] == [1], "it was left undone"
    for use in (lambda: second.previous, lambda: second.write_manifest(b"{}")):
        with pytest.raises(SpoolError, match="commit 2 is not next"):
            use()
    assert first.previous is None
    carry_out(first, Destination())
    assert second.previous is not None
    assert second.plan.opens is None


def test_an_encoding_that_was_cut_off_is_begun_again(slot: Slot, root: Path) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        encode(draft)
    (left,) = slot.path.glob("outbox/near/*/*/00.json")
    with again(slot, root) as later:
        assert not left.exists()
        destination = Destination()
        ship_one(later.outbox("near"), destination)
        assert destination.record_ids() == ["a-0", "a-1"]


def test_a_draft_that_was_left_is_offered_again(slot: Slot) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        encode(draft)
    destination = Destination()
    ship_one(slot.outbox("near"), destination)
    assert destination.record_ids() == ["a-0", "a-1"]


def test_a_segment_waits_for_each_destination(slot: Slot, root: Path) -> None:
    seal(slot, "a", "near", "far")
    near, far = Destination(), Destination()
    ship_one(slot.outbox("near"), near)
    assert slot.backlog() == {"near": Backlog(0, 0), "far": Backlog(1, 0)}
    with again(slot, root) as later:
        assert later.backlog() == {"near": Backlog(0, 0), "far": Backlog(1, 0)}
        ship_one(later.outbox("near"), near)
        ship_one(later.outbox("far"), far)
        assert list(later.path.glob("writers/*/*.seg")) == []
    assert near.record_ids() == far.record_ids() == ["a-0", "a-1"]
    assert len(near.objects) == 2


def test_a_file_gets_another_path_before_its_manifest(slot: Slot, root: Path) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        plan(draft)
    commit = only_commit(slot.outbox("near"))
    (file,) = commit.files
    moved = commit.replace_path(file, f"{file.path}.r1")
    assert commit.files == (moved,)
    assert commit.local_path(moved) == commit.local_path(file)
    with pytest.raises(ValueError, match="only a file of a commit"):
        commit.replace_path(file, "elsewhere")
    with again(slot, root) as later:
        destination = Destination()
        commit = only_commit(later.outbox("near"))
        assert commit.files == (moved,)
        carry_out(commit, destination)
        assert moved.path in destination.objects
        with pytest.raises(ValueError, match="only a file of a commit"):
            commit.replace_path(moved, "elsewhere")


@pytest.mark.parametrize("name", ["plan", "manifest", "plan.tmp", "../x", "", ".hidden", "A", "a/b"])
def test_names_that_are_not_for_files_are_refused(slot: Slot, name: str) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        with pytest.raises(ValueError, match="cannot be the name"):
            draft.create_file(name)


def test_a_plan_that_does_not_hold_the_draft_is_refused(slot: Slot) -> None:
    seal(slot, "a")
    arguments = {"records_root": "sha256:" + "0" * 64, "masking_policy": "sha256:" + "1" * 64}
    for draft in slot.outbox("near").drafts():
        with pytest.raises(ValueError, match="hold the 2 records"):
            draft.plan([], **arguments)
        file = encode(draft)
        with pytest.raises(ValueError, match="hold the 2 records"):
            draft.plan([msgspec.structs.replace(file, rows=1)], **arguments)
        with pytest.raises(ValueError, match="bytes, not 1"):
            draft.plan([msgspec.structs.replace(file, size=1)], **arguments)
        with pytest.raises(SpoolError, match="look at an encoded file: ENOENT"):
            draft.plan([msgspec.structs.replace(file, local="gone")], **arguments)
        draft.plan([file], **arguments)
    assert slot.backlog() == {"near": Backlog(0, 1)}


def test_an_outbox_of_a_destination_that_is_not_asked_for_stays(slot: Slot, root: Path) -> None:
    seal(slot, "a", "old")
    for draft in slot.outbox("old").drafts():
        plan(draft)
    seal(slot, "b", "old")
    with again(slot, root) as later:
        seal(later, "c", "new")
        assert later.backlog() == {"new": Backlog(1, 0), "old": Backlog(1, 1)}
        new, old = Destination(), Destination()
        ship_one(later.outbox("new"), new)
        assert later.backlog()["old"] == Backlog(1, 1)
        ship_one(later.outbox("old"), old)
    assert new.record_ids() == ["c-0", "c-1"]
    assert old.record_ids() == ["a-0", "a-1", "b-0", "b-1"]


@pytest.mark.parametrize("name", ["chain", "plan"])
@pytest.mark.parametrize("content", [b"", b"{}", b'{"planVersion":2}'])
def test_a_damaged_file_of_an_outbox_is_named(slot: Slot, root: Path, name: str, content: bytes) -> None:
    seal(slot, "a")
    ship_one(slot.outbox("near"), Destination())
    seal(slot, "b")
    for draft in slot.outbox("near").drafts():
        plan(draft)
    (damaged,) = (path for path in slot.path.glob("outbox/near/**/*") if path.name == name)
    damaged.write_bytes(content)
    slot.close()
    with pytest.raises(SpoolCorrupt, match=str(damaged)):
        Slot.acquire(root, "shop")


def test_a_plan_that_does_not_follow_is_named(slot: Slot, root: Path) -> None:
    seal(slot, "a")
    for draft in slot.outbox("near").drafts():
        plan(draft)
    (found,) = slot.path.glob("outbox/near/*/*/plan")
    found.write_bytes(found.read_bytes().replace(b'"firstSequence":1', b'"firstSequence":2'))
    slot.close()
    with pytest.raises(SpoolCorrupt, match="does not follow"):
        Slot.acquire(root, "shop")
