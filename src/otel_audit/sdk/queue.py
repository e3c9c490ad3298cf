"""Ended spans on their way from the application's threads to our one writer thread.

Rules:

- ``put`` takes no lock while there is room, and never raises into the application.
- When the queue is full, ``blocking`` delivery waits for room within a budget of 5 s an *episode* (50 ms on
  a thread that runs an event loop); an episode ends when the queue is below half. ``best-effort`` never
  waits. What then finds no room is counted and handed to ``report_loss``: nothing goes silently.
- No waiting on our own thread, or re-entrantly: what our own code traces is dropped and counted.
- The thread is made at the first span, and again after a fork; the child starts with an empty queue, since
  the parent still holds, and writes, what was in it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from otel_audit.errors import AuditError, describe_defect

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class Consumer(Protocol[Item_contra]):
    """Takes a batch and returns once it is durable; raises when it must be offered again."""

    def __call__(self, batch: Sequence[Item_contra], /) -> None: ...


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """Bounds of the hand-over.

    Attributes:
        max_records: spans that may wait; 8,192 is two seconds of a busy service.
        max_batch: spans handed on at once; kernels of a columnar path are paid once a batch.
        max_delay_s: how long a span waits for company.
        wait_budget_s: how long one episode of fullness may hold application threads; 0 never waits.
        wait_budget_loop_s: the same on a thread that runs an event loop.
        retry_s: pause before a batch that could not be made durable is offered again.
    """

    max_records: int = 8192
    max_batch: int = 2048
    max_delay_s: float = 0.2
    wait_budget_s: float = 5.0
    wait_budget_loop_s: float = 0.05
    retry_s: float = 1.0


_THREAD_NAME: Final = "otel-audit-writer"
_DEFECT_TRIES: Final = 3


class _FlushMark(threading.Event):
    """Travels through the queue behind the spans it waits for."""


_queues: Final[weakref.WeakSet[SpanQueue[Any]]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    for queue in tuple(_queues):
        queue._reset()


os.register_at_fork(after_in_child=_start_over_in_child)


class SpanQueue(Generic[Item]):
    """Bounded queue with one worker thread.

    Args:
        consume: called on the worker thread with each batch.
        report_loss: called with a cause and a count when items were given up; must not raise.
        options: bounds.
    """

    def __init__(
        self,
        consume: Consumer[Item],
        report_loss: Callable[[str, int], None],
        options: QueueOptions = QueueOptions(),
    ) -> None:
        self._consume = consume
        self._report_loss = report_loss
        self._options = options
        self._reset()
        _queues.add(self)

    def _reset(self) -> None:
        self._waiting: deque[Item | _FlushMark] = deque()
        self._wake = threading.Event()
        self._room = threading.Condition()
        self._start_lock = threading.Lock()
        self._worker: threading.Thread | None = None
        # Items below the gate need no second look; it opens when there is a thread to take them.
        self._gate = 0
        self._wake_at = self._options.max_batch - 1
        self._closing = False
        self._abandon_at: float | None = None
        self._episode_spent_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Item) -> bool:
        """Take one item. Returns False if it was given up (and counted)."""
        waiting = self._waiting
        length = len(waiting)
        if length >= self._gate and not self._may_enter():
            return False
        waiting.append(item)
        if length == self._wake_at:
            self._wake.set()
        return not self._closing or self._put_while_closing(item)

    def _may_enter(self) -> bool:
        """Start the thread at the first item; wait for room when there is none."""
        if self._worker is None and not self._start():
            self._report_loss("after-shutdown", 1)
            return False
        if len(self._waiting) >= self._options.max_records and not self._wait_for_room():
            self._report_loss("queue-full", 1)
            return False
        return True

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put before is durable. Returns False if the time ran out."""
        if self._worker is None or not self._worker.is_alive():
            return not self._waiting
        if threading.current_thread() is self._worker:
            return False
        mark = _FlushMark()
        self._waiting.append(mark)
        self._wake.set()
        return mark.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Hand on what waits, then end the thread; what is not durable in time is counted as lost.

        Further items are refused and counted. Returns True if nothing was lost.
        """
        with self._start_lock:
            self._closing = True
            self._abandon_at = time.monotonic() + timeout_s
        worker = self._worker
        self._wake.set()
        if worker is not None and worker is not threading.current_thread():
            worker.join(timeout_s)
        left = 0
        while self._waiting:
            try:
                left += not isinstance(self._waiting.popleft(), _FlushMark)
            except IndexError:
                break
        if left:
            self._report_loss("shutdown-timeout", left)
        return not left

    def _put_while_closing(self, item: Item) -> bool:
        """Whoever takes the item out again answers for it: this thread, the worker or ``close``."""
        try:
            self._waiting.remove(item)
        except ValueError:
            return True
        self._report_loss("after-shutdown", 1)
        return False

    def _start(self) -> bool:
        with self._start_lock:
            if self._closing:
                return False
            if self._worker is None:
                worker = threading.Thread(target=self._work, name=_THREAD_NAME, daemon=True)
                worker.start()
                self._worker = worker
                self._gate = self._options.max_records
        return True

    def _wait_for_room(self) -> bool:
        """Wait within the episode's budget. Returns whether there is room now."""
        if threading.current_thread() is self._worker or self._closing:
            return False
        budget_s = self._options.wait_budget_loop_s if _runs_event_loop() else self._options.wait_budget_s
        self._wake.set()
        with self._room:
            began = time.monotonic()
            left_s = budget_s - self._episode_spent_s
            has_room = self._room.wait_for(lambda: len(self._waiting) < self._options.max_records, left_s)
            self._episode_spent_s += time.monotonic() - began
        return has_room

    def _work(self) -> None:
        options = self._options
        while True:
            if len(self._waiting) < options.max_batch and not self._closing:
                self._wake.wait(options.max_delay_s)
            self._wake.clear()
            self._drain()
            if self._closing:
                self._drain()
                return

    def _drain(self) -> None:
        while self._waiting:
            batch: list[Item] = []
            marks: list[_FlushMark] = []
            while self._waiting and len(batch) < self._options.max_batch:
                item = self._waiting.popleft()
                if isinstance(item, _FlushMark):
                    marks.append(item)
                    break
                batch.append(item)
            if batch and not self._deliver(batch):
                return
            for mark in marks:
                mark.set()
            with self._room:
                if len(self._waiting) < self._options.max_records // 2:
                    self._episode_spent_s = 0.0
                self._room.notify_all()

    def _deliver(self, batch: list[Item]) -> bool:
        """Offer one batch until it is durable.

        Gives up when closing has run out of time, or at a defect of ours that trying again does not mend:
        one bad batch must not hold back all that follow.
        """
        defects = 0
        while True:
            try:
                self._consume(batch)
            except AuditError as error:
                _log.warning("audit records wait in memory: %s", error)
            except Exception as error:  # noqa: BLE001  (whatever it is, the next batch must have its chance)
                defects += 1
                _log.error("a defect in the audit path: %s", describe_defect(error))
                if defects == _DEFECT_TRIES:
                    self._report_loss("internal-error", len(batch))
                    return True
            else:
                return True
            if self._abandon_at is not None and time.monotonic() >= self._abandon_at:
                self._report_loss("shutdown-timeout", len(batch))
                return False
            self._wake.wait(self._options.retry_s)
            self._wake.clear()


def _runs_event_loop() -> bool:
    # Looked up, not imported: asyncio imports ssl, which gevent must patch before anybody does.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
