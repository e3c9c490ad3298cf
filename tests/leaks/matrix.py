"""Each kind of value in each disguise, over the places of a span and the ways in which a call may end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, Status, StatusCode

from leaks.disguises import DISGUISES, RARE_DISGUISES
from leaks.samples import SAMPLES, Sample
from leaks.spans import ATTRIBUTES, END, START, raised

_PIECES = 3
_BETWEEN_DOORS = 17


def _succeeds(span: Span, text: str) -> None:
    span.set_attribute("http.response.status_code", 200)
    span.set_attribute("app.answer", text)


def _fails(span: Span, text: str) -> None:
    span.set_attribute("http.response.status_code", 500)
    span.set_attribute("error.type", "ValueError")
    span.set_status(Status(StatusCode.ERROR, f"ValueError: {text}"))


def _raises(span: Span, text: str) -> None:
    span.record_exception(raised(text), {"exception.note": text}, START + 1)
    span.set_status(Status(StatusCode.ERROR, text))


def _is_tried_again(span: Span, text: str) -> None:
    span.set_attribute("http.request.resend_count", 2)
    for attempt in range(2):
        span.add_event("retry", {"attempt": attempt, "reason": f"no answer: {text}"}, START + 1 + attempt)


def _streams(span: Span, text: str) -> None:
    size = -(-len(text) // _PIECES)
    for number, at in enumerate(range(0, len(text), size)):
        span.add_event("chunk", {"n": number, "delta": text[at : at + size]}, START + 1 + number)


PATHS: dict[str, Callable[[Span, str], None]] = {
    "success": _succeeds,
    "error": _fails,
    "exception": _raises,
    "retry": _is_tried_again,
    "stream": _streams,
}
"""What an instrumentation adds to a span, by how the call ended."""


@dataclass(frozen=True, slots=True)
class Case:
    """A value in a disguise, at a place, on a path."""

    sample: Sample
    disguise: str
    place: str
    path: str

    @property
    def text(self) -> str:
        return {**DISGUISES, **RARE_DISGUISES}[self.disguise](self.sample.text)


def cases(door: int) -> Iterator[Case]:
    """The cases for a door, always the same: each value in each disguise, at places and on paths that go round, so
    that each place has each value and nearly each disguise.

    Args:
        door: 0 or 1; they share few cases.
    """
    places, paths = list(ATTRIBUTES), list(PATHS)
    number = door * _BETWEEN_DOORS
    for sample in SAMPLES:
        number += 1  # else a disguise would meet the same places with each sample
        for disguise in (*DISGUISES, *RARE_DISGUISES):
            place = places[number % len(places)]
            # A server's address is the callee's: the schema keeps it.
            if not (place == "server" and sample.recognizer in ("ipv4", "ipv6")):
                yield Case(sample, disguise, place, paths[number % len(paths)])
            number += 1


def end_spans(provider: TracerProvider, door: int) -> int:
    """Ends a span for each case. Returns how many they were."""
    tracer, count = provider.get_tracer("web", "1"), 0
    for case in cases(door):
        kind, make = ATTRIBUTES[case.place]
        span = tracer.start_span("GET", kind=kind, attributes=make(case.text), start_time=START)
        PATHS[case.path](span, case.text)
        span.end(END)
        count += 1
    return count
