"""A slot: the part of a spool that one process holds at a time.

::

    <spool>/<service>/slot-<k>/  lock  ledger  settings  seen/…  receipts/…  writers/…  outbox/<destination>/…
                                 quarantine/…

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
from otel_audit.spool import guard, slots
from otel_audit.spool.bequest import Bequest
from otel_audit.spool.budget import Budget, Usage
from otel_audit.spool.custody import Custody
from otel_audit.spool.explain import explain
from otel_audit.spool.files import Files, on_fork_in_child
from otel_audit.spool.moves import Moves
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.outbox import Backlog, Outbox
from otel_audit.spool.premises import OUTBOX, WRITERS, Premises
from otel_audit.spool.writer import StreamWriter
from otel_audit.store.names import SLUG, check

__all__ = ["Slot"]

_held: Final[weakref.WeakSet[Slot]] = weakref.WeakSet()


def _leave_in_child() -> None:
    for slot in tuple(_held):
        # One that cannot be left must not keep the others held; there is nobody to tell in the child.
        with suppress(Exception):
            slot._leave()


on_fork_in_child(_leave_in_child)


class Slot:
    """A held slot. Leave it with :meth:`close`, or use it as a context manager. Thread-safe.

    Attributes:
        path: its folder.
        number: counts from 0.
        bequest: what its holder leaves to the next one besides records.
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
        self.path, self.number = path, int(path.name.rpartition("-")[2])
        self._files, self._lock, self._service, self._options = files, lock, service, options
        self._clock_unix_nano = clock_unix_nano
        self._guard = threading.Lock()
        self._budget = Budget(files, path, options)
        premises = Premises(files, path, service, self._budget, clock_unix_nano, self._check_held)
        self._custody = Custody(premises)
        self.bequest = Bequest(premises, self._custody.ledger, self._custody.states)
        self._streams: dict[str, StreamWriter] = {}
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
        folder = slots.service_folder(files, root.absolute(), service, options)
        for number in range(options.max_slots):
            path = slots.slot_path(folder, number)
            lock = slots.lock_slot(files, path, options)
            if lock is not None:
                return cls._take_up(
                    path,
                    lock=lock,
                    service=service,
                    files=files,
                    options=options,
                    clock_unix_nano=clock_unix_nano,
                )
        raise SpoolBusy(f"{options.max_slots} processes hold a slot of {folder} already")

    @property
    def has_higher(self) -> bool:
        """Whether the service has slots with higher numbers. Raises SpoolError."""
        return any(number > self.number for number in slots.numbers(self._files, self.path.parent))

    def acquire_left(self, *, above: int) -> Self | None:
        """Take a higher slot of the same service that nobody holds and in which something waits.

        Args:
            above: number that it is higher than; at least this slot's own.

        Returns:
            The lowest; None if there is none.

        Raises:
            SpoolCorrupt: a file of it cannot be read.
            SpoolError: the disk refused.
        """
        self._check_held()
        folder = self.path.parent
        for number in slots.numbers(self._files, folder):
            path = slots.slot_path(folder, number)
            if number <= max(above, self.number) or not slots.waits(
                self._files, path, self._clock_unix_nano()
            ):
                continue
            lock = slots.lock_slot(self._files, path, self._options)
            if lock is not None:
                left = self._take_up(
                    path,
                    lock=lock,
                    service=self._service,
                    files=self._files,
                    options=self._options,
                    clock_unix_nano=self._clock_unix_nano,
                )
                left._custody.close_over()
                return left
        return None

    @classmethod
    def _take_up(cls, path: Path, *, files: Files, options: SpoolOptions, **given: Any) -> Self:
        slot = cls(path, files=files, options=options, **given)
        try:
            for name in (WRITERS, OUTBOX):
                guard.own_folder(files, path / name, force=options.force)
            with explain("take up what is in the slot"):
                slot._custody.take_up()
        except BaseException:
            slot._leave()
            raise
        return slot

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
                    writers=self._custody.writers,
                    states=self._custody.states,
                    budget=self._budget,
                    ledger=self._custody.ledger,
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

    @property
    def has_pending(self) -> bool:
        """Whether records were appended that are in no sealed segment yet."""
        return any(stream.pending is not None for stream in tuple(self._streams.values()))

    def outbox(self, destination: str) -> Outbox:
        """What is owed to a destination.

        Args:
            destination: its id, a slug.
        """
        self._check_held()
        return self._custody.outbox(destination)

    def stop(self, writer: str) -> bool:
        """Number nothing by a writer any more: a copy of it numbers records elsewhere. For the drafting thread.

        Returns:
            Whether this was not known yet.

        Raises:
            SpoolError: the disk refused; it goes on, until this is called again.
        """
        self._check_held()
        for stream in tuple(self._streams.values()):
            if stream.name == writer:
                stream.stop(writer)
                return True
        return self._custody.note_cloned(writer)

    @property
    def moves(self) -> Moves:
        """Takes records that cannot be committed where they are to a writer of their own."""
        self._check_held()
        return self._custody.moves

    def backlog(self) -> dict[str, Backlog]:
        """What waits, by destination; also for destinations that nobody asked for since the start."""
        self._check_held()
        return self._custody.backlog()

    def usage(self) -> Usage:
        """What the slot uses of its disk."""
        with explain("look at its disk"):
            return self._budget.usage()

    def close(self) -> None:
        """Make durable what was appended, note the clean end, and leave the slot to the next process.

        Raises:
            SpoolError: something appended could not be made durable; the slot is left all the same.
        """
        failures = []
        for writer in self._streams.values():
            try:
                writer.close()
            except SpoolError as error:
                failures.append(error)
        if self._lock >= 0 and not failures:
            try:
                with explain("write its ledger"):
                    self._custody.ledger.end()
            except SpoolError as error:
                failures.append(error)
        with explain("leave a slot"):
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
        self.bequest.leave()
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            self._files.close(lock)

    def _check_held(self) -> None:
        if self._lock < 0:
            raise SpoolError("this slot of the spool is not held by this process any more")
