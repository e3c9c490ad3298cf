"""One request that an application sends, and the client span whose record is to tell of it.

Whoever follows redirects, answers a challenge or tries again below one span makes several requests of one call.
Its record has the request that the application made and the response that it got: the first and the last.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes import http_attributes
from opentelemetry.trace import SpanKind

from otel_audit.convert.span_notes import SpanNotes
from otel_audit.errors import describe_defect
from otel_audit.sdk.capture.active import Capture, active
from otel_audit.sdk.capture.clients.observer import Observer
from otel_audit.sdk.capture.inference import may_keep
from otel_audit.sdk.content_switch import ContentSwitch
from otel_audit.sdk.notes import notes_of_context

__all__ = ["Call", "begin", "harmless"]

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

Headers = Iterable[tuple[str | bytes, str | bytes]]

_TRAIL: Final = "_otel_audit_trail"
"""Member of a span context's ``__dict__``, beside the span's notes (ADR 0041)."""

_LEADS_ON: Final = frozenset({301, 302, 303, 307, 308, 401, 407})
"""Answers after which a client makes another request of the same call: redirects and challenges."""

_NO_BODY: Final = frozenset({101, 204, 304})
"""Answers that have no body (RFC 9110); what comes after 101 is another protocol."""


def harmless(function: Callable[P, T]) -> Callable[P, T | None]:
    """Around what runs between an application and its HTTP client: a defect of ours costs what is captured only."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  (nothing of ours reaches the application)
            _say(describe_defect(error))
            return None

    return wrapper


@functools.lru_cache(maxsize=64)
def _say(defect: str) -> None:
    """Once for each place: it may be one that every request passes."""
    _log.error("a defect in capturing: %s", defect)


class _Trail:
    """The last request of a call. Holds no body: a span's context may live for long."""

    __slots__ = ("status", "target")

    def __init__(self) -> None:
        self.status = 0
        self.target: tuple[str, str] | None = None

    def leads_to(self, target: tuple[str, str]) -> bool:
        """Whether a request belongs to the call; if not, somebody makes several calls below one span."""
        return self.target is None or target == self.target or self.status in _LEADS_ON


class Call:
    """One request. What it sees is kept where its span's record will find it.

    Args:
        capture: what is of interest.
        notes: of the span.
        trail: of the call.
        target: method and URL.
        switch: whether its bodies may be captured.
    """

    __slots__ = ("_capture", "_notes", "_switch", "_tells_request", "_trail")

    def __init__(
        self,
        capture: Capture,
        notes: SpanNotes,
        trail: _Trail,
        target: tuple[str, str],
        switch: ContentSwitch,
    ) -> None:
        self._capture, self._notes, self._trail, self._switch = capture, notes, trail, switch
        # One that was never answered, and is repeated, may have been cut short.
        self._tells_request = trail.target is None or (not trail.status and trail.target == target)
        trail.target, trail.status = target, 0
        # Whatever answered the request before: it is not what the application gets.
        notes.response, notes.response_headers = None, None

    @property
    def max_bytes(self) -> int:
        """What is kept of a body."""
        return self._capture.max_body_bytes

    def see_request(self, headers: Headers, *, has_body: bool, is_encoded: bool = True) -> Observer | None:
        """See the head of the request.

        Args:
            headers: names and values, as they are handed to what sends them.
            has_body: whether a body goes with it that is not seen already.
            is_encoded: whether the body will be seen as it is sent, in its content encoding.

        Returns:
            What is to see the body; ``None`` where nobody wants it.
        """
        if not self._tells_request:
            return None
        headers = list(headers)
        if self._capture.request_headers:
            self._notes.request_headers = self._capture.request_headers.choose(headers)
        if not has_body or not self._capture.request_body or not self._switch.inputs:
            return None
        observer = Observer(None)
        self.start_over(observer, headers, is_encoded=is_encoded)
        return observer

    @harmless
    def start_over(self, observer: Observer, headers: Headers, *, is_encoded: bool = True) -> None:
        """The body of the request is sent from its beginning: what was seen of it so far counts no more."""
        form = _Form(headers, is_encoded=is_encoded)
        recorder = self._notes.request = self._capture.recorder(form.media_type, form.encoding)
        observer.start_over(recorder, form.length)

    def see_response(self, status: int, headers: Headers, *, is_encoded: bool = True) -> Observer | None:
        """See the head of the response; the last one seen counts.

        Args:
            status: its code.
            headers: names and values.
            is_encoded: whether the body will be seen as it was sent, in its content encoding.

        Returns:
            What is to see the body; ``None`` where nobody wants it or there is none.
        """
        self._trail.status = status
        headers = list(headers)
        if self._capture.response_headers:
            self._notes.response_headers = self._capture.response_headers.choose(headers)
        if not self._capture.response_body or not self._switch.outputs or status in _NO_BODY:
            return None
        form = _Form(headers, is_encoded=is_encoded)
        recorder = self._notes.response = self._capture.recorder(form.media_type, form.encoding)
        return Observer(recorder, form.length)


@harmless
def begin(method: str, url: str) -> Call | None:
    """Begin to see a request, where the span of its call is the current one.

    Args:
        method: as sent.
        url: whole.

    Returns:
        ``None`` where nothing is captured, or the current span is none of an HTTP client that goes into a log:
        a server's, that of the library which calls the client, or one with another call already.
    """
    capture = active()
    if capture is None:
        return None
    span: Any = trace.get_current_span()
    if getattr(span, "kind", None) is not SpanKind.CLIENT or not span.is_recording():
        return None
    attributes = getattr(span, "_attributes", None)  # the public property copies them all
    if attributes is None:
        attributes = span.attributes
    if (
        http_attributes.HTTP_REQUEST_METHOD not in attributes
        and http_attributes.HTTP_METHOD not in attributes
    ):
        return None
    context = span.get_span_context()
    notes = notes_of_context(context)
    if notes is None:
        return None
    trail: _Trail | None = context.__dict__.get(_TRAIL)
    if trail is None:
        if notes.is_bound:
            return None
        notes.is_bound = True
        trail = context.__dict__[_TRAIL] = _Trail()
    target = (method, url)
    if not trail.leads_to(target):
        return None
    return Call(capture, notes, trail, target, may_keep(context))


class _Form:
    """What headers say of a body: ``""`` and ``None`` where they say nothing.

    Args:
        headers: of the message.
        is_encoded: whether it is seen as it is sent; if not, its encoding and length are another's.
    """

    __slots__ = ("encoding", "length", "media_type")

    def __init__(self, headers: Headers, *, is_encoded: bool) -> None:
        self.media_type = self.encoding = ""
        self.length: int | None = None
        for name, value in headers:
            known = _text(name).lower()
            if known == "content-type":
                self.media_type = _text(value)
            elif not is_encoded:
                continue
            elif known == "content-encoding":
                self.encoding = f"{self.encoding}, {_text(value)}" if self.encoding else _text(value)
            elif known == "content-length" and _text(value).isdecimal():
                self.length = int(_text(value)[:18])


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
