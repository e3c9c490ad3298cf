"""A thread for each destination, which carries out what is planned and tries for as long as it takes.

A destination that fails is left alone for a while, longer each time, with jitter, so that a thousand processes
do not come back at once. The others, each with a thread of its own, know nothing of it. Waiting uses the
monotonic clock.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from otel_audit import threads
from otel_audit.errors import AuditError, SpoolError, StoreError, describe_defect
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.saying import Saying
from otel_audit.spool import Slot

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_JOIN_S: Final = 5.0
"""How long a call that was cut off may take to end."""


class Uploader:
    """The thread of one destination. Starts at the first notice; :meth:`close` ends it.

    Where it cannot be started, whoever flushes tries once what is planned.

    Args:
        destination: where to.
        slot: whose outbox is emptied.
        wake: called when the thread that encodes has to act: a writer was cloned.
    """

    def __init__(self, destination: Destination, slot: Slot, wake: Callable[[], None]) -> None:
        self.destination, self._slot, self._wake = destination, slot, wake
        self._state = threading.Condition()
        self._asked = self._answered = 0
        self._has_news = self._owes = self._closing = False
        self._failures, self._due_s = 0, 0.0
        self._saying = Saying(_log)
        self._cause = ""
        self._attempting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Why the destination does not take records now; None if it does."""
        return self._cause if self._failures else None

    def notice(self) -> None:
        """Something was planned."""
        with self._state:
            self._has_news = self._owes = True
            self._start()
            self._state.notify_all()

    def hurry(self) -> None:
        """Try what is planned at once, whether it is time or not."""
        with self._state:
            self._asked += 1
            self._state.notify_all()

    def flush(self, deadline_s: float) -> bool:
        """Try everything that is planned, at once and again while there is time.

        Args:
            deadline_s: on the monotonic clock.

        Returns:
            False if something is still owed then.
        """
        if self._thread is None and not self._closing:
            return self._work_here()
        with self._state:
            while self._owes:
                self._asked += 1
                turn = self._asked
                self._state.notify_all()
                while self._answered < turn and self._is_alive() and time.monotonic() < deadline_s:
                    self._state.wait(deadline_s - time.monotonic())
                if self._answered >= turn and not self._owes:
                    return True
                # Something failed: whoever flushes wants it tried again while there is time.
                left = min(_FIRST_PAUSE_S, deadline_s - time.monotonic())
                if left <= 0 or not self._is_alive():
                    return False
                self._state.wait(left)
            return True

    def close(self) -> None:
        """End the thread; a call under way is cut off, and nothing of this destination runs on return."""
        with self._state:
            self._closing = True
            self._state.notify_all()
        self.destination.close()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threads.start_late(self._run, f"otel-audit-uploader-{self.destination.id}")

    def _work_here(self) -> bool:
        """Try what is planned once, in the calling thread, since there is no other. Returns as :meth:`flush`."""
        with self._attempting:
            if self._owes:
                self._owes = not self._attempt(carry_out=True)
            return not self._owes

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._state:
                while not (self._closing or self._has_news or self._asked > self._answered):
                    pause = self._due_s - time.monotonic() if self._owes else None
                    if pause is not None and pause <= 0:
                        break
                    self._state.wait(pause)
                if self._closing:
                    return
                turn = self._asked
                is_due = turn > self._answered or time.monotonic() >= self._due_s
                self._has_news = False
            is_empty = self._attempt(carry_out=is_due)
            if self.destination.clones:
                self._wake()
            with self._state:
                self._answered = turn
                self._owes = self._has_news or not is_empty
                self._state.notify_all()

    def _attempt(self, *, carry_out: bool) -> bool:
        """One pass over what is planned. Returns whether nothing of it is owed any more."""
        try:
            if carry_out:
                self.destination.commit(self._slot)
                self._succeeded()
            self.destination.keep_bounds(self._slot)
        except Exception as error:  # noqa: BLE001  (a defect must not end the thread that empties the spool)
            self._failed(error)
            self._keep_bounds()
            return False
        return carry_out

    def _keep_bounds(self) -> None:
        try:
            self.destination.keep_bounds(self._slot)
        except SpoolError as error:
            self._saying.error("the outbox of %s cannot be kept in bounds: %s", self.destination.url, error)

    def _succeeded(self) -> None:
        if self._failures:
            _log.warning("audit records reach %s again", self.destination.url)
            self._note(None)
        self._failures, self._due_s = 0, 0.0

    def _note(self, cause: str | None) -> None:
        """Keep for ``otel-audit spool list`` why records wait."""
        try:
            self._slot.outbox(self.destination.id).note_trouble(cause)
        except SpoolError as error:
            _log.debug("why records wait could not be noted: %s", error)

    def _failed(self, error: Exception) -> None:
        if self._closing:
            return
        now = time.monotonic()
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self._cause = error.cause if isinstance(error, StoreError) else type(error).__name__
        self._due_s = now + random.uniform(pause / 2, pause)  # noqa: S311  (jitter, not a secret)
        why = str(error) if isinstance(error, AuditError) else f"a defect ({describe_defect(error)})"
        self._saying.error("audit records wait in the spool for %s: %s", self.destination.url, why)
        self._note(self._cause)
