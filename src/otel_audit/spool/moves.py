"""Records that cannot be committed where they are, moved to a writer of their own.

Two reasons: a destination refused a commit, and somebody wants it tried again; or another process goes on with a
writer at a destination, since its spool was copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from otel_audit.errors import SpoolCorrupt
from otel_audit.spool.chain import Chain
from otel_audit.spool.commit import PLAN_FILE
from otel_audit.spool.explain import explain
from otel_audit.spool.frame import NumberedBatch
from otel_audit.spool.outbox import Outbox
from otel_audit.spool.plan import Plan
from otel_audit.spool.premises import QUARANTINE, Premises
from otel_audit.spool.renumber import records_of, renumber
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.writer_state import Origin, WriterState, is_writer
from otel_audit.spool.writers import Writers
from otel_audit.store.names import SLUG

__all__ = ["RETRY_FILE", "Moves"]

RETRY_FILE: Final = "retry"
"""In a commit's folder in quarantine: somebody asked that it be tried again."""


class Moves:
    """Moves the records of one slot. For the thread that drafts.

    Args:
        premises: the slot.
        writers: its writers.
        states: what is known of each; new ones are added.
        outbox: gives the outbox of a destination.
        release: frees a segment once every destination has it.
    """

    def __init__(
        self,
        premises: Premises,
        writers: Writers,
        states: list[WriterState],
        outbox: Callable[[str], Outbox],
        release: Callable[[WriterState, SealedSegment], None],
    ) -> None:
        self._premises, self._files = premises, premises.files
        self._writers, self._states = writers, states
        self._outbox, self._release = outbox, release

    def redeem(self, opens: Mapping[str, Any]) -> int:
        """Plan anew what is in quarantine and somebody asked for.

        Args:
            opens: what the first manifests of the new writers say.

        Returns:
            How many records.

        Raises:
            SpoolError: the disk refused; what was not redeemed stays where it is.
            SpoolCorrupt: likewise; a file of it is not what was encoded.
        """
        with explain("take records out of quarantine"):
            return self._redeem(opens)

    def _redeem(self, opens: Mapping[str, Any]) -> int:
        redeemed = 0
        root = self._premises.path / QUARANTINE
        names = self._files.names
        # Segments that could not be read back lie there, too; their names are no slugs.
        for destination in (name for name in names(root) if re.fullmatch(SLUG, name)):
            for writer in filter(is_writer, names(root / destination)):
                for commit in names(root / destination / writer):
                    folder = root / destination / writer / commit
                    if not {PLAN_FILE, RETRY_FILE} <= {*names(folder)}:
                        continue
                    plan = _plan(self._files.read(folder / PLAN_FILE), str(folder))
                    self._move(
                        records_of(self._files, folder, plan),
                        stream=plan.stream,
                        origin=Origin("refused", destination, writer, plan.commit),
                        opens=opens,
                    )
                    redeemed += plan.records
        return redeemed

    def fork(
        self,
        opens: Mapping[str, Any],
        *,
        destination: str,
        writer: str,
        committed: Mapping[int, bytes],
    ) -> int:
        """Leave a closed writer's chain to whoever goes on with it, and take its records elsewhere.

        Args:
            opens: what the first manifest of the new writer says.
            destination: where somebody else goes on with the chain.
            writer: whose chain.
            committed: record hash by sequence of what they have committed: those records stay theirs.

        Returns:
            How many records got new numbers.

        Raises:
            SpoolError: the disk refused; nothing was moved.
            SpoolCorrupt: likewise; something cannot be read back.
        """
        with explain("give records new numbers"):
            return self._fork(opens, destination, writer, committed)

    def _fork(
        self, opens: Mapping[str, Any], destination: str, writer: str, committed: Mapping[int, bytes]
    ) -> int:
        chain = self._outbox(destination).chains.get(writer)
        if chain is None or chain.is_abandoned:
            return 0
        state = next((each for each in self._states if str(each.name) == writer), None)
        stream = chain.pending[0].plan.stream if chain.pending else state.stream if state is not None else ""
        forked = self._move(
            _not_in(committed, self._left(chain, state)),
            stream=stream,
            origin=Origin("cloned", destination, writer, chain.commit + 1),
            opens={**opens, "fork_of": writer},
        )
        if forked is None:
            self._abandon(chain, state)
            return 0
        return forked.next_sequence - 1

    def free_origin(self, state: WriterState) -> None:
        """Free what a writer has taken over; once is enough, again is fine.

        Raises:
            OSError: the disk refused.
        """
        origin = state.origin
        if origin is None:
            return
        if origin.cause == "refused":
            folder = self._premises.path / QUARANTINE / origin.destination / origin.writer
            self._files.remove_tree(folder / f"{origin.commit:010d}")
            # Else it might come back after a power cut, when its records are committed from elsewhere.
            if folder.name in self._files.names(folder.parent):
                self._files.fsync_folder(folder)
            return
        chain = self._outbox(origin.destination).chains.get(origin.writer)
        if chain is not None:
            self._abandon(
                chain, next((each for each in self._states if str(each.name) == origin.writer), None)
            )

    def _move(
        self,
        batches: Iterator[NumberedBatch],
        *,
        stream: str,
        origin: Origin,
        opens: Mapping[str, Any],
    ) -> WriterState | None:
        """Move records, unless an attempt that failed late has done so."""
        state = next((each for each in self._states if each.origin == origin), None)
        if state is None:
            known = {str(each.name) for each in self._states}
            state = self._writers.find(origin, known) or renumber(
                self._premises,
                self._writers,
                batches,
                stream=stream,
                origin=origin,
                opens=opens,
            )
            if state is None:
                return None
            self._states.append(state)
        self.free_origin(state)
        return state

    def _abandon(self, chain: Chain, state: WriterState | None) -> None:
        chain.abandon()
        for segment in () if state is None else tuple(state.segments):
            self._release(state, segment)  # type: ignore[arg-type]  # it has segments

    def _left(self, chain: Chain, state: WriterState | None) -> Iterator[NumberedBatch]:
        """What a chain has not committed: from encoded files, then from segments."""
        for commit in tuple(chain.pending):
            yield from records_of(self._files, commit.folder, commit.plan)
        for segment in () if state is None else tuple(state.segments):
            for run in segment.runs(after=chain.planned_sequence):
                yield from segment.batches(run)


def _not_in(committed: Mapping[int, bytes], batches: Iterator[NumberedBatch]) -> Iterator[NumberedBatch]:
    for batch in batches:
        sequences: list[int] = batch.records.column("sequence").to_pylist()  # type: ignore[assignment]  # not null
        keep = [
            committed.get(sequence) != record_hash
            for sequence, record_hash in zip(sequences, batch.record_hashes.to_pylist(), strict=True)
        ]
        if all(keep):
            yield batch
        elif any(keep):
            mask = pa.array(keep)
            yield NumberedBatch(batch.records.filter(mask), batch.record_hashes.filter(mask))


def _plan(content: bytes, path: str) -> Plan:
    try:
        return msgspec.json.decode(content, type=Plan)
    except msgspec.DecodeError as error:
        raise SpoolCorrupt("cannot be read", path=path) from error
