"""Threads of ours, also where none can be started any more.

Python 3.12 starts no thread from the moment the interpreter begins to end, which is before it tells anybody
(`gh-104690 <https://github.com/python/cpython/issues/104690>`_); later versions do until exit handlers run. A
program that records and ends at once has not loaded the path of its first record by then. So with that record
threads are made ready which wait for what they are to do.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["Reserve", "start", "start_late"]

_ENDS_UNTOLD: Final = sys.version_info[:2] == (3, 12)


class _Standby(threading.Thread):
    """Waits for what it is to do."""

    def __init__(self, reserve: Reserve) -> None:
        super().__init__(name="otel-audit-standby", daemon=True)
        self.reserve = reserve
        self._told = threading.Event()
        self._run: Callable[[], object] = _nothing

    def begin(self, run: Callable[[], object]) -> None:
        self._run = run
        self._told.set()

    def run(self) -> None:
        self._told.wait()
        self._run()


def _nothing() -> None:
    """What a thread does that was not needed."""


_ready: Final[deque[_Standby]] = deque()

# A child of a fork has none of them.
os.register_at_fork(after_in_child=_ready.clear)


class Reserve:
    """Threads that are ready for :func:`start_late`, where Python may soon start none; elsewhere nothing."""

    def fill(self, count: int) -> None:
        """Make ``count`` more ready, or as many as can be started."""
        if not _ENDS_UNTOLD:
            return
        for _ in range(count):
            standby = _Standby(self)
            if not _is_started(standby):
                return
            _ready.append(standby)

    def dismiss(self) -> None:
        """End those that were not needed."""
        for standby in tuple(_ready):
            if standby.reserve is self:
                with suppress(ValueError):
                    _ready.remove(standby)
                    standby.begin(_nothing)


def start(run: Callable[[], object], name: str) -> threading.Thread | None:
    """Run something in a daemon thread.

    Args:
        run: must not raise.
        name: of the thread, as debuggers show it.

    Returns:
        The thread, or None where none can be started: the interpreter ends, or the system has no more.
    """
    thread = threading.Thread(target=run, name=name, daemon=True)
    return thread if _is_started(thread) else None


def start_late(run: Callable[[], object], name: str) -> threading.Thread | None:
    """As :func:`start`, at a time when the interpreter may be ending: by a thread of a reserve, if there is one."""
    try:
        standby = _ready.popleft()
    except IndexError:
        return start(run, name)
    standby.name = name
    standby.begin(run)
    return standby


def _is_started(thread: threading.Thread) -> bool:
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
