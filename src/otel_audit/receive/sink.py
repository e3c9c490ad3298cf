"""Requests on their way into the spool: an answer is given when it is durable, or known not to be taken.

Rules:

1. A request is taken whole or not at all. What was refused left nothing behind.
2. Requests of one sender and signal that wait at the same time go on together: one conversion, one masking, one
   fsync. Others never do: nobody's log events join anybody else's spans, and a request that comes again makes the
   records that it made before, whatever came with it.
3. When the spool refuses, whoever waits is told so. What it had taken a part of is brought to an end before
   anything else; until then everybody is refused, and the client that sends it again makes copies that fold.
4. One request that cannot be read, or that a defect of ours does not survive, costs only itself.

One thread unpacks, parses, converts and masks, another knows copies and appends: while one batch waits for the
disk, the next is made.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from typing import Final

from otel_audit import threads
from otel_audit.convert.exports import Export
from otel_audit.errors import InputError, TooLarge, describe_defect
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.saying import Saying
from otel_audit.receive.acknowledger import Acknowledger
from otel_audit.receive.answers import DEFECT, Answer, Verdict
from otel_audit.receive.delivery import Batch, Delivery
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import read

__all__ = ["Sink"]

_log = logging.getLogger(__name__)

_IN_HAND: Final = 2
"""Batches that wait for the disk before the next is made."""

_LOOK_EVERY_S: Final = 0.5
"""Between looks of a thread that waits for the disk whether those who wait behind it are to be told."""

_GONE: Final = Answer(Verdict.GONE, "nobody waits for the answer any more")


class Sink:
    """Brings requests into a pipeline. Its threads start with :meth:`start`.

    Args:
        pipeline: open.
        options: bounds.
    """

    def __init__(self, pipeline: Pipeline, options: ReceiveOptions) -> None:
        self._pipeline, self._options = pipeline, options
        self._acknowledger = Acknowledger(pipeline, options)
        self._saying = Saying(_log)
        self._state = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._batches: queue.Queue[Batch | None] = queue.Queue(_IN_HAND)
        self._is_closing = False
        self._threads: list[threading.Thread] = []
        self._stopping = Answer(
            Verdict.STOPPING, "the sink is stopping; send this request again", options.retry_overload_s
        )

    @property
    def trouble(self) -> str | None:
        """Why a batch could not be made durable a moment ago; ``None`` while all is well."""
        return self._acknowledger.trouble

    def start(self) -> None:
        """Start the threads.

        Raises:
            RuntimeError: the system has none left.
        """
        for run, name in (
            (self._make_batches, "otel-audit-receive"),
            (self._acknowledge_all, "otel-audit-append"),
        ):
            thread = threads.start(run, name)
            if thread is None:
                raise RuntimeError("no thread can be started")
            self._threads.append(thread)

    def take(self, delivery: Delivery) -> None:
        """Take a request, which is answered later, or at once where nothing can be taken."""
        with self._state:
            refusal = self._refusal()
            if refusal is None:
                self._waiting.append(delivery)
                self._state.notify()
        if refusal is not None:
            delivery.settle(refusal)

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
        self._acknowledger.abandon()
        return not any(thread.is_alive() for thread in self._threads)

    def _refusal(self) -> Answer | None:
        if self._is_closing:
            return self._stopping
        return self._acknowledger.not_durable if self._acknowledger.is_stuck else None

    def _make_batches(self) -> None:
        while (first := self._next()) is not None:
            deliveries, export = self._gather(first)
            if deliveries:
                for batch in self._prepare(deliveries, export):
                    self._hand_on(batch)
        self._batches.put(None)

    def _hand_on(self, batch: Batch) -> None:
        """Wait for the thread that appends. While that can bring nothing on, everybody who waits is told so."""
        while True:
            try:
                self._batches.put(batch, timeout=_LOOK_EVERY_S)
            except queue.Full:
                if self._acknowledger.is_stuck:
                    self._refuse_waiting()
            else:
                return

    def _refuse_waiting(self) -> None:
        with self._state:
            refused, self._waiting = self._waiting, deque()
        for delivery in refused:
            delivery.settle(self._acknowledger.not_durable)

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
            if not self._waiting:
                return None
            request = self._waiting[0].request
            goes_along = (request.sender, request.signal) == (first.request.sender, first.request.signal)
            return self._waiting.popleft() if goes_along else None

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
            self._say("a received request", error)
            delivery.settle(DEFECT)
        return None

    def _prepare(self, deliveries: list[Delivery], export: Export) -> list[Batch]:
        try:
            now = time.time_ns()
            tenant = deliveries[0].request.sender.tenant
            prepared = self._pipeline.prepare(
                export.spans, export.logs, observed_unix_nano=now, tenant=tenant
            )
        except Exception as error:  # noqa: BLE001  (as above)
            self._say("received records", error)
        else:
            return [Batch(deliveries, prepared)]
        if len(deliveries) == 1:
            deliveries[0].settle(DEFECT)
            return []
        # Spans are used up by conversion, so each request is read again.
        parts: list[Batch] = []
        for delivery in deliveries:
            again = self._read(delivery)
            if again is not None:
                parts += self._prepare([delivery], again)
        return parts

    def _acknowledge_all(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._acknowledger.acknowledge(batch)

    def _say(self, about: str, error: Exception) -> None:
        self._saying.error("%s: a defect in the audit path: %s", about, describe_defect(error))
