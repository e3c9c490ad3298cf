"""What the calling thread may be made to do: wait, wait a moment, or not wait at all."""

from __future__ import annotations

import signal
import sys
import threading
from types import CodeType, FrameType
from typing import Final

__all__ = ["in_signal_handler", "runs_event_loop"]

_DEEPEST: Final = 200
"""Frames that are looked at; a handler that records a span does so near its top."""


def runs_event_loop() -> bool:
    """Whether an asyncio event loop runs in this thread: waiting would hold every task of the application."""
    # Looked up, not imported: asyncio imports ssl, which gevent must patch before anybody does.
    asyncio = sys.modules.get("asyncio")
    # Another thread, ours when it connects to a store, may be in the middle of importing it: then no loop runs yet.
    running_loop = getattr(asyncio, "_get_running_loop", None)
    return running_loop is not None and running_loop() is not None


def in_signal_handler() -> bool:
    """Whether a Python signal handler is what runs: it may have interrupted whoever holds what we would wait for.

    The interpreter does not say so; a handler is known by its code on the stack of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = _handlers()
    frame: FrameType | None = sys._getframe()
    for _ in range(_DEEPEST if handlers else 0):
        if frame is None:
            return False
        if frame.f_code in handlers:
            return True
        frame = frame.f_back
    return False


def _handlers() -> set[CodeType]:
    found = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
        if isinstance(code, CodeType):
            found.add(code)
    return found
