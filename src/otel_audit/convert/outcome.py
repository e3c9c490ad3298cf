"""Whether it worked, and if not, why: from span status, status code and exception events.

In this order: what the application says (``audit.outcome``); the span's status ERROR; an exception event,
unless the status is OK; the status code; an error type. An unhandled exception of a gRPC server leaves code 0
and status unset, so the exception event comes before the code. What says nothing of these is ``unknown`` for
a protocol that would have had a code, and ``success`` for other spans: theirs stays unset when all went well.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes import exception_attributes

from otel_audit.convert.spans import EventData, SpanData

__all__ = ["complete_outcome"]

_OK: Final = 1
_ERROR: Final = 2

_EXCEPTION: Final = "exception"
"""Name of exception events: semantic conventions, "Exceptions on spans"."""


def complete_outcome(row: dict[str, object], span: SpanData) -> None:
    """Fills ``outcome``, ``errorCode`` and ``errorMessage``; reads ``protocol`` and ``returnCode``."""
    exception = None
    if span.events:
        exception = next((event for event in reversed(span.events) if event.name == _EXCEPTION), None)
    if span.status_message:
        row["errorMessage"] = span.status_message
    if exception is not None:
        _describe(row, exception)
    if "outcome" not in row:
        row["outcome"] = _judge(row, span.status, exception is not None)


def _judge(row: dict[str, object], status: int, raised: bool) -> str:
    if status == _ERROR or (raised and status != _OK):
        return "failure"
    code = row.get("returnCode")
    protocol = row.get("protocol")
    if isinstance(code, int):
        if protocol == "http":
            if code >= 400:
                return "failure"
            return "success" if code >= 100 else "unknown"
        return "failure" if code else "success"
    if status == _OK:
        return "success"
    if "errorCode" in row or row.get("modelInfo.finishReasons") == ["error"]:
        return "failure"
    return "success" if protocol in (None, "mcp") or "modelInfo.operation" in row else "unknown"


def _describe(row: dict[str, object], exception: EventData) -> None:
    """Takes type and message of an exception where span and status do not say them."""
    kind = exception.attributes.get(exception_attributes.EXCEPTION_TYPE)
    if isinstance(kind, str) and kind:
        row.setdefault("errorCode", kind)
    message = exception.attributes.get(exception_attributes.EXCEPTION_MESSAGE)
    if isinstance(message, str) and message:
        row.setdefault("errorMessage", message)
