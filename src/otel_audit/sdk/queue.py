"""What the application records on its way from its threads to ours.

Rules:

- ``put`` is what the application's threads call: it takes no lock while there is room, and never raises.
- When the queue is full, ``blocking`` delivery waits for room within a budget of 5 s an *episode* (50 ms on
  a thread that runs an event loop); an episode ends when the queue is below half. ``best-effort`` never
  waits. What then finds no room is counted and handed to ``report_loss``: nothing goes silently.
- ``put_awaited`` gives a ticket, settled when the item is durable. After its wait for room it enters a full
  queue all the same: whoever waits for durability is not told that the record was dropped.
- No waiting on our own threads, in a signal handler, or re-entrantly.
- The threads are made at the first item, and again after a fork; the child starts with an empty queue, since
  the parent still holds, and writes, what was in it. Where none can be started, whoever waits does their work.
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
from otel_audit.sdk.caller import in_signal_handler, runs_event_loop
from otel_audit.sdk.preparer import Preparer
from otel_audit.sdk.room import QueueOptions, Room
from otel_audit.sdk.ticket import Ticket

__all__ = ["QueueOptions", "SpanQueue"]

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")

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

    Attributes:
        sieve: where it is set, ``put`` leaves alone what it refuses.
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
        self.sieve: Callable[[Any], bool] | None = None
        self._reset()
        _queues.add(self)

    def _reset(self) -> None:
        self._waiting: deque[Item | Ticket] = deque()
        self._room = Room(self._waiting, self._options)
        self._wake = threading.Event()
        self._start_lock = threading.Lock()
        self._preparer: Preparer[Item, Prepared] = Preparer(
            self._take,
            self._prepare,
            Appender(self._append, self._report_loss, retry_s=self._options.retry_s),
            delay=self._delay,
            depth=lambda: len(self._waiting),
            wake=self._wake,
        )
        # Items below the gate need no second look; it opens when there is a thread to take them.
        self._gate = 0
        self._wake_at = self._options.max_batch - 1
        self._begun = self._closing = False
        self._holding: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def trouble(self) -> str | None:
        """Why what was taken is not durable yet; None while all is well."""
        return self._preparer.trouble if self._begun else None

    def put(self, item: Item) -> bool:
        """Take one item. Returns False if it was given up (and counted). Never raises."""
        # All in one place: another call would cost the application's thread as much as what it does.
        try:
            if self.sieve is not None and not self.sieve(item):
                return True
            waiting = self._waiting
            length = len(waiting)
            if length >= self._gate and not self._may_enter(item, length):
                return False
            waiting.append(item)
            if length == self._wake_at:
                self._wake.set()
            return not self._closing or self._put_while_closing(item)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self._report_loss("internal-error", 1)
            return False

    def put_awaited(self, item: Item, timeout_s: float) -> Ticket:
        """Take one item that somebody waits for; a full queue is waited for, then entered all the same."""
        ticket = Ticket(item)
        if not self._preparer.is_running and not self._start():
            self._report_loss("after-shutdown", 1)
            ticket.settle("after-shutdown")
            return ticket
        deadline_s = time.monotonic() + timeout_s
        if len(self._waiting) >= self._options.max_records and self.may_wait() and self._preparer.is_running:
            self._room.wait(timeout_s)
        self._waiting.append(ticket)
        self._wake.set()
        if timeout_s > 0:
            self._preparer.work(deadline_s)
        if self._closing and not self._put_while_closing(ticket):
            ticket.settle("after-shutdown")
        return ticket

    def may_wait(self) -> bool:
        """Whether the calling thread may be held at all."""
        return not (
            self._closing
            or self._preparer.is_current()
            or threading.get_ident() in self._holding
            or in_signal_handler()
        )

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything put before is durable. Returns False if the time ran out."""
        deadline_s = time.monotonic() + timeout_s
        if not self._begun or self._preparer.has_ended:
            return not self._waiting
        if self._preparer.is_current():
            return False
        ticket = Ticket()
        self._waiting.append(ticket)
        self._wake.set()
        self._preparer.work(deadline_s)
        # A batch that was given up is counted as lost; what came before this call is settled all the same.
        return ticket.wait(max(0.0, deadline_s - time.monotonic()))

    def close(self, timeout_s: float) -> bool:
        """Hand on what waits, then end the threads; what is not durable in time is counted as lost.

        Further items are refused and counted. Returns True if nothing was lost.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._start_lock:
            self._closing = True
        if not self._begun or (self._preparer.end(deadline_s) and not self._waiting):
            return True
        hanging = self._preparer.refuse()
        if hanging:
            self._report_loss("shutdown-timeout", hanging)
        self._give_up_waiting()
        return False

    def _give_up_waiting(self) -> None:
        while any(given_up := self._take()):
            items, tickets = given_up
            for ticket in tickets:
                ticket.settle("shutdown-timeout")
            if items:
                self._report_loss("shutdown-timeout", len(items))

    def _may_enter(self, item: Item, length: int) -> bool:
        """Start the threads at the first item, weigh a sample, wait for room when there is none."""
        if not self._preparer.is_running and not self._start():
            self._report_loss("after-shutdown", 1)
            return False
        if not self._room.is_left():
            self._gate = 0
            if not self._wait_for_room():
                self._report_loss("queue-full", 1)
                return False
        gate = self._room.weigh(self._weigh(item), length)
        self._gate = gate if self._preparer.is_running else 0
        return True

    def _wait_for_room(self) -> bool:
        """Wait within the episode's budget. Returns whether there is room now."""
        options = self._options
        left_s = self._room.left_of_episode(
            options.wait_budget_loop_s if runs_event_loop() else options.wait_budget_s
        )
        if left_s <= 0 or not self.may_wait():
            return False
        if self._preparer.work(time.monotonic() + left_s):
            return self._room.is_left()
        self._wake.set()
        self._holding.add(thread := threading.get_ident())
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
        """Start the threads, if they can be started. Returns False if nothing is taken any more."""
        with self._start_lock:
            if self._closing:
                return False
            if not self._begun:
                self._on_start()
                self._begun = True
            self._preparer.start()
        return True

    def _delay(self) -> None:
        if len(self._waiting) < self._options.max_batch:
            self._wake.wait(self._options.max_delay_s)

    def _take(self) -> tuple[list[Item], list[Ticket]]:
        """The next batch, and who waits for it; both empty if there is none."""
        waiting, before = self._waiting, len(self._waiting)
        items: list[Item] = []
        tickets: list[Ticket] = []
        most = self._room.batch_size() if before else 0
        while len(items) < most:
            try:
                taken = waiting.popleft()
            except IndexError:
                break
            if isinstance(taken, Ticket):
                tickets.append(taken)
                taken = taken.item
                if taken is None:
                    continue
            items.append(taken)
        if before:
            self._gate = 0
            self._room.freed(before)
        return items, tickets
