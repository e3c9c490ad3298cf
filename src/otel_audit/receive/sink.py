"""Requests on their way into the spool: an answer is given when it is durable, or known not to be taken.

Rules:

1. A request is taken whole or not at all. What was refused left nothing behind.
2. Requests of one sender that wait at the same time go on together: one conversion, one masking, one fsync. Those
   of different senders never do, so that nobody's log events join anybody else's spans.
3. When the spool refuses, whoever waits is told so. What it had taken a part of is brought to an end before
   anything else; until then everybody is refused, and the client that sends it again makes copies that fold.
4. One request that cannot be read, or that a defect of ours does not survive, costs only itself.

One thread unpacks, parses, converts and masks, another appends: while one batch waits for the disk, the next is made.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_audit import threads
from otel_audit.convert.exports import Export
from otel_audit.errors import AuditError, InputError, TooLarge, describe_defect
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.prepared import Prepared
from otel_audit.receive.answers import TAKEN, Answer, Verdict
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request, read

__all__ = ["Delivery", "Sink"]

_log = logging.getLogger(__name__)

_IN_HAND: Final = 2
"""Batches that wait for the disk before the next is made."""

_RETRY_S: Final = 0.5
"""Pause before the rest of a batch is offered again that the spool took a part of."""

_SAY_EVERY_S: Final = 10.0

_DEFECT: Final = Answer(Verdict.DEFECT, "an error of the sink; nothing of this request was taken")


_GONE: Final = Answer(Verdict.GONE, "nobody waits for the answer any more")

_TROUBLE_S: Final = 10.0
"""How long a refusal of the spool is held against it. Who asks before sending would else never find it mended."""


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
class _Batch:
    deliveries: list[Delivery]
    prepared: Prepared


class Sink:
    """Brings requests into a pipeline. Its threads start with :meth:`start`.

    Args:
        pipeline: open.
        options: bounds.
    """

    def __init__(self, pipeline: Pipeline, options: ReceiveOptions) -> None:
        self._pipeline, self._options = pipeline, options
        self._state = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._batches: queue.Queue[_Batch | None] = queue.Queue(_IN_HAND)
        self._is_closing = False
        self._abandoned = threading.Event()
        self._said_s = float("-inf")
        self._threads: list[threading.Thread] = []
        self._not_durable = Answer(
            Verdict.NOT_DURABLE,
            "the spool takes no records now; nothing of this request is lost if it is sent again",
            options.retry_spool_s,
        )
        self._stopping = Answer(
            Verdict.STOPPING, "the sink is stopping; send this request again", options.retry_overload_s
        )
        self._trouble: str | None = None
        self._trouble_since_s = 0.0

    @property
    def trouble(self) -> str | None:
        """Why a batch could not be made durable a moment ago; ``None`` while all is well."""
        return self._trouble if time.monotonic() < self._trouble_since_s + _TROUBLE_S else None

    def start(self) -> None:
        """Start the threads.

        Raises:
            RuntimeError: the system has none left.
        """
        for run, name in (
            (self._make_batches, "otel-audit-receive"),
            (self._append_all, "otel-audit-append"),
        ):
            thread = threads.start(run, name)
            if thread is None:
                raise RuntimeError("no thread can be started")
            self._threads.append(thread)

    def take(self, delivery: Delivery) -> None:
        """Take a request, which is answered later, or at once when the sink ends."""
        with self._state:
            if not self._is_closing:
                self._waiting.append(delivery)
                self._state.notify()
                return
        delivery.settle(self._stopping)

    def close(self, timeout_s: float) -> bool:
        """Take nothing more; answer what waits.

        Returns:
            False if the time ran out: what is still waiting then has no answer, and its sender keeps it.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._state:
            self._is_closing = True
            self._state.notify()
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self._abandoned.set()
        return not any(thread.is_alive() for thread in self._threads)

    def _make_batches(self) -> None:
        while (first := self._next()) is not None:
            deliveries, export = self._gather(first)
            if deliveries:
                for batch in self._prepare(deliveries, export):
                    self._batches.put(batch)
        self._batches.put(None)

    def _next(self) -> Delivery | None:
        with self._state:
            self._state.wait_for(lambda: self._waiting or self._is_closing)
            return self._waiting.popleft() if self._waiting else None

    def _gather(self, first: Delivery) -> tuple[list[Delivery], Export]:
        """Read a request, and those of the same sender that wait behind it, as far as they can be read."""
        deliveries: list[Delivery] = []
        together = Export([], [])
        following: Delivery | None = first
        while following is not None:
            export = self._read(following)
            if export is not None:
                deliveries.append(following)
                together.spans += export.spans
                together.logs += export.logs
            if len(together) >= self._options.max_batch_items:
                break
            following = self._next_of(first)
        return deliveries, together

    def _next_of(self, first: Delivery) -> Delivery | None:
        with self._state:
            if self._waiting and self._waiting[0].request.sender == first.request.sender:
                return self._waiting.popleft()
            return None

    def _read(self, delivery: Delivery) -> Export | None:
        if delivery.is_abandoned():
            # Its sender has given up waiting, and sends it again: work for it would only make others wait longer.
            delivery.settle(_GONE)
            return None
        try:
            return read(delivery.request, self._options)
        except TooLarge as error:
            delivery.settle(Answer(Verdict.TOO_LARGE, str(error)))
        except InputError as error:
            delivery.settle(Answer(Verdict.MALFORMED, str(error)))
        except Exception as error:  # noqa: BLE001  (whatever it is, the next request must have its chance)
            self._say(f"a defect in reading a request: {describe_defect(error)}")
            delivery.settle(_DEFECT)
        return None

    def _prepare(self, deliveries: list[Delivery], export: Export) -> list[_Batch]:
        try:
            return [_Batch(deliveries, self._converted(export))]
        except Exception as error:  # noqa: BLE001  (as above)
            self._say(f"a defect in the audit path: {describe_defect(error)}")
        if len(deliveries) == 1:
            deliveries[0].settle(_DEFECT)
            return []
        # Spans are used up by conversion, so each request is read again.
        parts: list[_Batch] = []
        for delivery in deliveries:
            again = self._read(delivery)
            if again is not None:
                parts += self._prepare([delivery], again)
        return parts

    def _converted(self, export: Export) -> Prepared:
        return self._pipeline.prepare(export.spans, export.logs, observed_unix_nano=time.time_ns())

    def _append_all(self) -> None:
        while (batch := self._batches.get()) is not None:
            answer = self._append(batch)
            for delivery in batch.deliveries:
                delivery.settle(answer)

    def _append(self, batch: _Batch) -> Answer:
        """Offer a batch until it is durable, or refused whole. Returns what its senders are told."""
        told_at = time.monotonic() + self._options.durable_timeout_s
        while True:
            try:
                self._pipeline.append(batch.prepared)
            except AuditError as error:
                self._note(str(error))
                self._say(f"received records are not durable: {error}")
                answer = self._not_durable
            except Exception as error:  # noqa: BLE001  (as above)
                self._note(describe_defect(error))
                self._say(f"a defect in the audit path: {describe_defect(error)}")
                answer = _DEFECT if batch.prepared.is_untouched else self._not_durable
            else:
                self._trouble = None
                return TAKEN
            if batch.prepared.is_untouched:
                return answer
            if time.monotonic() >= told_at:
                for delivery in batch.deliveries:
                    delivery.settle(self._not_durable)
                batch.deliveries.clear()
            if self._abandoned.wait(_RETRY_S):
                return answer

    def _note(self, trouble: str) -> None:
        self._trouble, self._trouble_since_s = trouble, time.monotonic()

    def _say(self, line: str) -> None:
        now = time.monotonic()
        if now - self._said_s >= _SAY_EVERY_S:
            self._said_s = now
            _log.error("%s", line)
