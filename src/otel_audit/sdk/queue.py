"""What the application records on its way from its threads to ours.

Rules:

- ``put`` takes no lock while there is room, and never raises into the application.
- When the queue is full, ``blocking`` delivery waits for room within a budget of 5 s an *episode* (50 ms on
  a thread that runs an event loop); an episode ends when the queue is below half. ``best-effort`` never
  waits. What then finds no room is counted and handed to ``report_loss``: nothing goes silently.
- ``put_awaited`` gives a ticket, settled when the item is durable. After its wait for room it enters a full
  queue all the same: whoever waits for durability is not told that the record was dropped.
- No waiting on our own threads, in a signal handler, or re-entrantly.
- The threads are made at the first item, and again after a fork; the child starts with an empty queue, since
  the parent still holds, and writes, what was in it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from otel_audit.sdk.appender import Appender
from otel_audit.sdk.batches import works
from otel_audit.sdk.caller import in_signal_handler, runs_event_loop
from otel_audit.sdk.room import QueueOptions, Room
from otel_audit.sdk.ticket import Ticket

__all__ = ["QueueOptions", "SpanQueue"]

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


_LAST_WORD_S: Final = 1.0

_queues: Final[weakref.WeakSet[SpanQueue[Any, Any]]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    for queue in tuple(_queues):
        queue._reset()


os.register_at_fork(after_in_child=_start_over_in_child)


class SpanQueue(Generic[Item, Prepared]):
    """Bounded queue with a thread that prepares what is in it and one that makes it durable.

    Args:
        prepare: makes a batch of items ready to be appended, on a thread of the queue.
        append: returns once a prepared batch is durable, on another; raises when it must be offered again.
        report_loss: called with a cause and a count when items were given up; must not raise.
        options: bounds.
        weigh: estimates an item's bytes.
        on_start: called once in each process, before its first item, on the thread that brings it.
    """

    def __init__(
        self,
        prepare: Callable[[Sequence[Item]], Prepared],
        append: Callable[[Prepared], None],
        report_loss: Callable[[str, int], None],
        options: QueueOptions,
        *,
        weigh: Callable[[Item], int] = lambda _: 0,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        self._prepare, self._append, self._report_loss = prepare, append, report_loss
        self._options, self._weigh, self._on_start = options, weigh, on_start
        self._reset()
        _queues.add(self)

    def _reset(self) -> None:
        self._waiting: deque[Item | Ticket] = deque()
        self._room = Room(self._waiting, self._options)
        self._wake = threading.Event()
        self._start_lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._appender: Appender[Prepared] | None = None
        # Items below the gate need no second look; it opens when there is a thread to take them.
        self._gate = 0
        self._wake_at = self._options.max_batch - 1
        self._closing = False
        self._holding: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def trouble(self) -> str | None:
        """Why what was taken is not durable yet; None while all is well."""
        return None if self._appender is None else self._appender.trouble

    def put(self, item: Item) -> bool:
        """Take one item. Returns False if it was given up (and counted)."""
        waiting = self._waiting
        length = len(waiting)
        if length >= self._gate and not self._may_enter(item, length):
            return False
        waiting.append(item)
        if length == self._wake_at:
            self._wake.set()
        return not self._closing or self._put_while_closing(item)

    def put_awaited(self, item: Item, timeout_s: float) -> Ticket:
        """Take one item that somebody waits for; a full queue is waited for, then entered all the same."""
        ticket = Ticket(item)
        if self._worker is None and not self._start():
            self._report_loss("after-shutdown", 1)
            ticket.settle("after-shutdown")
            return ticket
        if len(self._waiting) >= self._options.max_records and self.may_wait():
            self._room.wait(timeout_s)
        self._waiting.append(ticket)
        self._wake.set()
        if self._closing and not self._put_while_closing(ticket):
            ticket.settle("after-shutdown")
        return ticket

    def may_wait(self) -> bool:
        """Whether the calling thread may be held at all."""
        thread = threading.current_thread()
        return not (
            self._closing
            or thread is self._worker
            or (self._appender is not None and self._appender.is_current())
            or thread.ident in self._holding
            or in_signal_handler()
        )

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put before is durable. Returns False if the time ran out."""
        if self._worker is None or not self._worker.is_alive():
            return not self._waiting
        if threading.current_thread() is self._worker:
            return False
        ticket = Ticket()
        self._waiting.append(ticket)
        self._wake.set()
        # A batch that was given up is counted as lost; what came before this call is settled all the same.
        return ticket.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Hand on what waits, then end the threads; what is not durable in time is counted as lost.

        Further items are refused and counted. Returns True if nothing was lost.
        """
        deadline = time.monotonic() + timeout_s
        with self._start_lock:
            self._closing = True
        worker, appender = self._worker, self._appender
        if worker is None or appender is None:
            return True
        appender.hurry(deadline)
        self._wake.set()
        if worker is not threading.current_thread():
            worker.join(timeout_s)
        settled = not worker.is_alive() and appender.end(max(0.1, deadline - time.monotonic()))
        if settled and not self._waiting:
            return True
        appender.refuse()
        if worker is not threading.current_thread():
            # What it has in hand is refused now, and counted; only a preparation that hangs takes longer.
            worker.join(_LAST_WORD_S)
        self._give_up_waiting()
        return False

    def _give_up_waiting(self) -> None:
        left = 0
        while self._waiting:
            try:
                given_up = self._waiting.popleft()
            except IndexError:
                break
            if isinstance(given_up, Ticket):
                left += given_up.item is not None
                given_up.settle("shutdown-timeout")
            else:
                left += 1
        if left:
            self._report_loss("shutdown-timeout", left)

    def _may_enter(self, item: Item, length: int) -> bool:
        """Start the threads at the first item, weigh a sample, wait for room when there is none."""
        if self._worker is None and not self._start():
            self._report_loss("after-shutdown", 1)
            return False
        if not self._room.is_left():
            self._gate = 0
            if not self._wait_for_room():
                self._report_loss("queue-full", 1)
                return False
        self._gate = self._room.weigh(self._weigh(item), length)
        return True

    def _wait_for_room(self) -> bool:
        """Wait within the episode's budget. Returns whether there is room now."""
        options = self._options
        left_s = self._room.left_of_episode(
            options.wait_budget_loop_s if runs_event_loop() else options.wait_budget_s
        )
        if left_s <= 0 or not self.may_wait():
            return False
        self._wake.set()
        thread = threading.get_ident()
        self._holding.add(thread)
        try:
            return self._room.wait_in_episode(left_s)
        finally:
            self._holding.discard(thread)

    def _put_while_closing(self, item: Item | Ticket) -> bool:
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
                self._on_start()
                self._appender = Appender(self._append, self._report_loss, retry_s=self._options.retry_s)
                worker = threading.Thread(target=self._work, name="otel-audit-prepare", daemon=True)
                worker.start()
                self._worker = worker
        return True

    def _work(self) -> None:
        options = self._options
        while True:
            if len(self._waiting) < options.max_batch and not self._closing:
                self._wake.wait(options.max_delay_s)
            self._wake.clear()
            closing = self._closing
            while self._waiting:
                self._hand_on()
            if closing:
                return

    def _hand_on(self) -> None:
        """Prepare one batch and give it to the appender."""
        waiting, before = self._waiting, len(self._waiting)
        items: list[Item] = []
        tickets: list[Ticket] = []
        most = self._room.batch_size()
        while waiting and len(items) < most:
            taken = waiting.popleft()
            if isinstance(taken, Ticket):
                tickets.append(taken)
                taken = taken.item
                if taken is None:
                    continue
            items.append(taken)
        self._gate = 0
        self._room.freed(before)
        appender = self._appender
        assert appender is not None  # noqa: S101  made before this thread
        for work in works(self._prepare, items, tickets):
            appender.submit(work)
