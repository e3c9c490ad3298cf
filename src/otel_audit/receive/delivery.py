"""A request on its way through the sink, and a batch of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from otel_audit.pipeline.prepared import Prepared
from otel_audit.receive.answers import Answer
from otel_audit.receive.request import Request

__all__ = ["Batch", "Delivery"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request and whoever waits for its answer.

    Attributes:
        settle: called once with the answer, on a thread of the sink; must not raise.
        is_abandoned: whether nobody waits for the answer any more.
    """

    request: Request
    settle: Callable[[Answer], None]
    is_abandoned: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests of one sender whose records are appended together.

    Attributes:
        deliveries: those that have no answer yet.
        prepared: their masked records.
    """

    deliveries: list[Delivery]
    prepared: Prepared

    def settle(self, answer: Answer) -> None:
        """Answer those that have none yet."""
        while self.deliveries:
            self.deliveries.pop().settle(answer)
