"""A slot: the part of a spool that one process holds at a time.

::

    <spool>/<service>/slot-<k>/  lock  writers/…  outbox/<destination>/…  quarantine/…

Rules:

1. A process takes the lowest slot whose lock is free, so there are as many slots as there ever were processes
   at a time, and what a dead process left is found by the next.
2. The lock is an ``flock``. It ends when the last copy of its descriptor is closed, however the process ends:
   nothing is judged by process ids. A forked child closes its copy and never unlocks; it takes a slot of its
   own when it first needs one.
3. Restart and adoption are the same: whoever takes the lock goes on with the slot's writers, segments and
   outboxes.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from otel_audit.errors import SpoolBusy, SpoolError
from otel_audit.record.streams import STREAMS
from otel_audit.spool import guard
from otel_audit.spool.budget import Budget, Usage
from otel_audit.spool.files import Files, explain, on_fork_in_child
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.outbox import Backlog, Outbox
from otel_audit.spool.segment import SealedSegment
from otel_audit.spool.writer import StreamWriter
from otel_audit.spool.writers import Writers, WriterState
from otel_audit.store.names import SLUG, check, slug

__all__ = ["Slot"]

_held: Final[weakref.WeakSet[Slot]] = weakref.WeakSet()


def _leave_in_child() -> None:
    for slot in tuple(_held):
        slot._leave()


on_fork_in_child(_leave_in_child)


class Slot:
    """A held slot. Leave it with :meth:`close`, or use it as a context manager. Thread-safe.

    Attributes:
        path: its folder.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock: int,
        service: str,
        files: Files,
        options: SpoolOptions,
        clock_unix_nano: Callable[[], int],
    ) -> None:
        """For :meth:`acquire`: a slot without a lock must not be."""
        self.path = path
        self._files, self._lock, self._service, self._options = files, lock, service, options
        self._clock_unix_nano = clock_unix_nano
        self._guard = threading.RLock()
        self._writers = Writers(files, path / "writers")
        self._budget = Budget(files, path, options)
        self._states: list[WriterState] = []
        self._streams: dict[str, StreamWriter] = {}
        self._outboxes: dict[str, Outbox] = {}
        _held.add(self)

    @classmethod
    def acquire(
        cls,
        root: Path,
        service: str,
        options: SpoolOptions | None = None,
        *,
        files: Files | None = None,
        clock_unix_nano: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Take the lowest free slot of a service and take up what is in it.

        Args:
            root: the spool's folder; made 0700 if it is missing.
            service: name of the service, any text.
            options: bounds and safety.
            files: the file system; tests pass one that fails.
            clock_unix_nano: wall clock, nanoseconds since the epoch; it dates writers, nothing else.

        Raises:
            ConfigurationError: the folder is a link, somebody else's, writable by others or on a network file
                system, and ``options.force`` is not set.
            SpoolBusy: ``options.max_slots`` processes hold a slot already.
            SpoolCorrupt: a file of the slot that is not a segment cannot be read.
            SpoolError: the disk refused.
        """
        files, options = files or Files(), options or SpoolOptions()
        root = root.absolute()
        guard.spool_root(files, root, force=options.force)
        folder = root / slug(service)
        guard.own_folder(files, folder, force=options.force)
        for number in range(options.max_slots):
            path = folder / f"slot-{number}"
            guard.own_folder(files, path, force=options.force)
            lock = _try_lock(files, path / "lock")
            if lock is None:
                continue
            slot = cls(
                path,
                lock=lock,
                service=service,
                files=files,
                options=options,
                clock_unix_nano=clock_unix_nano,
            )
            try:
                slot._take_up()
            except BaseException:
                slot.close()
                raise
            return slot
        raise SpoolBusy(f"{options.max_slots} processes hold a slot of {folder} already")

    def writer(self, stream: str, *, destinations: Sequence[str], opens: Mapping[str, Any]) -> StreamWriter:
        """The writer of a stream. Nothing is written to disk before its first append.

        Args:
            stream: ``platform`` or ``model-io``.
            destinations: ids of the outboxes that get each record, at least one. When they are not those of
                the writer in this slot, it is succeeded.
            opens: what the first manifest of a writer that is opened says of its opening, JSON values;
                ``predecessor`` is added.
        """
        self._check_held()
        if stream not in STREAMS or not destinations:
            raise ValueError(f"a writer has one of the streams {', '.join(STREAMS)} and a destination")
        for destination in destinations:
            check(SLUG, destination, "the id of a destination")
        with self._guard:
            if stream not in self._streams:
                self._streams[stream] = StreamWriter(
                    files=self._files,
                    writers=self._writers,
                    states=self._states,
                    budget=self._budget,
                    options=self._options,
                    service=self._service,
                    stream=stream,
                    destinations=destinations,
                    opens=opens,
                    clock_unix_nano=self._clock_unix_nano,
                )
            writer = self._streams[stream]
            if writer.destinations != tuple(destinations):
                raise ValueError("a writer that was asked for before has the same destinations")
            return writer

    def outbox(self, destination: str) -> Outbox:
        """What is owed to a destination.

        Args:
            destination: its id, a slug.
        """
        self._check_held()
        check(SLUG, destination, "the id of a destination")
        with self._guard:
            if destination not in self._outboxes:
                self._outboxes[destination] = Outbox(
                    self._files,
                    self.path / "outbox" / destination,
                    states=self._states,
                    budget=self._budget,
                    release=self._release,
                    retire=self._retire,
                    clock_unix_nano=self._clock_unix_nano,
                )
            return self._outboxes[destination]

    def backlog(self) -> dict[str, Backlog]:
        """What waits, by destination; also for destinations that nobody asked for since the start."""
        with self._guard:
            wanted = {destination for state in tuple(self._states) for destination in state.destinations}
            return {
                destination: self.outbox(destination).backlog()
                for destination in sorted(wanted | self._outboxes.keys())
            }

    def usage(self) -> Usage:
        """What the slot uses of its disk."""
        with explain("look at its disk"):
            return self._budget.usage()

    def close(self) -> None:
        """Make durable what was appended, and leave the slot to the next process.

        Raises:
            SpoolError: something appended could not be made durable; the slot is left all the same.
        """
        failures = []
        for writer in self._streams.values():
            try:
                writer.close()
            except SpoolError as error:
                failures.append(error)
        self._leave()
        if failures:
            raise failures[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _leave(self) -> None:
        """Close every descriptor. Takes no lock: this also runs in forked children."""
        for writer in self._streams.values():
            writer.abandon()
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            self._files.close(lock)

    def _check_held(self) -> None:
        if self._lock < 0:
            raise SpoolError("this slot of the spool is not held by this process any more")

    def _take_up(self) -> None:
        """Load what earlier holders left."""
        for name in ("writers", "outbox"):
            guard.own_folder(self._files, self.path / name, force=self._options.force)
        with explain("take up what is in the slot"):
            self._states.extend(self._writers.load())
            for name in self._files.names(self.path / "outbox"):
                self.outbox(name).load()
            for state in tuple(self._states):
                self._continue(state)
            writers = {str(state.name) for state in self._states}
            for outbox in self._outboxes.values():
                for chain in tuple(outbox.chains.values()):
                    if chain.writer not in writers and not chain.pending:
                        outbox.forget(chain.writer)
            self._budget.recount()

    def _continue(self, state: WriterState) -> None:
        """Bring a loaded writer up to what its chains say, and let go what needs no more work."""
        chains = [
            chain
            for destination in state.destinations
            if (chain := self.outbox(destination).chains.get(str(state.name)))
        ]
        for chain in chains:
            state.next_sequence = max(state.next_sequence, chain.planned_sequence + 1)
            state.next_ordinal = max(state.next_ordinal, chain.planned_commit + 1)
        for segment in tuple(state.segments):
            self._release(state, segment)
        # A crash between making a writer and using it may leave one that nothing follows on.
        newest = [other for other in self._states if other.stream == state.stream][-1]
        if state is not newest and state.closed_at is None:
            self._writers.close(state)

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
                    self._budget.add(-segment.size)
                else:
                    self._quarantine(segment)
            state.segments.remove(segment)

    def _quarantine(self, segment: SealedSegment) -> None:
        """Keep a segment that could not be read back whole, for people to look at."""
        folder = self.path / "quarantine"
        self._files.make_folder(folder)
        self._files.fsync_folder(self.path)
        # A segment that is gone altogether leaves nothing to look at.
        with suppress(FileNotFoundError):
            self._files.rename(segment.path, folder / f"{segment.writer}-{segment.path.name}")
        self._files.fsync_folder(folder)
        self._files.fsync_folder(segment.path.parent)

    def _retire(self, state: WriterState) -> None:
        """Remove a closed writer once each of its chains is closed, or if it never numbered a record."""
        with self._guard:
            if state not in self._states:
                return
            outboxes = [self.outbox(destination) for destination in state.destinations]
            if state.closed_at != 0 and not all(outbox.has_closed(state) for outbox in outboxes):
                return
            with explain("remove a writer"):
                self._writers.remove(state)
                self._states.remove(state)
                for outbox in outboxes:
                    outbox.forget(str(state.name))


def _try_lock(files: Files, path: Path) -> int | None:
    """A descriptor that holds the lock; None if another process does."""
    with explain("lock a slot"):
        lock = files.open_lock(path)
        try:
            if files.try_lock(lock):
                return lock
        except BaseException:
            files.close(lock)
            raise
        files.close(lock)
        return None
