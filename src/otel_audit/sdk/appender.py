"""The thread that makes prepared batches durable, behind the one that prepares them.

An fsync does not hold the interpreter: while one batch waits for the disk the next is converted and masked,
and whoever waits for the durability of a record shares one fsync with all who came meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from otel_audit import threads
from otel_audit.errors import AuditError, describe_defect
from otel_audit.sdk.ticket import Ticket

__all__ = ["Appender", "Work"]

_log = logging.getLogger(__name__)

Prepared = TypeVar("Prepared")

_IN_HAND: Final = 2
"""Batches that wait for the disk before preparation waits, too."""

_TOO_LATE: Final = "shutdown-timeout"
_NOT_YET: Final = "not yet"

_DEFECT_TRIES: Final = 3
_SAY_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Work(Generic[Prepared]):
    """One batch.

    Attributes:
        prepared: what is appended; None if there is nothing to append.
        count: items of the application in it.
        tickets: of those who wait for it.
        lost: why it cannot be appended, if so.
    """

    prepared: Prepared | None
    count: int
    tickets: Sequence[Ticket]
    lost: str | None = None


class Appender(Generic[Prepared]):
    """One thread, and nothing before it is started; where it cannot be, :meth:`work` is its turn.

    Args:
        append: returns once the batch is durable; raises when it must be offered again.
        report_loss: called with a cause and a count when a batch is given up; must not raise.
        retry_s: pause before a batch that could not be made durable is offered again.
    """

    def __init__(
        self, append: Callable[[Prepared], None], report_loss: Callable[[str, int], None], *, retry_s: float
    ) -> None:
        self._append, self._report_loss, self._retry_s = append, report_loss, retry_s
        self._state = threading.Condition()
        self._works: deque[Work[Prepared]] = deque()
        self._ending = self._refuses = self._was_late = False
        self._abandon_at: float | None = None
        self._said_s = float("-inf")
        self.trouble: str | None = None
        """Why the batch in hand is not durable yet; None while all is well."""
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start the thread. May be repeated; returns False while it cannot be started."""
        if self._thread is None:
            self._thread = threads.start(self._run, "otel-audit-append")
        return self._thread is not None

    def is_current(self) -> bool:
        """Whether this is the thread that asks."""
        return threading.current_thread() is self._thread

    def submit(self, work: Work[Prepared]) -> None:
        """Take a batch; waits while enough of them wait already for the thread."""
        with self._state:
            self._state.wait_for(lambda: self._thread is None or len(self._works) < _IN_HAND or self._refuses)
            if not self._refuses:
                self._works.append(work)
                self._state.notify_all()
                return
        self._give_up(work, _TOO_LATE)

    def work(self, deadline_s: float) -> bool:
        """Settle in the calling thread what was submitted, if there is no other. Not for two callers at a time.

        Args:
            deadline_s: on the monotonic clock; what is not durable by then stays for the next call.

        Returns:
            False if something stays.
        """
        while self._thread is None and self._works:
            if not self._settle_first(deadline_s):
                return False
        return True

    def hurry(self, abandon_at: float) -> None:
        """Give up after an instant of the monotonic clock what is not durable by then, and count it."""
        with self._state:
            self._abandon_at = abandon_at
            self._state.notify_all()

    def end(self, timeout_s: float) -> bool:
        """End the thread once everything submitted is settled.

        Returns:
            False if something was given up for want of time, or is still in hand and may become durable yet.
        """
        with self._state:
            self._ending = True
            self._state.notify_all()
        if self._thread is not None and not self.is_current():
            self._thread.join(timeout_s)
        return not (self._works or self._was_late or (self._thread is not None and self._thread.is_alive()))

    def refuse(self) -> None:
        """Give up what is not begun, and whatever is submitted from now on."""
        with self._state:
            self._refuses = True
            # The thread answers for what it has in hand.
            in_hand = 1 if self._thread is not None else 0
            works = list(self._works)
            self._works = deque(works[:in_hand])
            self._state.notify_all()
        for work in works[in_hand:]:
            self._give_up(work, _TOO_LATE)

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._works or self._ending)
                if not self._works:
                    return
            self._settle_first(None)

    def _settle_first(self, deadline_s: float | None) -> bool:
        """Settle the first batch. Returns False if it is not settled by ``deadline_s``."""
        work = self._works[0]
        cause = work.lost if work.prepared is None else self._settle(work.prepared, deadline_s)
        if cause is _NOT_YET:
            return False
        if cause is not None:
            self._give_up(work, cause)
        else:
            for ticket in work.tickets:
                ticket.settle(None)
        with self._state:
            self._works.popleft()
            self._state.notify_all()
        return True

    def _give_up(self, work: Work[Prepared], cause: str) -> None:
        self._was_late |= cause == _TOO_LATE
        self._report_loss(cause, work.count)
        for ticket in work.tickets:
            ticket.settle(cause)

    def _settle(self, prepared: Prepared, deadline_s: float | None) -> str | None:
        """Offer one batch until it is durable, or the deadline. Returns why it was given up, if it was.

        Gives up when there is no more time, or at a defect of ours that trying again does not mend: one bad
        batch must not hold back all that follow.
        """
        defects = 0
        while True:
            try:
                self._append(prepared)
            except AuditError as error:
                self.trouble = str(error)
                self._say(f"audit records wait in memory: {error}")
            except Exception as error:  # noqa: BLE001  (whatever it is, the next batch must have its chance)
                defects += 1
                self.trouble = describe_defect(error)
                _log.error("a defect in the audit path: %s", self.trouble)
                if defects == _DEFECT_TRIES:
                    return "internal-error"
            else:
                self.trouble = None
                return None
            with self._state:
                ends = [instant for instant in (self._abandon_at, deadline_s) if instant is not None]
                # An end that comes nearer meanwhile wakes this up.
                self._state.wait(min([self._retry_s, *(max(0.0, end - time.monotonic()) for end in ends)]))
                if _is_over(self._abandon_at):
                    return _TOO_LATE
                if _is_over(deadline_s):
                    return _NOT_YET

    def _say(self, line: str) -> None:
        now = time.monotonic()
        if now - self._said_s >= _SAY_EVERY_S:
            self._said_s = now
            _log.warning("%s", line)


def _is_over(instant_s: float | None) -> bool:
    return instant_s is not None and time.monotonic() >= instant_s
