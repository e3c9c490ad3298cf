"""An event loop of our own, in a daemon thread, for clients that speak asyncio.

Why not the loop that fsspec shares among its users:

- **At exit.** ``concurrent.futures`` refuses work once the interpreter begins to exit, before ``atexit``
  callbacks run, and asyncio looks up host names there. The telemetry SDK flushes in ``atexit``, so the last
  upload of a process would fail for every destination that has a name. This loop looks names up in plain
  daemon threads, which work until the interpreter is gone.
- **After a fork.** A child gets the parent's loop without its thread. It starts one of its own at first use,
  and never touches the parent's: the two share the kernel's event queue, where taking a connection out in
  the child would take it out for the parent.
- **Ours alone.** A slow look-up of credentials on it holds up nobody else.
"""

from __future__ import annotations

import asyncio
import functools
import os
import selectors
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar

from otel_audit import threads
from otel_audit.errors import Retry
from otel_audit.store.own_traffic import own_traffic

T = TypeVar("T")
P = ParamSpec("P")

_GRACE_S: Final = 5.0
"""A call's own time-out ends it; this much later its caller stops waiting for a loop that is stuck."""


class Client(Protocol):
    """What operations use: made on the loop, used on the loop, closed on the loop."""

    async def close(self) -> None:
        """Give back connections."""


C = TypeVar("C", bound=Client)


class LoopThread(Generic[C]):
    """Runs coroutines for threads that wait for them; starts its thread at the first.

    Args:
        name: of the thread, as debuggers show it.
        connect: makes the client; called on the loop, once a loop. It may block.
    """

    def __init__(self, name: str, connect: Callable[[], C]) -> None:
        self._name, self._connect = name, connect
        self._lock = threading.Lock()
        self._running: _Running[C] | None = None
        self._calls: set[Future[Any]] = set()
        self._closed = False
        _EVERY.add(self)

    def run(self, operation: Callable[[C], Coroutine[Any, Any, T]], *, timeout_s: float) -> T:
        """Run a coroutine on the loop and wait for it.

        Its requests make no telemetry of their own (:mod:`otel_audit.store.own_traffic`).

        Raises:
            Retry: ``timeout`` after ``timeout_s``; ``closed``; ``interpreter-exit`` when no thread can be
                started any more. And what the coroutine raises.
        """
        with self._lock:
            if self._closed:
                raise Retry("closed")
            running = self._start()
            with own_traffic():
                call = self._bounded(running, operation, timeout_s)
                future = asyncio.run_coroutine_threadsafe(call, running.loop)
            self._calls.add(future)
        try:
            return future.result(timeout_s + _GRACE_S)
        except CancelledError as error:
            raise Retry("closed") from error
        except TimeoutError as error:
            raise Retry("timeout") from error
        finally:
            # Also when the caller was interrupted: nothing goes on in its name.
            future.cancel()
            self._calls.discard(future)

    def close(self) -> None:
        """End the calls under way, close the client and end the thread. May be repeated."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
            for call in tuple(self._calls):
                call.cancel()
        if running is not None:
            with own_traffic():
                asyncio.run_coroutine_threadsafe(_finish(running), running.loop)
            running.thread.join(_GRACE_S)

    def _start(self) -> _Running[C]:
        if self._running is None:
            loop = asyncio.SelectorEventLoop(_OwnProcessSelector())
            loop.set_default_executor(_DaemonExecutor())
            # Its complaints are about objects left open at exit, with text of third parties in them. What
            # fails in a call reaches its caller.
            loop.set_exception_handler(lambda _loop, _context: None)
            thread = threads.start_late(functools.partial(_serve, loop), self._name)
            if thread is None:
                loop.close()
                raise Retry("interpreter-exit")
            self._running = _Running(loop, thread)
        return self._running

    async def _bounded(
        self, running: _Running[C], operation: Callable[[C], Coroutine[Any, Any, T]], timeout_s: float
    ) -> T:
        async with asyncio.timeout(timeout_s):
            if running.client is None:
                running.client = self._connect()
            return await operation(running.client)

    def _leave_to_parent(self) -> None:
        """In a forked child: the lock may be held by a thread that is not here, and the loop has none."""
        self._lock = threading.Lock()
        self._running, self._calls = None, set()


@dataclass(slots=True)
class _Running(Generic[C]):
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    client: C | None = None


_EVERY: Final[weakref.WeakSet[LoopThread[Any]]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for each in tuple(_EVERY):
        each._leave_to_parent()


os.register_at_fork(after_in_child=_after_fork_in_child)


class _OwnProcessSelector(selectors.DefaultSelector):
    """Shows no connection in any process but its own, so that finalisers there can unregister none."""

    def __init__(self) -> None:
        super().__init__()
        self._owner = os.getpid()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return super().get_map() if os.getpid() == self._owner else {}


class _DaemonExecutor(ThreadPoolExecutor):
    """Runs each piece of work in a daemon thread of its own; asyncio takes no other base class.

    The loop has little to run here, name look-ups of new connections, and one that hangs holds up no other.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
                future.set_exception(error)

        if threads.start(work, "otel-audit-lookup") is None:
            # The last moments of the process: one look-up at a time is better than none.
            work()
        return future


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _finish(running: _Running[Any]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    try:
        if running.client is not None:
            await asyncio.wait_for(running.client.close(), _GRACE_S)
    finally:
        running.loop.stop()
