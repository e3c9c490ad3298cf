"""Where both doors bring what they received: room, sink, stopping, health and figures in one place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping

from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.answers import Answer, Verdict
from otel_audit.receive.audit_sink import AuditSink
from otel_audit.receive.delivery import Delivery
from otel_audit.receive.figures import Figures, Labels, exposition
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request
from otel_audit.receive.room import Room
from otel_audit.receive.siblings import Siblings
from otel_audit.receive.sink import Sink

__all__ = ["Desk"]


class Desk:
    """Takes requests on the thread of one event loop.

    Args:
        pipeline: open.
        options: bounds.
        siblings: other workers on the same ports; ``None`` where there are none.
    """

    def __init__(self, pipeline: Pipeline, options: ReceiveOptions, siblings: Siblings | None = None) -> None:
        self._siblings = siblings
        self.options = options
        self.room = Room(options)
        self.figures = Figures()
        self.is_stopping = False
        self._pipeline = pipeline
        self._sink = Sink(pipeline, options)
        self._sink.start()
        self._audit_sink = AuditSink(pipeline, options)
        self._audit_sink.start()
        self.overloaded = Answer(
            Verdict.OVERLOADED, "too many requests wait; send this one again", options.retry_overload_s
        )
        self.stopping = Answer(
            Verdict.STOPPING, "the sink is stopping; send this request again", options.retry_overload_s
        )

    async def deliver(self, request: Request) -> Answer:
        """Bring a request, whose bytes are held by the room, to its answer.

        The room holds them until it is answered, also where whoever waited has gone: until then they take memory.
        """
        size = len(request.body)
        refusal = self.refusal()
        if refusal is None and not self.room.enter():
            refusal = self.overloaded
        if refusal is not None:
            self.room.release(size)
            return refusal
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()

        def tell(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        def settle(answer: Answer) -> None:
            self.room.leave(size)
            # The server may have ended without waiting for this one.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, answer)

        sink = self._audit_sink if request.is_audit else self._sink
        sink.take(Delivery(request, settle, answered.cancelled))
        return await answered

    def refusal(self) -> Answer | None:
        """What everybody is told now who brings a request; ``None`` while they are taken."""
        return self.stopping if self.is_stopping else None

    def trouble(self) -> str | None:
        """Why requests would be refused now; ``None`` while they are taken."""
        return "stopping" if self.is_stopping else self._sink.trouble or self._audit_sink.trouble

    async def close(self, timeout_s: float) -> bool:
        """Answer what waits and take nothing more. Returns False if the time ran out."""
        self.is_stopping = True
        sinks = (self._sink, self._audit_sink)
        return all(await asyncio.gather(*(asyncio.to_thread(sink.close, timeout_s) for sink in sinks)))

    def metrics(self) -> bytes:
        """Prometheus' text, of all workers."""
        ours = self._metrics()
        return exposition(ours if self._siblings is None else self._siblings.with_others(ours))

    def leave_metrics(self) -> None:
        """Leave ours to the other workers, if there are any. Raises OSError."""
        if self._siblings is not None:
            self._siblings.leave(self._metrics())

    def _metrics(self) -> Iterator[tuple[str, str, str, Mapping[Labels, float]]]:
        yield from self.figures.metrics()
        yield _gauge("waiting_requests", "Requests that wait for their answer", self.room.requests)
        yield _gauge("waiting_bytes", "Their bytes, and those that arrived of others", self.room.bytes)
        yield _gauge("spool_bytes", "Bytes of the spool that this process uses", self._pipeline.spool_bytes())
        yield _gauge("ready", "1 while requests are taken", self.trouble() is None)
        copies = self._pipeline.copies
        if copies is not None:
            known: dict[Labels, float] = {
                (("content", "same"),): float(copies.same),
                (("content", "differing"),): float(copies.differing),
            }
            yield "otel_audit_copies_total", "counter", "Records that came under an id that was known", known
        breaks, conflicts = self._audit_sink.breaks, self._audit_sink.conflicts
        yield "otel_audit_chain_breaks_total", "counter", "Audit records that broke a chain", {(): breaks}
        yield "otel_audit_conflicts_total", "counter", "Audit requests refused for an id", {(): conflicts}
        lost: dict[Labels, float] = {
            (("cause", cause),): float(count) for cause, count in self._pipeline.losses.total.items()
        }
        yield "otel_audit_lost_records_total", "counter", "Records lost, each in a gap record", lost
        causes: dict[Labels, float] = {(("cause", cause),): 1.0 for _, cause in self._pipeline.troubles()}
        yield "otel_audit_destination_trouble", "gauge", "Why a destination takes no records now", causes


def _gauge(name: str, meaning: str, value: float) -> tuple[str, str, str, Mapping[Labels, float]]:
    return f"otel_audit_{name}", "gauge", meaning, {(): float(value)}
