"""One HTTP call as a wrapper sees it, and the span whose record is to hold it.

A server's wrapper is there before the span: it announces the exchange, and our processor's ``on_start`` gives it
the first server span that starts in its context. Wherever the span is there already, as it is around a client's
transport, the wrapper takes the current one. A span belongs to one exchange at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import SpanKind

from otel_audit.convert.span_notes import SpanNotes
from otel_audit.sdk.capture.active import Capture
from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.notes import notes_of_context

__all__ = ["Exchange", "announce", "bind", "take_back"]

_Headers = Mapping[str, Sequence[str]]

_announced: Final[ContextVar[Exchange | None]] = ContextVar("otel_audit_exchange", default=None)


class Exchange:
    """What is seen of one call. None of its methods raises for what a header or a body holds.

    Args:
        capture: what is of interest.

    Attributes:
        notes: of its span; ``None`` as long as there is none.
        request: the body of the request, if it is captured.
        response: the body of the response, likewise.
    """

    __slots__ = ("_capture", "_request_headers", "_response_headers", "notes", "request", "response")

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.notes: SpanNotes | None = None
        self.request: BodyRecorder | None = None
        self.response: BodyRecorder | None = None
        self._request_headers: _Headers | None = None
        self._response_headers: _Headers | None = None

    def attach(self, notes: SpanNotes) -> bool:
        """Give what is seen to a span's record. Returns False if the span has another exchange."""
        if notes.is_bound:
            return False
        notes.is_bound = True
        self.notes = notes
        self._tell(notes)
        return True

    def attach_to_current(self, kind: SpanKind) -> bool:
        """Likewise to the current span, if it is of this kind and records."""
        span = trace.get_current_span()
        if getattr(span, "kind", None) is not kind or not span.is_recording():
            return False
        notes = notes_of_context(span.get_span_context())
        return notes is not None and self.attach(notes)

    def see_request(
        self, headers: Iterable[tuple[Any, Any]], media_type: str, encoding: str
    ) -> BodyRecorder | None:
        """See the head of the request.

        Args:
            headers: names and values, texts or bytes.
            media_type: the ``Content-Type``; ``""`` where there is none.
            encoding: the ``Content-Encoding``; ``""`` where there is none or the body is seen decoded.

        Returns:
            What is to see the body; ``None`` where it is not captured.
        """
        capture = self._capture
        if capture.request_headers:
            self._request_headers = capture.request_headers.choose(headers)
        if capture.request_body:
            self.request = capture.recorder(media_type, encoding)
        if self.notes is not None:
            self._tell(self.notes)
        return self.request

    def see_response(
        self, headers: Iterable[tuple[Any, Any]], media_type: str, encoding: str
    ) -> BodyRecorder | None:
        """See the head of the response; as :meth:`see_request`. The last one seen counts."""
        capture = self._capture
        if capture.response_headers:
            self._response_headers = capture.response_headers.choose(headers)
        if self.response is not None:
            self.response.end(is_whole=False)
        if capture.response_body:
            self.response = capture.recorder(media_type, encoding)
        if self.notes is not None:
            self._tell(self.notes)
        return self.response

    def end(self) -> None:
        """See the end of the call, whatever way it ended: nothing more of either body comes."""
        if self.request is not None:
            self.request.end(is_whole=False)
        if self.response is not None:
            self.response.end(is_whole=False)

    def _tell(self, notes: SpanNotes) -> None:
        notes.request, notes.response = self.request, self.response
        notes.request_headers, notes.response_headers = self._request_headers, self._response_headers


def announce(exchange: Exchange) -> Token[Exchange | None]:
    """Give the exchange the server span in whose context this is, or else the first that starts in it."""
    exchange.attach_to_current(SpanKind.SERVER)
    return _announced.set(exchange)


def take_back(token: Token[Exchange | None]) -> None:
    """The application has returned: what starts now in this context is no part of the exchange."""
    try:
        _announced.reset(token)
    except ValueError:  # a generator or callback of the application ended it in another context
        _announced.set(None)


def bind(span: Span, notes: SpanNotes) -> None:
    """Give a span that starts to the exchange that was announced, if it is the one of its request."""
    exchange = _announced.get()
    if exchange is not None and exchange.notes is None and span.kind is SpanKind.SERVER:
        exchange.attach(notes)
