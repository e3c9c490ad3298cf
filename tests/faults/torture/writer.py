"""A writer: an application that makes spans and events, and says of each when it ended and when it was safe.

What it says goes to standard output, a line each: ``ended <id>``, ``acknowledged <id>``. An id is a span's, or a
record's for what is emitted. It works until its standard input is closed.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes import http_attributes, url_attributes
from opentelemetry.trace import SpanKind

import otel_audit
from faults.torture.surroundings import place
from otel_audit.sdk.processor import AuditSpanProcessor


class Writer:
    """One application.

    Args:
        destination: of its log.
        spool: shared with others.
        delivery: ``blocking`` or ``strict``.
        seed: of what it does.
    """

    def __init__(self, destination: str, spool: str, delivery: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.processor = AuditSpanProcessor(
            destination=destination,
            spool=spool,
            delivery=delivery,
            rotation={"max_age": "700ms", "max_bytes": "256KiB"},
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.logger = otel_audit.get_audit_logger()
        self.waiting: list[str] = []
        self._tracer = self.provider.get_tracer("torture")

    def spans(self) -> list[Span]:
        """Some that have begun: requests and model calls, small and large."""
        return [self._span() for _ in range(self.random.randint(1, 40))]

    def _span(self) -> Span:
        if self.random.random() < 0.3:
            attributes = {
                gen_ai.GEN_AI_OPERATION_NAME: "chat",
                gen_ai.GEN_AI_PROVIDER_NAME: "openai",
                gen_ai.GEN_AI_REQUEST_MODEL: "gpt-4o-mini",
                gen_ai.GEN_AI_RESPONSE_ID: f"chatcmpl-{self.random.getrandbits(64):x}"
                * self.random.randint(1, 99),
            }
            return self._tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=attributes)
        attributes = {
            http_attributes.HTTP_REQUEST_METHOD: "GET",
            http_attributes.HTTP_ROUTE: "/orders/{id}",
            http_attributes.HTTP_RESPONSE_STATUS_CODE: self.random.choice((200, 201, 404, 500)),
            url_attributes.URL_PATH: f"/orders/{self.random.randint(1, 10**9)}",
        }
        return self._tracer.start_span("GET /orders/{id}", kind=SpanKind.SERVER, attributes=attributes)


def blocking(writer: Writer) -> None:
    """Safe is what had ended when a flush succeeded."""
    spans = writer.spans()
    writer.waiting += tell("ended", map(span_id, spans))
    for span in spans:
        span.end()
    if writer.processor.force_flush(3_000):
        tell("acknowledged", writer.waiting)
        writer.waiting.clear()


def strict(writer: Writer) -> None:
    """Safe is a span whose end returned, unless the health says that it is not on the disk, or given up."""
    for span in writer.spans():
        (ended,) = tell("ended", [span_id(span)])
        lost = writer.processor.health().lost
        span.end()
        health = writer.processor.health()
        if health.is_ok and health.lost == lost:
            tell("acknowledged", [ended])


def emit(writer: Writer) -> None:
    """Safe is what there is a receipt for."""
    for _ in range(writer.random.randint(1, 10)):
        try:
            receipt = writer.logger.emit(
                "order.cancel", actor_id="u1", action="CANCEL", outcome="success", timeout_s=5.0
            )
        except otel_audit.NotDurable:
            continue
        tell("ended", [receipt.record_id])
        tell("acknowledged", [receipt.record_id])


def hasty(writer: Writer) -> None:
    """Says safe what is not: with this the torture must find losses, or it finds none that are there."""
    for span in writer.spans():
        span.end()
        tell("acknowledged", [span_id(span)])


MODES: dict[str, tuple[str, Callable[[Writer], None]]] = {
    "blocking": ("blocking", blocking),
    "strict": ("strict", strict),
    "emit": ("blocking", emit),
    "hasty": ("blocking", hasty),
}
"""Mode → the delivery it needs, and one round of work."""


def span_id(span: Span) -> str:
    """As a record has it."""
    return f"{span.get_span_context().span_id:016x}"


def tell(what: str, ids: Iterable[str]) -> list[str]:
    """Say it, at once: the next moment may be the last."""
    told = list(ids)
    sys.stdout.write("".join(f"{what} {each}\n" for each in told))
    sys.stdout.flush()
    return told


def main() -> None:
    """Work until told to stop, then drain what the slot of the spool holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--destination", required=True)
    parser.add_argument("--spool", required=True)
    parser.add_argument("--surroundings", type=Path, help="a folder in which it is said what fails around it")
    parser.add_argument("--mode", choices=MODES, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--drain", action="store_true", help="one round, and wait until all is committed")
    arguments = parser.parse_args()
    if arguments.surroundings is not None:
        place(arguments.surroundings)
    delivery, work = MODES[arguments.mode]
    writer = Writer(arguments.destination, arguments.spool, delivery, arguments.seed)
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    work(writer)
    if arguments.drain:
        tell("drained", [str(writer.processor.force_flush(120_000))])
        stop.wait()
    while not stop.wait(writer.random.uniform(0.0, 0.05)):
        work(writer)
    writer.processor.shutdown()


if __name__ == "__main__":
    main()
