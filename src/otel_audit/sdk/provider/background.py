"""Emitting on a thread of its own, to sinks that are exported to at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from otel_audit.convert.spans import LogData
from otel_audit.errors import NotDurable
from otel_audit.sdk.audit_logger import AuditReceipt

__all__ = ["Background"]

_MOST_WAITING: Final = 2048
"""Records that wait; whoever emits more waits, too."""


class Background:
    """One thread, so that the order stays. Thread-safe; the thread starts with the first record.

    Args:
        emit: waits for the receipt of a record.
    """

    def __init__(self, emit: Callable[[LogData, float], AuditReceipt]) -> None:
        self._emit = emit
        self._starting = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST_WAITING)
        self._pending: deque[None] = deque()
        self._thread: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def submit(self, log: LogData, timeout_s: float) -> Future[AuditReceipt]:
        """Take a record. Returns its receipt, or why there is none.

        Raises:
            NotDurable: there is no room for it within that time.
        """
        if not self._room.acquire(timeout=timeout_s):
            raise NotDurable("too many records wait for their sinks", may_follow=False)
        with self._starting:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "otel-audit-emit")
        self._pending.append(None)
        future = self._thread.submit(self._emit, log, timeout_s)
        future.add_done_callback(self._left)
        return future

    def flush(self, timeout_s: float) -> bool:
        """Wait for what was taken before. Returns whether all of it has an answer."""
        if self._thread is not None:
            try:
                self._thread.submit(int).result(timeout_s)
            except TimeoutError:
                return False
        return True

    def close(self) -> None:
        """Take nothing more."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def _left(self, _: Future[AuditReceipt]) -> None:
        self._pending.pop()
        self._room.release()
