"""A draft: a part of a sealed segment on its way to a plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from otel_audit.errors import SpoolCorrupt
from otel_audit.record.schema import SCHEMA_MINOR_VERSION
from otel_audit.spool.chain import Chain
from otel_audit.spool.commit import MANIFEST_FILE, PLAN_FILE, Commit
from otel_audit.spool.files import explain
from otel_audit.spool.frame import NumberedBatch
from otel_audit.spool.plan import Loss, PlannedFile
from otel_audit.spool.segment import Run, SealedSegment
from otel_audit.spool.writer_state import WriterState
from otel_audit.store.names import WriterName

if TYPE_CHECKING:
    from otel_audit.spool.outbox import Outbox

__all__ = ["Draft"]

_LOCAL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_RESERVED: Final = frozenset({PLAN_FILE, MANIFEST_FILE, f"{PLAN_FILE}.tmp", f"{MANIFEST_FILE}.tmp"})


class Draft:
    """A part of a sealed segment that has no plan at this destination yet.

    Attributes:
        state: the writer.
        commit: number that the commit will have.
        first_sequence: first record.
        last_sequence: last record.
        is_planned: :meth:`plan` has returned.
    """

    def __init__(
        self, outbox: Outbox, chain: Chain, *, state: WriterState, segment: SealedSegment, run: Run
    ) -> None:
        self._outbox, self._chain, self._segment, self._run = outbox, chain, segment, run
        self.state = state
        self.commit = chain.planned_commit + 1
        self.first_sequence, self.last_sequence = run.first_sequence, run.last_sequence
        self.is_planned = False
        self._folder: Path | None = None

    def __repr__(self) -> str:
        return f"Draft({self.state.name}, {self.commit}, {self.first_sequence}-{self.last_sequence})"

    @property
    def writer(self) -> WriterName:
        """Whose records."""
        return self.state.name

    @property
    def stream(self) -> str:
        """Which stream they are of."""
        return self.state.stream

    @property
    def records(self) -> int:
        """How many."""
        return self.last_sequence - self.first_sequence + 1

    def batches(self) -> Iterator[NumberedBatch]:
        """Its records in sequence order, a frame at a time.

        Raises:
            SpoolCorrupt: a frame cannot be read back. Leave the draft: the next :meth:`Outbox.drafts` offers
                what is good, and plans a gap for the rest.
            SpoolError: the disk refused.
        """
        try:
            with explain("read a segment"):
                yield from self._segment.batches(self._run)
        except SpoolCorrupt:
            with explain("read a segment"):
                self._segment.rescan()
            raise

    def create_file(self, local: str) -> BinaryIO:
        """A new file in the outbox to encode to. Close it before :meth:`plan`.

        Args:
            local: its name there: lower-case letters, digits, ``.``, ``_`` and ``-``.

        Raises:
            SpoolError: it could not be made.
        """
        if not _LOCAL_NAME.fullmatch(local) or local in _RESERVED:
            raise ValueError(f"{local!r} cannot be the name of a file in the outbox")
        with explain("make a file in the outbox"):
            if self._folder is None:
                self._folder = self._chain.make_folder()
            return self._outbox.files.create_sink(self._folder / local)

    def plan(
        self,
        files: Sequence[PlannedFile],
        *,
        records_root: str,
        masking_policy: str,
        schema_version: str = SCHEMA_MINOR_VERSION,
        losses: Sequence[Loss] = (),
    ) -> Commit:
        """Make the files and then the plan durable; both are on return, and the segment may be gone.

        Args:
            files: what was written to :meth:`create_file`, each row of the draft in one of them.
            records_root: Merkle root of the draft's record hashes, ``sha256:<hex>``.
            masking_policy: fingerprint of the policy of its records, ``sha256:<hex>``.
            schema_version: minor version of the record schema.
            losses: what is known to be lost besides.

        Raises:
            ValueError: the files do not hold the draft's records, or do not have the size that is said.
            SpoolError: the disk refused; the draft is offered again.
        """
        if self.is_planned:
            raise ValueError("a draft is planned once")
        if sum(file.rows for file in files) != self.records or self._folder is None:
            raise ValueError(f"the files of a plan hold the {self.records} records of its draft")
        for file in files:
            with explain("look at an encoded file"):
                size = self._outbox.files.status(self._folder / file.local).st_size
            if size != file.size:
                raise ValueError(f"{file.local} has {size} bytes, not {file.size}")
        commit = self._outbox.plan(
            self._chain,
            self.state,
            self._folder,
            kind="commit",
            last_sequence=self.last_sequence,
            records_root=records_root,
            masking_policy=masking_policy,
            schema_version=schema_version,
            files=files,
            losses=losses,
        )
        self.is_planned = True
        self._outbox.release(self.state, self._segment)
        return commit
