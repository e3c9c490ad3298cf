"""Where no thread can be started, whoever waits does the work: nothing is lost, and nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from otel_audit import threads
from otel_audit.errors import SpoolFull
from otel_audit.sdk.queue import QueueOptions, SpanQueue


class Log:
    """What was made durable, and what was lost."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.lost: dict[str, int] = {}
        self.refusals = 0

    def append(self, batch: list[int]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise SpoolFull("the disk is full")
        self.items += batch

    def report_loss(self, cause: str, count: int) -> None:
        self.lost[cause] = self.lost.get(cause, 0) + count


class Threads:
    """Whether any can be started."""

    def __init__(self) -> None:
        self.can_start = False
        self._start = threading.Thread.start

    def start(self, thread: threading.Thread) -> None:
        if not self.can_start:
            raise RuntimeError("can't create new thread at interpreter shutdown")
        self._start(thread)


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Threads:
    state = Threads()
    monkeypatch.setattr(threading.Thread, "start", lambda self: state.start(self))  # noqa: PLW0108  (as a method)
    return state


@pytest.fixture
def log() -> Log:
    return Log()


def make(log: Log, **options: float) -> SpanQueue[int, list[int]]:
    bounds = QueueOptions(**({"max_delay_s": 0.01, "retry_s": 0.001} | options))  # type: ignore[arg-type]
    return SpanQueue(list, log.append, log.report_loss, bounds)


def test_a_flush_makes_what_waits_durable(starting: Threads, log: Log) -> None:
    queue = make(log)
    assert all(queue.put(item) for item in range(10))
    assert log.items == []
    assert queue.trouble == "no thread can be started"
    assert queue.flush(10)
    assert log.items == list(range(10))
    assert queue.close(10)
    assert queue.trouble is None
    assert log.lost == {}


def test_the_end_makes_what_waits_durable(starting: Threads, log: Log) -> None:
    queue = make(log, max_batch=3)
    assert all(queue.put(item) for item in range(10))
    assert queue.close(10)
    assert log.items == list(range(10))
    assert not queue.put(10)
    assert log.lost == {"after-shutdown": 1}


def test_whoever_waits_for_its_record_makes_it_durable(starting: Threads, log: Log) -> None:
    queue = make(log)
    queue.put(1)
    assert queue.put_awaited(2, 10).wait_durable(0)
    assert log.items == [1, 2]
    assert queue.close(10)


def test_a_full_queue_makes_room_for_itself(starting: Threads, log: Log) -> None:
    queue = make(log, max_records=4)
    assert all(queue.put(item) for item in range(20))
    assert queue.close(10)
    assert log.items == list(range(20))
    assert log.lost == {}


def test_where_nothing_may_be_waited_for_a_full_queue_counts(starting: Threads, log: Log) -> None:
    queue = make(log, max_records=4, wait_budget_s=0)
    assert [queue.put(item) for item in range(6)] == [True] * 4 + [False] * 2
    assert queue.close(10)
    assert log.items == list(range(4))
    assert log.lost == {"queue-full": 2}


def test_what_the_disk_refuses_waits_for_the_next_call(starting: Threads, log: Log) -> None:
    queue = make(log)
    queue.put(1)
    log.refusals = 1_000_000
    assert not queue.flush(0.01)
    log.refusals = 2
    assert queue.flush(10)
    assert log.items == [1]
    assert log.lost == {}
    assert queue.close(10)


def test_what_the_disk_refuses_to_the_end_is_counted(starting: Threads, log: Log) -> None:
    queue = make(log, max_batch=2)
    for item in range(5):
        queue.put(item)
    log.refusals = 1_000_000
    assert not queue.close(0.01)
    assert log.items == []
    assert log.lost == {"shutdown-timeout": 5}


def test_threads_that_can_be_started_again_take_over(starting: Threads, log: Log) -> None:
    queue = make(log)
    queue.put(1)
    starting.can_start = True
    queue.put(2)
    assert queue.flush(10)
    assert "otel-audit-prepare" in {thread.name for thread in threading.enumerate()}
    assert log.items == [1, 2]
    assert queue.trouble is None
    assert queue.close(10)


@pytest.fixture
def reserve(monkeypatch: pytest.MonkeyPatch) -> Iterator[threads.Reserve]:
    monkeypatch.setattr(threads, "_ENDS_UNTOLD", True)
    reserve = threads.Reserve()
    yield reserve
    reserve.dismiss()


def test_a_reserve_stands_in_for_threads_that_cannot_be_started(
    starting: Threads, reserve: threads.Reserve
) -> None:
    starting.can_start = True
    reserve.fill(1)
    starting.can_start = False
    ran = threading.Event()
    assert threads.start(ran.set, "not in reserve") is None
    thread = threads.start_late(ran.set, "late")
    assert thread is not None
    assert ran.wait(10)
    thread.join(10)
    assert thread.name == "late"
    assert threads.start_late(ran.set, "one too many") is None


def test_what_was_not_needed_of_a_reserve_ends(reserve: threads.Reserve) -> None:
    before = set(threading.enumerate())
    reserve.fill(3)
    made = set(threading.enumerate()) - before
    assert len(made) == 3
    reserve.dismiss()
    for thread in made:
        thread.join(10)
    assert not any(thread.is_alive() for thread in made)
