"""The last moments of a process: what was recorded becomes durable, and is shipped if that can still be done.

=========================================  =================================================================
how a process ends                         what we do
=========================================  =================================================================
return, ``sys.exit``, an exception         ship while executors still work (several stores' clients need
                                           them), then close at exit
the provider's ``shutdown``                close; whatever came first counts
``SIGTERM`` left to the system's default   close, then end by the same signal
a child of ``multiprocessing``             close in its finalizers: it ends without the interpreter's own
a prefork worker of Celery                 close at its shutdown signal, for the same reason
=========================================  =================================================================

A handler that the application sets stays the application's. Where it leaves ``SIGTERM`` to the default, ours
stands in the default's place, and the application still reads and writes ``SIG_DFL``: servers put the default
back before they end by it.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, Protocol

__all__ = ["forget", "stand_in_for_sigterm", "watch"]

_log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 10.0

_INIT_PROCESS: Final = 1
"""The first process of a container: the kernel does not end it by a signal that is left to the default."""


class Ending(Protocol):
    """Something that must be told."""

    is_hurried: bool
    """Whether shipping was tried at length already."""

    def flush(self, timeout_s: float) -> bool: ...
    def finish(self, timeout_s: float) -> bool: ...
    def close(self, timeout_s: float) -> bool: ...


_watched: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_armed_in: set[int] = set()


def watch(ending: Ending) -> None:
    """Tell ``ending`` when this process ends. To be called in each process that records."""
    _watched.add(ending)
    pid = os.getpid()
    if pid in _armed_in:
        return
    _armed_in.clear()
    _armed_in.add(pid)
    _arm_before_executors_end()
    _arm_in_child_of_multiprocessing()
    _arm_in_celery()


def forget(ending: Ending) -> None:
    """It has been closed."""
    _watched.discard(ending)


def _flush_all() -> None:
    for ending in tuple(_watched):
        ending.flush(_TIMEOUT_S)


def _finish_all() -> None:
    # The log's last word has to be shipped with the rest: at exit itself several stores' clients work no more.
    for ending in tuple(_watched):
        ending.is_hurried = not ending.finish(_TIMEOUT_S)


def _close_all(*_: object, **__: object) -> None:
    for ending in tuple(_watched):
        ending.close(_TIMEOUT_S)


# Registered when the first door is imported: exit handlers run last in, first out, so what the application
# records in its own is still taken.
atexit.register(_close_all)


def _arm_before_executors_end() -> None:
    # Thread pools refuse work before exit handlers run, and an asyncio client resolves host names in one. What
    # they register at import runs after what is registered later, so theirs is imported first.
    register: Callable[..., None] | None = getattr(threading, "_register_atexit", None)
    if register is None:
        return
    try:
        import concurrent.futures.thread  # noqa: F401, PLC0415

        register(_finish_all)
    except RuntimeError:
        _log.debug("the interpreter is ending already")


def _arm_in_child_of_multiprocessing() -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize  # noqa: PLC0415

        Finalize(None, _close_all, exitpriority=0)


def _arm_in_celery() -> None:
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_close_all, weak=False, dispatch_uid="otel-audit")


def stand_in_for_sigterm() -> None:
    """Take the place of the system's default for ``SIGTERM``, now and whenever the application sets it.

    Does nothing on a thread other than the main one, where Python sets no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if not hasattr(signal.signal, "__wrapped__"):
        signal.signal = _with_default_seen(signal.signal)
        signal.getsignal = _with_default_seen(signal.getsignal)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _with_default_seen(function: Callable[..., Any]) -> Callable[..., Any]:
    """``signal.signal`` or ``signal.getsignal``, for which our handler and the default are one."""

    # By hand, since wrapt imports asyncio and with it ssl, which gevent must patch before anybody does.
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        if len(arguments) == 2 and arguments[0] == signal.SIGTERM and arguments[1] == signal.SIG_DFL:
            arguments = (arguments[0], _end)
        handler = function(*arguments)
        return signal.SIG_DFL if handler is _end else handler

    return wrapper


def _end(number: int, _: FrameType | None) -> None:
    if os.getpid() == _INIT_PROCESS:
        _flush_all()
        return
    _close_all()
    unwrapped: Callable[..., Any] = signal.signal.__wrapped__  # type: ignore[attr-defined]
    unwrapped(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
