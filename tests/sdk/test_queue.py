"""The hand-over from application threads: order, bounds, losses counted, forks, shutdown."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import pytest

from otel_audit.errors import SpoolFull
from otel_audit.sdk.queue import QueueOptions, SpanQueue


class Sink:
    """Keeps what it is given; can be held shut."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.fail_with: list[Exception] = []

    def __call__(self, batch: Sequence[int], /) -> None:
        self.entered.set()
        self.open.wait()
        if self.fail_with:
            raise self.fail_with.pop()
        self.items += batch


class Losses(dict[str, int]):
    def __call__(self, cause: str, count: int) -> None:
        self[cause] = self.get(cause, 0) + count


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def losses():
    return Losses()


def make(sink, losses, **options):
    return SpanQueue(list, sink, losses, QueueOptions(**({"max_delay_s": 0.01, "retry_s": 0.01} | options)))


def test_everything_put_before_a_flush_is_delivered_in_order(sink, losses):
    queue = make(sink, losses, max_batch=7)
    for item in range(100):
        assert queue.put(item)
    assert queue.flush(10)
    assert sink.items == list(range(100))
    assert queue.close(10)
    assert losses == {}


def test_what_comes_while_a_batch_is_prepared_waits_for_company_of_its_own(sink, losses):
    batches: list[list[int]] = []

    def prepare(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        if len(batches) < 50:
            queue.put(len(batches))  # under a steady load there always is another
        return list(items)

    queue = SpanQueue(prepare, sink, losses, QueueOptions(max_delay_s=60, retry_s=0.01))
    queue.put(0)
    assert queue.flush(10)
    assert batches == [[0]], "nobody waits for the next, so it may wait"
    assert queue.close(10)
    assert batches == [[0], [1]], "unless the queue is closed"
    assert sink.items == [0, 1]


def test_many_threads_lose_nothing(sink, losses):
    queue = make(sink, losses)
    threads = [threading.Thread(target=lambda: [queue.put(i) for i in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.close(20)
    assert len(sink.items) == 16_000


def test_a_full_queue_that_never_waits_counts_each_loss(sink, losses):
    sink.open.clear()
    queue = make(sink, losses, max_records=10, max_batch=4, wait_budget_s=0.0)
    taken = sum(queue.put(item) for item in range(100))
    sink.open.set()
    assert queue.close(10)
    assert losses == {"queue-full": 100 - taken}
    assert len(sink.items) == taken


def test_a_full_queue_waits_for_room_within_its_budget(sink, losses):
    sink.open.clear()
    queue = make(sink, losses, max_records=4, max_batch=2, wait_budget_s=30)
    threading.Timer(0.05, sink.open.set).start()
    for item in range(50):
        assert queue.put(item)
    assert queue.close(10)
    assert sink.items == list(range(50))
    assert losses == {}


def test_the_budget_is_spent_once_an_episode_and_given_back_below_half(sink, losses):
    sink.open.clear()
    queue = make(sink, losses, max_records=4, max_batch=2, wait_budget_s=0.05)
    while queue.put(0):
        pass
    assert not queue.put(1), "the budget is spent: no further wait"
    sink.open.set()
    assert queue.flush(10)
    sink.open.clear()
    assert queue.put(2)
    sink.open.set()
    assert queue.close(10)


def test_a_batch_that_cannot_be_made_durable_is_offered_again(sink, losses):
    sink.fail_with = [SpoolFull("the disk is full"), SpoolFull("the disk is full")]
    queue = make(sink, losses)
    queue.put(1)
    assert queue.flush(10)
    assert sink.items == [1]
    assert losses == {}
    queue.close(10)


def test_a_defect_gives_one_batch_up_counted_and_the_next_goes_through(sink, losses):
    sink.fail_with = [ZeroDivisionError(), ZeroDivisionError(), ZeroDivisionError()]
    queue = make(sink, losses)
    queue.put(1)
    assert queue.flush(10)
    queue.put(2)
    assert queue.close(10)
    assert sink.items == [2]
    assert losses == {"internal-error": 1}


def test_after_close_items_are_refused_and_counted(sink, losses):
    queue = make(sink, losses)
    queue.put(1)
    assert queue.close(10)
    assert not queue.put(2)
    assert losses == {"after-shutdown": 1}


def test_closing_in_time_that_runs_out_counts_what_is_left(sink, losses):
    sink.open.clear()
    queue = make(sink, losses, max_batch=1)
    for item in range(3):
        queue.put(item)
    sink.entered.wait()
    assert not queue.close(0.01)
    assert losses["shutdown-timeout"] == 2, "one is in the consumer's hands and may still be written"
    sink.open.set()


def test_what_hangs_in_preparation_at_the_end_is_counted_once(losses):
    entered, go_on = threading.Event(), threading.Event()
    taken: list[int] = []

    def prepare(items: Sequence[int]) -> list[int]:
        entered.set()
        go_on.wait()
        return list(items)

    before = set(threading.enumerate())
    queue = SpanQueue(prepare, taken.extend, losses, QueueOptions(max_delay_s=0.01))
    for item in range(5):
        queue.put(item)
    entered.wait()
    queue.put(5)
    assert not queue.close(0.01)
    assert losses == {"shutdown-timeout": 6}
    go_on.set()
    for thread in set(threading.enumerate()) - before:
        if thread.name == "otel-audit-prepare":
            thread.join(10)
    assert (taken, losses) == ([], {"shutdown-timeout": 6})


def test_no_thread_before_the_first_item(sink, losses):
    before = threading.active_count()
    queue = make(sink, losses)
    assert queue.flush(0)
    assert threading.active_count() == before
    assert queue.close(0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_starts_empty_with_a_thread_of_its_own(sink, losses):
    sink.open.clear()
    queue = make(sink, losses)
    queue.put(1)
    sink.entered.wait()
    queue.put(2)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        sink.open = threading.Event()
        sink.open.set()
        sink.items.clear()
        queue.put(3)
        done = queue.flush(10)
        os.write(writer, repr((done, sink.items)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 100).decode() == "(True, [3])"
    sink.open.set()
    assert queue.close(10)
    assert sink.items == [1, 2]


def test_on_an_event_loop_thread_the_wait_is_short(sink, losses):
    import asyncio

    sink.open.clear()
    queue = make(sink, losses, max_records=1, max_batch=1, wait_budget_s=60, wait_budget_loop_s=0.01)

    async def handler() -> list[bool]:
        return [queue.put(item) for item in range(5)]

    taken = asyncio.run(handler())
    assert not all(taken)
    sink.open.set()
    queue.close(10)


def test_whoever_waits_for_an_item_is_told_when_it_is_durable(sink, losses):
    sink.open.clear()
    queue = make(sink, losses)
    ticket = queue.put_awaited(1, 0.0)
    assert not ticket.wait_durable(0.01)
    sink.open.set()
    assert ticket.wait_durable(10)
    assert sink.items == [1]
    queue.close(10)


def test_a_full_queue_takes_what_is_awaited_all_the_same(sink, losses):
    sink.open.clear()
    queue = make(sink, losses, max_records=4, max_batch=2, wait_budget_s=0.0)
    while queue.put(0):
        pass
    losses.clear()
    tickets = [queue.put_awaited(number, 0.001) for number in range(1, 11)]
    sink.open.set()
    assert all(ticket.wait_durable(10) for ticket in tickets)
    assert [item for item in sink.items if item] == list(range(1, 11))
    assert losses == {}
    queue.close(10)


def test_what_is_given_up_is_told_to_whoever_waits_for_it_alone(losses):
    """One bad item of a batch costs only itself."""
    taken: list[int] = []
    open_ = threading.Event()

    def prepare(items: Sequence[int]) -> list[int]:
        open_.wait()
        if 13 in items:
            raise ZeroDivisionError
        return list(items)

    queue = SpanQueue(prepare, taken.extend, losses, QueueOptions(max_delay_s=0.01))
    tickets = {number: queue.put_awaited(number, 0.0) for number in range(20)}
    open_.set()
    assert queue.flush(10)
    assert sorted(taken) == [number for number in range(20) if number != 13]
    assert {number for number, ticket in tickets.items() if ticket.lost} == {13}
    assert losses == {"internal-error": 1}
    queue.close(10)


def test_the_queue_is_bounded_in_bytes(sink, losses):
    sink.open.clear()
    queue = SpanQueue(
        list,
        sink,
        losses,
        QueueOptions(max_bytes=10_000_000, wait_budget_s=0.0, max_delay_s=0.01),
        weigh=lambda item: 100_000,
    )
    taken = sum(queue.put(item) for item in range(1000))
    assert 50 <= taken <= 300, "about a hundred wait, and some are in hand"
    sink.open.set()
    assert queue.flush(10)
    assert queue.put(1), "there is room again"
    assert queue.close(10)
    assert losses == {"queue-full": 1000 - taken}


def test_large_items_go_in_small_batches(losses):
    sizes: list[int] = []
    taken: list[int] = []
    open_ = threading.Event()

    def prepare(items: Sequence[int]) -> Sequence[int]:
        open_.wait()
        sizes.append(len(items))
        return items

    queue = SpanQueue(prepare, taken.extend, losses, QueueOptions(), weigh=lambda item: 1 << 20)
    queue.put(0)
    for item in range(1, 100):
        queue.put(item)
    open_.set()
    assert queue.close(10)
    assert taken == list(range(100))
    assert max(sizes) <= 32


def test_a_signal_handler_never_waits(sink, losses):
    import signal

    sink.open.clear()
    queue = make(sink, losses, max_records=2, max_batch=1, wait_budget_s=60)
    answers: list[bool] = []

    def handler(number: int, frame: object) -> None:
        answers.extend(queue.put(item) for item in range(20))

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert False in answers
    sink.open.set()
    queue.close(10)
