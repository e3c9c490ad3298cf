"""A thread that seals what is due and encodes it for each destination; uploaders carry it on.

Encoding needs no network, so a destination that is away holds back neither the others nor the segments, which
go as soon as each has its plan.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from otel_audit import threads
from otel_audit.errors import AuditError, SpoolError, StoreError, describe_defect
from otel_audit.pipeline.adoption import Adopter
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.inheritance import keep
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.options import ShippingOptions, StreamOptions
from otel_audit.pipeline.saying import Saying
from otel_audit.pipeline.uploader import Uploader
from otel_audit.spool import Slot, StreamWriter, plan_heartbeats

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.5
"""How often a segment's age is looked at."""
_ENCODE_AGAIN_S: Final = 5.0
"""After a disk has refused an encoding."""
_OPTIONAL_WAIT_S: Final = 2.0
"""How long a flush waits for destinations that records do not wait for."""
_FIRST_RATIO: Final = 0.35
"""Encoded bytes for a byte of the spool before anything was measured; frames are not compressed."""


class Shipper:
    """The shipper's thread. Starts at once, if it can; :meth:`close` ends it.

    Args:
        slot: whose outboxes are emptied.
        writers: whose segments are sealed, by stream.
        streams: when.
        destinations: where to.
        losses: what the log is not told yet; the slot keeps it.
        opens: what the first manifest of a writer says of its opening.
        options: when the process looks after what is idle.
        adopter: ships what dead processes left.
        tell: writes into the log what :class:`Losses` owes it.
    """

    def __init__(
        self,
        slot: Slot,
        writers: Mapping[str, StreamWriter],
        streams: Sequence[StreamOptions],
        destinations: Sequence[Destination],
        *,
        losses: Losses,
        opens: Mapping[str, Any],
        options: ShippingOptions,
        adopter: Adopter,
        tell: Callable[[], None],
    ) -> None:
        self._slot, self._writers, self._streams = slot, writers, streams
        self._losses, self._opens = losses, opens
        self._options, self._adopter, self._tell = options, adopter, tell
        self._look_due_s = time.monotonic() + options.idle_look_s
        self._saying = Saying(_log)
        self._uploaders = [Uploader(destination, slot, self._wake) for destination in destinations]
        self._state = threading.Condition()
        self._asked = 0
        self._answered = 0
        self._complete = True
        self._closing = False
        self._asleep = self._woken = False
        self._encode_due_s = float("-inf")
        self._passing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._start()

    def notice(self) -> None:
        """Something was appended: wake up if idle, or if a segment is large enough to be sealed."""
        if self._thread is None:
            self._start()
        if self._asleep or any(self._is_due(stream) for stream in self._streams):
            with self._state:
                self._asleep = False
                self._state.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Seal everything and ship it.

        Returns:
            False if something is still owed to a required destination when the time is over.
        """
        deadline_s = time.monotonic() + timeout_s
        while self._seal_all(deadline_s):
            for uploader in self._uploaders:
                uploader.hurry()
            required = [uploader for uploader in self._uploaders if uploader.destination.is_required]
            answers = [uploader.flush(deadline_s) for uploader in required]
            for uploader in self._uploaders:
                if uploader not in required and not uploader.trouble:
                    uploader.flush(min(deadline_s, time.monotonic() + _OPTIONAL_WAIT_S))
            if not any(uploader.destination.clones for uploader in self._uploaders):
                return all(answers)
        return False

    def _seal_all(self, deadline_s: float) -> bool:
        """Have everything sealed and encoded. Returns False if that is not done when the time is over."""
        if self._thread is None:
            with self._passing:
                return self._pass(everything=True)
        with self._state:
            self._asked += 1
            turn = self._asked
            self._state.notify_all()
            while self._answered < turn and self._thread.is_alive() and time.monotonic() < deadline_s:
                self._state.wait(deadline_s - time.monotonic())
            return self._answered >= turn and self._complete

    def _start(self) -> None:
        """Start the thread. Where it cannot be started, whoever flushes does its work."""
        with self._passing:
            if self._thread is None:
                self._thread = threads.start_late(self._run, "otel-audit-shipper")

    def close(self, timeout_s: float) -> bool:
        """Flush, then end the threads. Returns as :meth:`flush`."""
        complete = self.flush(timeout_s)
        with self._state:
            self._closing = True
            self._state.notify_all()
        for uploader in self._uploaders:
            uploader.close()
        self._adopter.close(max(1.0, timeout_s))
        if self._thread is not None:
            self._thread.join(max(1.0, timeout_s))
        return complete

    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Destinations that fail now, by URL, each with its cause."""
        return tuple(
            (uploader.destination.url, trouble)
            for uploader in self._uploaders
            if (trouble := uploader.trouble)
        )

    def _run(self) -> None:
        while True:
            with self._state:
                if not (self._closing or self._woken or self._asked > self._answered):
                    # An idle process is not woken twice a second for nothing. Said before it is looked: who
                    # appends in between sees it.
                    self._asleep = self._complete
                    if self._has_pending():
                        self._asleep = False
                    pause = max(0.0, self._look_due_s - time.monotonic())
                    self._state.wait(pause if self._asleep else min(pause, _LOOK_EVERY_S))
                    self._asleep = False
                if self._closing:
                    return
                turn = self._asked
                is_asked = turn > self._answered
                self._woken = False
            complete = self._pass(everything=is_asked)
            with self._state:
                self._answered, self._complete = turn, complete
                self._state.notify_all()

    def _pass(self, *, everything: bool) -> bool:
        """Seal what is due, and encode it for every destination. Returns whether all of it has its plans."""
        keep(self._losses, self._slot)
        if time.monotonic() >= self._look_due_s:
            self._look_after_the_idle()
        for stream in self._streams:
            if everything or self._is_due(stream):
                try:
                    self._writers[stream.name].rotate()
                except SpoolError as error:
                    self._saying.error("audit records of %s stay unsealed: %s", stream.name, error)
        complete = not (everything and self._has_pending())
        if not everything and time.monotonic() < self._encode_due_s:
            return False
        for uploader in self._uploaders:
            destination = uploader.destination
            try:
                complete = self._bring_on(uploader) and complete
            except Exception as error:  # noqa: BLE001  (a defect must not end the thread that empties the spool)
                why = str(error) if isinstance(error, AuditError) else f"a defect ({describe_defect(error)})"
                self._saying.error("audit records stay unencoded for %s: %s", destination.url, why)
                self._encode_due_s = time.monotonic() + _ENCODE_AGAIN_S
                complete = False
        return complete

    def _bring_on(self, uploader: Uploader) -> bool:
        """Encode what is sealed for one destination. Returns whether nothing of it has to wait."""
        destination, is_settled = uploader.destination, True
        try:
            self._losses.owe(destination.clones.settle(self._slot, self._opens))
        except StoreError:
            # The uploader says so, too, and keeps asking.
            is_settled = False
        destination.encode(self._slot)
        if self._slot.outbox(destination.id).has_commits:
            uploader.notice()
        return is_settled

    def _look_after_the_idle(self) -> None:
        """Heartbeats, what somebody wants tried again, what dead processes left, and what the log is owed."""
        self._look_due_s = time.monotonic() + self._options.idle_look_s
        try:
            for uploader in self._uploaders:
                plan_heartbeats(self._slot.outbox(uploader.destination.id), self._options.heartbeat_s)
            self._slot.moves.redeem(self._opens)
            if self._losses:
                self._tell()
        except SpoolError as error:
            self._saying.error("the spool %s cannot be looked after: %s", str(self._slot.path), error)
        self._adopter.look()

    def _wake(self) -> None:
        with self._state:
            self._woken = True
            self._state.notify_all()

    def _has_pending(self) -> bool:
        return any(writer.pending for writer in self._writers.values())

    def _is_due(self, stream: StreamOptions) -> bool:
        pending = self._writers[stream.name].pending
        return pending is not None and (
            pending.age_s >= stream.max_age_s or pending.size * _FIRST_RATIO >= stream.max_bytes
        )
