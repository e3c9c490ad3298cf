"""Appending one stream's records: numbering, durability, rotation, succession.

Rules:

1. A sequence is given under the append lock, to a batch whose frames are written at once. A failed append
   gives its numbers back.
2. Frames that were written but not fsynced stay in memory. After a failed write or fsync the segment is never
   touched again; those frames are written to a new segment, with the sequences that they have.
3. :meth:`StreamWriter.sync` covers everything appended before the call. Callers that wait for the same fsync
   share it.
4. Whoever reads the segments later ignores what lies in a failed segment at or after the first sequence of
   the next one (``segment.py``): so neither a half-written nor a wholly written frame of a failed append
   comes back.
5. A writer is succeeded (``succession.py``) when nothing of it is pending.

Two locks: ``_append`` guards all state; ``_fsync`` lets one thread fsync at a time and is taken first.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otel_audit.errors import SpoolError
from otel_audit.spool.budget import Budget
from otel_audit.spool.explain import explain
from otel_audit.spool.files import Files
from otel_audit.spool.frame import Frame, encode
from otel_audit.spool.horizon import earliest_end
from otel_audit.spool.ledger import Ledger
from otel_audit.spool.open_segment import OpenSegment
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.positions import Pending, Range
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.succession import Succession
from otel_audit.spool.writer_state import WriterState
from otel_audit.spool.writers import Writers

if TYPE_CHECKING:
    from otel_audit.mask.masker import MaskedBatch

__all__ = ["StreamWriter"]


class StreamWriter:
    """Appends the records of one stream; see :meth:`otel_audit.spool.slot.Slot.writer`. Thread-safe.

    Attributes:
        stream: ``platform`` or ``model-io``.
        destinations: ids of the outboxes that get each record.
    """

    def __init__(
        self,
        *,
        files: Files,
        writers: Writers,
        states: list[WriterState],
        budget: Budget,
        ledger: Ledger,
        options: SpoolOptions,
        service: str,
        stream: str,
        destinations: Sequence[str],
        opens: Mapping[str, Any],
        clock_unix_nano: Callable[[], int],
    ) -> None:
        self._files = files
        self._budget, self._ledger, self._options = budget, ledger, options
        self.stream, self.destinations = stream, tuple(destinations)
        self._append, self._fsync = threading.Lock(), threading.Lock()
        self._line = Succession(
            writers,
            states,
            options=options,
            service=service,
            stream=stream,
            destinations=destinations,
            opens=opens,
            clock_unix_nano=clock_unix_nano,
        )
        self._segment: OpenSegment | None = None
        self._waiting: deque[Frame] = deque()
        self._first_append_s = 0.0
        self._pending_records = 0
        self._abandoned = False

    @property
    def name(self) -> str | None:
        """Who numbers the records now; None before the first append to a new writer."""
        state = self._line.state
        return None if state is None else str(state.name)

    @property
    def pending(self) -> Pending | None:
        """What a rotation would seal; None if there is nothing."""
        with self._append:
            if not self._pending_records:
                return None
            size = self._segment.size if self._segment else sum(frame.size for frame in self._waiting)
            return Pending(self._pending_records, size, time.monotonic() - self._first_append_s)

    def append(self, masked: MaskedBatch, *, use_reserve: bool = False) -> Range:
        """Number records and write them to the open segment. **Not durable** before :meth:`sync`.

        Args:
            masked: records of this stream, at least one.
            use_reserve: the records tell of a loss and may go into the reserve of a full spool.

        Returns:
            Their positions.

        Raises:
            SpoolFull: a bound is reached; nothing was taken.
            SpoolError: the disk refused; nothing was taken, the numbers go to the next append. Records that
                were appended before are not lost: the next append or sync writes them again.
        """
        self._check_holder()
        if not masked.records.num_rows:
            raise ValueError("an append has at least one record")
        with self._append:
            state = self._line.current(is_idle=not self._pending_records)
            first = state.next_sequence
            frames = list(
                encode(
                    masked,
                    writer=str(state.name),
                    first_sequence=first,
                    max_bytes=self._options.max_frame_bytes,
                )
            )
            with explain("look at its disk"):
                self._budget.check(sum(frame.size for frame in frames), use_reserve=use_reserve)
            if self._ledger.is_clean:
                with explain("write its ledger"):
                    self._ledger.begin(earliest_end(masked.records))
            segment = self._writable_segment(state)
            self._write(state, segment, frames)
            self._waiting.extend(frames)
            if not self._pending_records:
                self._first_append_s = time.monotonic()
            count = sum(frame.count for frame in frames)
            self._pending_records += count
            state.next_sequence += count
            return Range(str(state.name), first, first + count - 1)

    def sync(self) -> None:
        """Everything appended before this call is durable on return.

        Raises:
            SpoolError: the disk refused. What was appended is kept and written to a new segment by the next
                append or sync; none of it is acknowledged yet.
        """
        self._check_holder()
        with self._append:
            if self._line.state is None:
                return
            target = self._line.state.next_sequence
        with self._fsync:
            while self._sync_once(target):
                pass

    def rotate(self) -> SealedSegment | None:
        """Make what is pending durable and seal it; nothing is appended to that segment any more.

        Returns:
            The sealed segment, which the outboxes offer as a draft from now on; None if nothing was pending.

        Raises:
            SpoolError: as :meth:`sync`; nothing was sealed.
        """
        self._check_holder()
        with self._fsync, self._append:
            state = self._line.state
            if state is None or not self._pending_records:
                return None
            segment = self._writable_segment(state)
            try:
                with explain("make a segment durable"):
                    segment.sync()
            except SpoolError:
                self._give_up(state, segment)
                raise
            segment.acknowledge(segment.frame_count)
            segment.close()
            self._waiting.clear()
            self._segment, self._pending_records = None, 0
            sealed = self._keep_sealed(state, segment)
        self._note(sealed)
        return sealed

    def stop(self, writer: str) -> None:
        """Seal and close a writer, if it is the one that numbers now: a copy of it numbers records elsewhere.

        Raises:
            SpoolError: as :meth:`rotate`; or it could not be closed. It goes on, until this is called again.
        """
        while self.name == writer:
            self.rotate()
            with self._append:
                if not self._pending_records and self.name == writer:
                    self._line.close(is_cloned=True)

    def close(self) -> None:
        """Make durable what is pending and close the file; the next holder of the slot seals it.

        Raises:
            SpoolError: as :meth:`sync`; the file is closed all the same.
        """
        if self._abandoned:
            return
        try:
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the descriptor and refuse all use, as in a forked child.

        Takes no lock: the thread that holds it does not exist in the child.
        """
        self._abandoned = True
        if self._segment is not None:
            self._segment.close()

    def _check_holder(self) -> None:
        if self._abandoned:
            raise SpoolError("this slot of the spool is not held by this process any more")

    def _sync_once(self, target: int) -> bool:
        """One fsync, if it is still needed. Returns whether another is."""
        with self._append:
            state = self._line.state
            if state is None or not self._waiting or self._waiting[0].first_sequence >= target:
                return False
            segment = self._writable_segment(state)
            frames, covered = segment.frame_count, len(self._waiting)
            segment.syncing = True
        try:
            with explain("make records durable"):
                segment.sync()
        except SpoolError:
            with self._append:
                segment.syncing = False
                self._give_up(state, segment)
            raise
        with self._append:
            segment.syncing = False
            if segment.failed:
                # An append failed meanwhile and left the frames to be written again: so they are.
                segment.close()
                return True
            segment.acknowledge(frames)
            for _ in range(covered):
                self._waiting.popleft()
        return False

    def _note(self, sealed: SealedSegment | None) -> None:
        """Note in the ledger how far a segment reaches that may go from now on."""
        with explain("write its ledger"):
            last_append = None if sealed is None else sealed.last_append()
            if last_append is not None:
                self._ledger.note_append(last_append)

    # All below is called with the append lock held.

    def _writable_segment(self, state: WriterState) -> OpenSegment:
        """The open segment, or a new one that begins with the frames whose segment has failed."""
        if self._segment is None:
            first = self._waiting[0].first_sequence if self._waiting else state.next_sequence
            # Taken before the file is made: a failed call may have made it, and its name is never used again.
            ordinal, state.next_ordinal = state.next_ordinal, state.next_ordinal + 1
            with explain("make a segment"):
                self._segment = OpenSegment(self._files, state.folder, ordinal=ordinal, first_sequence=first)
            if self._waiting:
                self._write(state, self._segment, self._waiting)
        return self._segment

    def _write(self, state: WriterState, segment: OpenSegment, frames: Sequence[Frame]) -> None:
        before = segment.size
        try:
            with explain("write to a segment"):
                segment.append(frames)
        except SpoolError:
            self._give_up(state, segment)
            raise
        self._budget.add(segment.size - before)

    def _give_up(self, state: WriterState, segment: OpenSegment) -> None:
        """Stop using a segment that failed; keep what was acknowledged in it."""
        if not segment.failed:
            segment.failed = True
            self._segment = None
            self._pending_records = sum(frame.count for frame in self._waiting)
            if self._keep_sealed(state, segment) is None:
                self._budget.add(-segment.size)
                segment.remove()
        if not segment.syncing:
            segment.close()

    def _keep_sealed(self, state: WriterState, segment: OpenSegment) -> SealedSegment | None:
        sealed = segment.seal(str(state.name))
        if sealed is not None:
            state.segments.append(sealed)
        return sealed
