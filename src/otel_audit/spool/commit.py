"""A planned commit: the steps from its first object at the destination to its manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from otel_audit.errors import SpoolError
from otel_audit.spool.explain import explain
from otel_audit.spool.plan import Plan, PlannedFile

if TYPE_CHECKING:
    from otel_audit.spool.chain import Chain

__all__ = ["MANIFEST_FILE", "PLAN_FILE", "Commit"]

PLAN_FILE: Final = "plan"
MANIFEST_FILE: Final = "manifest"


class Commit:
    """A planned commit, to be carried out at its destination.

    Attributes:
        plan: what it creates and says.
        manifest: the bytes of its manifest; None before :meth:`write_manifest`, in this process or another.
        is_refused: :meth:`refuse` was begun: its files may have moved, and nothing else is done with it.
    """

    def __init__(self, chain: Chain, folder: Path, plan: Plan, manifest: bytes | None) -> None:
        self._chain, self._folder = chain, folder
        self.plan = plan
        self.manifest = manifest
        self.is_refused = False

    def __repr__(self) -> str:
        return f"Commit({self.plan.writer}, {self.plan.commit}, {self.plan.kind})"

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """What is to be created before the manifest."""
        return self.plan.files

    @property
    def previous(self) -> str | None:
        """``sha256:<hex>`` of the manifest before; None for the first.

        Raises:
            SpoolError: the commit before is not done.
        """
        self._check_turn()
        return self._chain.manifest

    @property
    def is_done(self) -> bool:
        """Whether :meth:`done` has returned."""
        return self.plan.commit <= self._chain.commit

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder

    def local_path(self, file: PlannedFile) -> Path:
        """Where the bytes of a planned file are."""
        return self._folder / file.local

    def replace_path(self, file: PlannedFile, path: str) -> PlannedFile:
        """Create a planned file under another path: durable on return.

        For an object that exists there with other content, which is never overwritten.

        Returns:
            The file with its new path, as it is in :attr:`files` now.

        Raises:
            ValueError: the file is not of this commit, or its manifest is written already.
            SpoolError: the plan could not be written; the old one holds.
        """
        if file not in self.plan.files or self.manifest is not None:
            raise ValueError("only a file of a commit without a manifest gets another path")
        moved = msgspec.structs.replace(file, path=path)
        files = tuple(moved if each == file else each for each in self.plan.files)
        self.put_plan(msgspec.structs.replace(self.plan, files=files))
        return moved

    def give_up(self, cause: str) -> int:
        """Say at the destination that these records are lost there, and free their files: durable on return.

        Args:
            cause: of the loss, a short name.

        Returns:
            How many records.

        Raises:
            ValueError: it has no records, or its manifest is written: it may be at the destination.
            SpoolError: the plan could not be written and the old one holds; or it was, and files are left
                that the next holder of the slot removes.
        """
        if not self.can_be_given_up:
            raise ValueError("only a commit with records and without a manifest can be given up")
        records, files, size = self.plan.records, self.plan.files, self.size
        self.put_plan(self.plan.as_gap(cause))
        self._chain.budget.add(self.size - size)
        with explain("free what was given up"):
            for file in files:
                self._chain.files.unlink(self._folder / file.local)
        return records

    def refuse(self) -> Commit:
        """Put it into quarantine; see :meth:`otel_audit.spool.chain.Chain.refuse`."""
        return self._chain.refuse(self)

    @property
    def can_be_given_up(self) -> bool:
        """Whether it has records, and nothing of it counts at the destination."""
        return self.manifest is None and self.plan.kind == "commit"

    def write_manifest(self, content: bytes) -> None:
        """Fix the bytes of the manifest: durable on return, the same in every later process.

        Raises:
            ValueError: there is one already.
            SpoolError: it could not be written, or the commit before is not done.
        """
        self._chain.check_held()
        self._check_turn()
        if self.manifest is not None:
            raise ValueError("a manifest is written once")
        with explain("write a manifest"):
            self._chain.files.replace(self._folder / MANIFEST_FILE, content)
        self._chain.budget.add(len(content))
        self.manifest = content

    def adopt_manifest(self, content: bytes) -> None:
        """Take another manifest for this commit, which is at the destination and says the same.

        Durable on return; :meth:`done` builds on it.

        Raises:
            SpoolError: it could not be written.
        """
        self._chain.check_held()
        with explain("write a manifest"):
            self._chain.files.replace(self._folder / MANIFEST_FILE, content)
        self._chain.budget.add(len(content) - len(self.manifest or b""))
        self.manifest = content

    def done(self) -> None:
        """Say that the manifest exists at the destination: durable on return. Frees the outbox.

        Raises:
            ValueError: the manifest was not written.
            SpoolError: it could not be noted, and the commit is offered again; or it was noted and not freed,
                which the next holder of the slot does.
        """
        if self.manifest is None:
            raise ValueError("a commit is done once its manifest exists")
        self._check_turn()
        self._chain.finish(self, hashlib.sha256(self.manifest).hexdigest())

    @property
    def size(self) -> int:
        """Bytes that it holds in the outbox, without the plan."""
        return sum(file.size for file in self.plan.files) + len(self.manifest or b"")

    def _check_turn(self) -> None:
        if self.plan.commit != self._chain.commit + 1:
            raise SpoolError(f"commit {self.plan.commit} is not next in its chain")

    def put_plan(self, plan: Plan) -> None:
        """Write the plan, in place of one that is there: durable on return."""
        self._chain.check_held()
        with explain("write a plan"):
            self._chain.files.replace(self._folder / PLAN_FILE, msgspec.json.encode(plan))
        self.plan = plan
