"""Who numbers a stream's records: one writer after the other.

A writer is succeeded when its day is over, after so many segments, when its destinations change, or when it turns
out that a copy of it numbers records elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from otel_audit.spool.explain import explain
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.writer_state import WriterState
from otel_audit.spool.writers import Writers
from otel_audit.store.names import WriterName

__all__ = ["Succession"]


class Succession:
    """The writers of one stream. Not thread-safe: ``writer.py`` holds the lock.

    Args:
        writers: those on disk.
        states: what is known of each; new ones are added.
        options: after how many segments one is over.
        service: whose writers.
        stream: which stream they number.
        destinations: ids of the outboxes that get each record.
        opens: what the first manifest of a writer says of its opening.
        clock_unix_nano: wall clock, nanoseconds since the epoch.

    Attributes:
        state: the writer that numbers now; None before the first record.
    """

    def __init__(
        self,
        writers: Writers,
        states: list[WriterState],
        *,
        options: SpoolOptions,
        service: str,
        stream: str,
        destinations: Sequence[str],
        opens: Mapping[str, Any],
        clock_unix_nano: Callable[[], int],
    ) -> None:
        self._writers, self._states, self._options = writers, states, options
        self._service, self._stream, self._opens = service, stream, opens
        self._destinations, self._clock_unix_nano = tuple(destinations), clock_unix_nano
        mine = [state for state in states if state.stream == stream and state.origin is None]
        self._predecessor = mine[-1] if mine else None
        self.state = next((state for state in reversed(mine) if state.closed_at is None), None)

    def current(self, *, is_idle: bool) -> WriterState:
        """The writer to number by.

        Args:
            is_idle: nothing of the one before is pending, so that it may be succeeded.

        Raises:
            SpoolError: it could not be closed or opened.
        """
        now = self._clock_unix_nano()
        today = datetime.fromtimestamp(now // 10**9, UTC).date()
        if self.state is not None and is_idle and self._is_over(self.state, today):
            self.close()
        if self.state is None:
            self.state = self._open(now, today)
            self._states.append(self.state)
        return self.state

    def close(self, *, is_cloned: bool = False) -> None:
        """Close the writer; the next record opens another.

        Raises:
            SpoolError: it could not be closed, and goes on.
        """
        state = self.state
        if state is not None:
            with explain("close a writer"):
                self._writers.close(state, is_cloned=is_cloned)
            self._predecessor, self.state = state, None

    def _open(self, now: int, today: date) -> WriterState:
        before = self._predecessor
        opens = {**self._opens, "predecessor": None if before is None else str(before.name)}
        if before is not None and before.is_cloned:
            opens["fork_of"] = str(before.name)
        with explain("open a writer"):
            return self._writers.open(
                WriterName.new(self._service, today),
                stream=self._stream,
                destinations=self._destinations,
                opened_at_unix_nano=now,
                opens=opens,
            )

    def _is_over(self, state: WriterState, today: date) -> bool:
        return (
            state.name.opened != today
            or state.next_ordinal > self._options.max_commits_per_writer
            or state.destinations != self._destinations
        )
