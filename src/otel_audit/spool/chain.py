"""One writer's chain of commits at one destination, as the outbox keeps it.

::

    outbox/<destination>/<writer>/chain              the last commit that is done
    outbox/<destination>/<writer>/<commit>/plan      what the commit will create
                                           …         its encoded files
                                           manifest  the bytes of its manifest

Rules:

1. A commit's folder without a plan is an encoding that was cut off: it is removed and begun again.
2. A plan and a manifest appear whole or not at all, and a manifest never changes once it is there.
3. What a destination refuses moves to ``quarantine/<destination>/<writer>/<commit>/`` and leaves a gap.
4. ``chain`` names a commit only after its manifest was created at the destination. Folders up to that number
   are free to go.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from otel_audit.errors import SpoolCorrupt
from otel_audit.shapes import ready_to_read
from otel_audit.spool.commit import MANIFEST_FILE, PLAN_FILE, Commit
from otel_audit.spool.explain import explain
from otel_audit.spool.plan import PLAN_VERSION, Plan
from otel_audit.spool.premises import OUTBOX, QUARANTINE, Premises

__all__ = ["Chain"]

LOSS_REFUSED: Final = "refused"
"""Cause of a loss: the destination does not want the objects of a commit; they are in quarantine."""

_BEYOND: Final = 2**62
"""A sequence that no record has."""

_CHAIN: Final = "chain"
_COMMIT_FOLDER: Final = re.compile(r"\d{10}")


@ready_to_read
class _Done(msgspec.Struct, frozen=True, rename="camel"):
    """Content of ``chain``."""

    commit: int
    manifest: str
    last_sequence: int
    closed: bool
    abandoned: bool = False


class Chain:
    """The commits of one writer at one destination.

    Attributes:
        writer: whose commits.
        folder: where they are kept.
        quarantine: where those are kept that the destination does not want.
        commit: number of the last that is done; 0 before the first.
        manifest: ``sha256:<hex>`` of its manifest.
        pending: planned commits that are not done, in order.
        planned_commit: number of the last that is planned or done.
        planned_sequence: last sequence of that.
        is_closing: that one closes the chain.
        moved_s: when a commit was last planned or done, or the chain taken up; monotonic clock.
        is_abandoned: somebody else goes on with it at the destination.
    """

    def __init__(self, premises: Premises, destination: str, writer: str) -> None:
        self.files, self.budget, self.check_held = premises.files, premises.budget, premises.check_held
        self.folder = premises.path / OUTBOX / destination / writer
        self.quarantine = premises.path / QUARANTINE / destination / writer
        self.writer = writer
        self.commit = 0
        self.manifest: str | None = None
        self.pending: list[Commit] = []
        self.planned_commit = 0
        self.planned_sequence = 0
        self.is_closing = self.is_abandoned = False
        self.moved_s = time.monotonic()

    @property
    def is_closed(self) -> bool:
        """Whether its last commit is done."""
        return self.is_closing and not self.pending

    def load(self) -> None:
        """Take up what is on disk.

        Raises:
            OSError: it cannot be read.
            SpoolCorrupt: it contradicts itself.
        """
        names = self.files.names(self.folder)
        if _CHAIN in names:
            done = self._decode(self.folder / _CHAIN, _Done)
            self.commit, self.manifest = done.commit, done.manifest
            self.planned_commit, self.planned_sequence = done.commit, done.last_sequence
            self.is_closing = done.closed
            if done.abandoned:
                self._leave_behind()
        for name in () if self.is_abandoned else names:
            if _COMMIT_FOLDER.fullmatch(name):
                self._load_commit(self.folder / name)
        if not self.is_abandoned:
            self._fill_from_quarantine()

    def _load_commit(self, folder: Path) -> None:
        names = self.files.names(folder)
        number = int(folder.name)
        if number <= self.commit or PLAN_FILE not in names:
            self.files.remove_tree(folder)
            return
        self._fill_from_quarantine(before=number)
        plan = self._decode(folder / PLAN_FILE, Plan)
        expected = (PLAN_VERSION, self.writer, number, self.planned_commit + 1, self.planned_sequence + 1)
        if expected != (plan.plan_version, plan.writer, plan.commit, number, plan.first_sequence):
            raise SpoolCorrupt("does not follow the commit before", path=str(folder / PLAN_FILE))
        manifest = self.files.read(folder / MANIFEST_FILE) if MANIFEST_FILE in names else None
        for name in {*names} - {PLAN_FILE, MANIFEST_FILE} - {file.local for file in plan.files}:
            self.files.unlink(folder / name)
        self._note_planned(Commit(self, folder, plan, manifest))

    def _fill_from_quarantine(self, before: int = 0) -> None:
        """Plan the gaps of commits that went to quarantine just before a crash, up to the commit ``before``."""
        while self.planned_commit + 1 != before:
            folder = self.quarantine / f"{self.planned_commit + 1:010d}"
            if PLAN_FILE not in self.files.names(folder):
                return
            self._note_planned(self._plan_refused(self._decode(folder / PLAN_FILE, Plan)))

    def _plan_refused(self, plan: Plan) -> Commit:
        with explain("plan a gap"):
            gap = Commit(self, self._make_folder(plan.commit), plan, None)
        gap.put_plan(plan.as_gap(LOSS_REFUSED))
        return gap

    def _decode(self, path: Path, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(self.files.read(path), type=kind)
        except msgspec.DecodeError as error:
            raise SpoolCorrupt("cannot be read", path=str(path)) from error

    def _note_planned(self, commit: Commit) -> None:
        self.pending.append(commit)
        self.moved_s = time.monotonic()
        self.planned_commit = commit.plan.commit
        self.planned_sequence = commit.plan.last_sequence
        self.is_closing = commit.plan.closes

    def make_folder(self) -> Path:
        """An empty folder for the next commit.

        Raises:
            OSError: it could not be made.
        """
        return self._make_folder(self.planned_commit + 1)

    def _make_folder(self, number: int) -> Path:
        folder = self.folder / f"{number:010d}"
        self.files.remove_tree(folder)
        self._make_folders(self.folder.parent.parent, self.folder.parent, self.folder, folder)
        return folder

    def _make_folders(self, *paths: Path) -> None:
        for path in paths:
            self.files.make_folder(path)
            # Even if it was there: whoever made it may not have come as far as this.
            self.files.fsync_folder(path.parent)

    def plan(self, folder: Path, plan: Plan) -> Commit:
        """Make files and plan durable, in that order.

        Raises:
            SpoolError: they could not be; the folder is removed when the chain is next loaded or begun again.
        """
        self.check_held()
        with explain("make encoded files durable"):
            for file in plan.files:
                self.files.fsync(folder / file.local)
            self.files.fsync_folder(folder)
        commit = Commit(self, folder, plan, None)
        commit.put_plan(plan)
        self.budget.add(commit.size)
        self._note_planned(commit)
        return commit

    def refuse(self, commit: Commit) -> Commit:
        """Put a commit that its destination does not want into quarantine, and plan a gap under its number.

        The folder moves in one step: its records are here or there, never in both and never in neither.

        Returns:
            The gap, durable like the move.

        Raises:
            ValueError: its manifest is written: it may be at the destination.
            SpoolError: the disk refused; :meth:`load` or the next call finishes what was begun.
        """
        self.check_held()
        if not commit.can_be_given_up:
            raise ValueError("only a commit with records and without a manifest can be refused")
        commit.is_refused = True
        number = f"{commit.plan.commit:010d}"
        with explain("put a commit into quarantine"):
            self._make_folders(self.quarantine.parent.parent, self.quarantine.parent, self.quarantine)
            if PLAN_FILE not in self.files.names(self.quarantine / number):
                self.files.rename(self.folder / number, self.quarantine / number)
            self.files.fsync_folder(self.quarantine)
            self.files.fsync_folder(self.folder)
        gap = self._plan_refused(commit.plan)
        self.pending[self.pending.index(commit)] = gap
        return gap

    def abandon(self) -> None:
        """Leave the chain to somebody else: nothing is planned or carried out in it any more; durable on return.

        Raises:
            OSError: it could not be noted.
        """
        self.check_held()
        if not self.is_abandoned:
            done = _Done(
                self.commit, self.manifest or "", self.planned_sequence, closed=False, abandoned=True
            )
            self._make_folders(self.folder.parent.parent, self.folder.parent, self.folder)
            self.files.replace(self.folder / _CHAIN, msgspec.json.encode(done))
            self.budget.add(-sum(commit.size for commit in self.pending))
            self._leave_behind()

    def _leave_behind(self) -> None:
        self.is_abandoned = self.is_closing = True
        self.planned_sequence = _BEYOND
        self.pending.clear()
        for name in filter(_COMMIT_FOLDER.fullmatch, self.files.names(self.folder)):
            self.files.remove_tree(self.folder / name)

    def finish(self, commit: Commit, manifest_sha256: str) -> None:
        """Note that a commit is done, then free its folder; see :meth:`Commit.done`."""
        self.check_held()
        plan = commit.plan
        manifest = f"sha256:{manifest_sha256}"
        done = _Done(plan.commit, manifest, plan.last_sequence, plan.closes)
        with explain("note that a commit is done"):
            self.files.replace(self.folder / _CHAIN, msgspec.json.encode(done))
        self.commit, self.manifest = plan.commit, manifest
        self.pending.remove(commit)
        self.moved_s = time.monotonic()
        self.budget.add(-commit.size)
        with explain("free a commit that is done"):
            self.files.remove_tree(self.folder / f"{plan.commit:010d}")
