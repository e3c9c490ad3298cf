"""Records that could not be taken: counted by cause, said in a line, and owed to the log as a gap."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.seal.times import timestamp

_log = logging.getLogger(__name__)

GAP_EVENT: Final = "audit.gap"

_LINE_EVERY_S: Final = 10.0
"""One line of ours says it; a thousand would fill the disk that is already the trouble."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Records lost for one cause.

    Attributes:
        cause: from a closed set: ``queue-full``, ``shutdown-timeout``, ``after-shutdown``, ``internal-error``.
        count: how many.
        from_unix_nano: not before this instant.
        to_unix_nano: not after this one.
    """

    cause: str
    count: int
    from_unix_nano: int
    to_unix_nano: int

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        return LogData(
            name=GAP_EVENT,
            time_unix_nano=self.to_unix_nano,
            observed_unix_nano=self.to_unix_nano,
            trace_id="",
            span_id="",
            body=None,
            attributes={
                "audit.action": "LOSE",
                "audit.outcome": "failure",
                "audit.actor.id": service,
                "audit.actor.type": "system",
                "audit.gap.cause": self.cause,
                "audit.gap.count": self.count,
                "audit.gap.from": timestamp(self.from_unix_nano),
                "audit.gap.to": timestamp(self.to_unix_nano),
            },
            resource=ResourceData({SERVICE_NAME: service}),
            is_own=True,
        )


class Losses:
    """What is lost and not yet in the log. Thread-safe; never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed: dict[str, Loss] = {}
        self._said_s = float("-inf")
        self.total: dict[str, int] = {}
        """Since the process started, by cause."""

    def __bool__(self) -> bool:
        return bool(self._owed)

    def add(self, cause: str, count: int) -> None:
        """Count records that were given up."""
        now = time.time_ns()
        with self._lock:
            before = self._owed.get(cause)
            self._owed[cause] = (
                Loss(cause, count, now, now)
                if before is None
                else Loss(cause, before.count + count, before.from_unix_nano, now)
            )
            self.total[cause] = self.total.get(cause, 0) + count
            say = time.monotonic() - self._said_s > _LINE_EVERY_S
            if say:
                self._said_s = time.monotonic()
            totals = dict(self.total) if say else {}
        if say:
            lost = ", ".join(f"{cause} {number}" for cause, number in totals.items())
            _log.error("audit records lost since start: %s; each is in a gap record of the log", lost)

    def take(self) -> list[Loss]:
        """What is owed to the log. The caller gives it back with :meth:`owe` if it cannot write it."""
        with self._lock:
            taken = list(self._owed.values())
            self._owed.clear()
        return taken

    def owe(self, losses: list[Loss]) -> None:
        """Take back what could not be written."""
        with self._lock:
            for loss in losses:
                since = self._owed.get(loss.cause)
                self._owed[loss.cause] = (
                    loss
                    if since is None
                    else Loss(loss.cause, loss.count + since.count, loss.from_unix_nano, since.to_unix_nano)
                )
