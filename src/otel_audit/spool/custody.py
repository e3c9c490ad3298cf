"""What a slot keeps: writers, their segments, and an outbox for each destination.

Rules:

1. A segment goes once every destination of its writer has a plan for it; one that could not be read back whole
   goes to ``quarantine/``, for people to look at.
2. A writer goes once each of its chains is closed: first the writer, then the chains, so that a crash between
   the two never begins a chain again.
3. What is in the folder and has no name of ours is left alone.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import UTC, datetime

from otel_audit.spool.explain import explain
from otel_audit.spool.ledger import Ledger
from otel_audit.spool.moves import Moves
from otel_audit.spool.outbox import Backlog, Outbox
from otel_audit.spool.premises import LEDGER, OUTBOX, QUARANTINE, WRITERS, Premises
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.writer_state import WriterState
from otel_audit.spool.writers import Writers
from otel_audit.store.names import SLUG, check

__all__ = ["Custody"]


class Custody:
    """Everything that a slot holds for later. Thread-safe.

    Args:
        premises: the slot.

    Attributes:
        writers: the writers on disk.
        ledger: how its last holder left it, and what is lost.
        moves: takes records to a writer of their own.
        states: what is known of each, oldest first.
    """

    def __init__(self, premises: Premises) -> None:
        self._premises, self._files, self._path = premises, premises.files, premises.path
        self._guard = threading.RLock()
        self.writers = Writers(self._files, self._path / WRITERS)
        self.ledger = Ledger(self._files, self._path / LEDGER)
        self.states: list[WriterState] = []
        self.moves = Moves(premises, self.writers, self.states, self.outbox, self._release)
        self._outboxes: dict[str, Outbox] = {}

    def take_up(self) -> None:
        """Load what earlier holders of the slot left.

        Raises:
            OSError: it cannot be read or made durable.
            SpoolCorrupt: a file that is not a segment cannot be read.
        """
        self.states.extend(self.writers.load())
        newest = [state.segments[-1].last_append() for state in self.states if state.segments]
        self.ledger.take_up(
            last_append_unix_nano=max(filter(None, newest), default=0),
            now_unix_nano=self._premises.clock_unix_nano(),
        )
        for name in self._files.names(self._path / OUTBOX):
            if re.fullmatch(SLUG, name):
                self.outbox(name).load()
        for state in self.states:
            self.moves.free_origin(state)
        for state in tuple(self.states):
            self._continue(state)
        known = {str(state.name) for state in self.states}
        for outbox in self._outboxes.values():
            for chain in tuple(outbox.chains.values()):
                if chain.writer not in known and not chain.pending:
                    outbox.forget(chain.writer)
        self._premises.budget.recount()

    def outbox(self, destination: str) -> Outbox:
        """What is owed to a destination.

        Args:
            destination: its id, a slug.
        """
        check(SLUG, destination, "the id of a destination")
        with self._guard:
            if destination not in self._outboxes:
                self._outboxes[destination] = Outbox(
                    self._premises,
                    destination,
                    states=self.states,
                    release=self._release,
                    retire=self._retire,
                )
            return self._outboxes[destination]

    def backlog(self) -> dict[str, Backlog]:
        """What waits, by destination; also for destinations that nobody asked for."""
        with self._guard:
            wanted = {destination for state in tuple(self.states) for destination in state.destinations}
            return {
                destination: self.outbox(destination).backlog()
                for destination in sorted(wanted | self._outboxes.keys())
            }

    def close_over(self) -> None:
        """Close the writers whose day is over. For a slot in which nobody numbers records.

        Raises:
            SpoolError: the disk refused.
        """
        today = datetime.fromtimestamp(self._premises.clock_unix_nano() // 10**9, UTC).date()
        for state in tuple(self.states):
            if state.closed_at is None and state.name.opened != today:
                with explain("close a writer"):
                    self.writers.close(state)

    def note_cloned(self, writer: str) -> bool:
        """Note of a writer that nobody numbers by that a copy of it goes on. Returns whether this is news.

        Raises:
            SpoolError: it could not be noted.
        """
        state = next((state for state in tuple(self.states) if str(state.name) == writer), None)
        if state is None or state.is_cloned:
            return False
        with explain("close a writer"):
            self.writers.close(state, is_cloned=True)
        return True

    def _continue(self, state: WriterState) -> None:
        """Bring a loaded writer up to what its chains say, and let go what needs no more work."""
        chains = [
            chain
            for destination in state.destinations
            if (chain := self.outbox(destination).chains.get(str(state.name))) and not chain.is_abandoned
        ]
        for chain in chains:
            state.next_sequence = max(state.next_sequence, chain.planned_sequence + 1)
            state.next_ordinal = max(state.next_ordinal, chain.planned_commit + 1)
        for segment in tuple(state.segments):
            self._release(state, segment)
        # A crash between making a writer and using it may leave one that nothing follows on.
        newest = [other for other in self.states if other.stream == state.stream and other.origin is None][
            -1:
        ]
        if state not in newest and state.closed_at is None:
            self.writers.close(state)

    def _release(self, state: WriterState, segment: SealedSegment) -> None:
        """Remove a segment once every destination of its writer has a plan for it."""
        with self._guard:
            if segment not in state.segments:
                return
            for destination in state.destinations:
                if self.outbox(destination).planned_sequence(state) < segment.last_sequence:
                    return
            with explain("free a segment"):
                if segment.is_whole:
                    self._files.unlink(segment.path)
                    self._premises.budget.add(-segment.size)
                else:
                    self._quarantine(segment)
            state.segments.remove(segment)

    def _quarantine(self, segment: SealedSegment) -> None:
        """Keep a segment that could not be read back whole, for people to look at."""
        folder = self._path / QUARANTINE
        self._files.make_folder(folder)
        self._files.fsync_folder(self._path)
        # A segment that is gone altogether leaves nothing to look at.
        with suppress(FileNotFoundError):
            self._files.rename(segment.path, folder / f"{segment.writer}-{segment.path.name}")
        self._files.fsync_folder(folder)
        self._files.fsync_folder(segment.path.parent)

    def _retire(self, state: WriterState) -> None:
        """Remove a closed writer once each of its chains is closed, or if it never numbered a record."""
        with self._guard:
            if state not in self.states:
                return
            outboxes = [self.outbox(destination) for destination in state.destinations]
            if state.closed_at != 0 and not all(outbox.has_closed(state) for outbox in outboxes):
                return
            with explain("remove a writer"):
                # What it took over must not be taken over again.
                self.moves.free_origin(state)
                self.writers.remove(state)
                # Before the chains go: a thread that drafts for this writer looks here after it has its chain.
                state.is_retired = True
                self.states.remove(state)
                for outbox in outboxes:
                    outbox.forget(str(state.name))
