"""The threads behind a queue: one prepares what is in it, one makes it durable.

Where no thread can be started, because the interpreter ends or the system has no more, whoever waits for a
record does the work in the meantime: a flush, ``emit()``, the end of the process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from otel_audit import threads
from otel_audit.sdk.appender import Appender
from otel_audit.sdk.batches import works
from otel_audit.sdk.ticket import Ticket

__all__ = ["Preparer"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")

_LAST_WORD_S: Final = 1.0

_NO_THREAD: Final = "no thread can be started"


class Preparer(Generic[Item, Prepared]):
    """Takes batches from a queue and hands them, prepared, to an appender. Starts nothing by itself.

    Args:
        take: the next batch of the queue: its items and who waits for them; both empty if there is none.
        prepare: makes a batch of items ready to be appended.
        appender: makes it durable.
        delay: waits for company, unless there is enough or ``wake`` is set.
        depth: how many wait in the queue.
        wake: set when there is no reason to wait.
    """

    def __init__(
        self,
        take: Callable[[], tuple[list[Item], list[Ticket]]],
        prepare: Callable[[Sequence[Item]], Prepared],
        appender: Appender[Prepared],
        *,
        delay: Callable[[], object],
        depth: Callable[[], int],
        wake: threading.Event,
    ) -> None:
        self._take, self._prepare, self._appender = take, prepare, appender
        self._delay, self._depth, self._wake = delay, depth, wake
        self._thread: threading.Thread | None = None
        self._working = threading.Lock()
        self._works_for: int | None = None
        self._ending = self._said = self._abandons = False
        self._in_hand = 0

    @property
    def trouble(self) -> str | None:
        """Why what was taken is not durable yet; None while all is well."""
        return self._appender.trouble or (None if self.is_running or self._ending else _NO_THREAD)

    @property
    def is_running(self) -> bool:
        """Whether there is a thread: what is put into the queue is brought on by itself."""
        return self._thread is not None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is taken any more."""
        return self._ending and (self._thread is None or not self._thread.is_alive())

    def start(self) -> None:
        """Start both threads, if they can be started. Does not wait; may be repeated until they run."""
        if not self._working.acquire(blocking=False):
            return
        try:
            if self._thread is None and self._appender.start():
                self._thread = threads.start(self._run, "otel-audit-prepare")
        finally:
            self._working.release()
        if self._thread is None and not self._said:
            self._said = True
            _log.warning(
                "%s: audit records wait in memory for a flush, or the end of the process", _NO_THREAD
            )

    def is_current(self) -> bool:
        """Whether this is a thread, or does the work of a thread, that must not wait for itself."""
        thread = threading.current_thread()
        return (
            thread is self._thread or self._appender.is_current() or threading.get_ident() == self._works_for
        )

    def work(self, deadline_s: float) -> bool:
        """Bring on what waits in the calling thread, if there is no other.

        Args:
            deadline_s: on the monotonic clock; what a disk does not take until then stays for the next call.

        Returns:
            Whether there is no other thread.
        """
        if self._thread is not None:
            return False
        if not self._working.acquire(blocking=False):
            return True
        self._works_for = threading.get_ident()
        try:
            while self._thread is None and self._appender.work(deadline_s) and self._hand_on():
                pass
        finally:
            self._works_for = None
            self._working.release()
        return True

    def end(self, deadline_s: float) -> bool:
        """Hand on what waits, then end the threads.

        Returns:
            False if something is not durable in time, and may become it yet.
        """
        self._appender.hurry(deadline_s)
        self._ending = True
        self._wake.set()
        self.work(deadline_s)
        if self._thread is not None and not self.is_current():
            self._thread.join(max(0.0, deadline_s - time.monotonic()))
        if self._thread is not None and self._thread.is_alive():
            return False
        return self._appender.end(max(0.1, deadline_s - time.monotonic()))

    def refuse(self) -> int:
        """Give up what is in hand.

        Returns:
            Items whose preparation hangs, which nobody has counted; they come to nothing even if it ends.
        """
        self._appender.refuse()
        if self._thread is None or self.is_current():
            return 0
        self._thread.join(_LAST_WORD_S)
        self._abandons = self._thread.is_alive()
        return self._in_hand if self._abandons else 0

    def _run(self) -> None:
        while True:
            if not self._ending:
                self._delay()
            self._wake.clear()
            is_last = self._ending
            # What comes in the meantime waits for company of its own: a batch of two costs nearly what one of
            # a hundred does, and under a steady load there would always be two.
            left = self._depth()
            while (taken := self._hand_on()) and (is_last or (left := left - taken) > 0):
                pass
            if is_last:
                return

    def _hand_on(self) -> int:
        """Prepare one batch and give it to the appender. Returns how many were taken for it."""
        items, tickets = self._take()
        if not items and not tickets:
            return 0
        self._in_hand = len(items)
        for work in works(self._prepare, items, tickets):
            if self._abandons:
                break
            self._in_hand -= work.count
            self._appender.submit(work)
        return len(items) + sum(ticket.item is None for ticket in tickets)
