"""The canonical form of a record as it is sent, over which its proof is made.

Rules (the draft's ``data-model.md``, "Integrity Attributes"; RFC 8785 for the bytes):

1. The record is a JSON object with the names of OTLP/JSON: ``timeUnixNano``, ``observedTimeUnixNano``,
   ``eventName``, ``body``, ``traceId``, ``spanId`` and ``attributes``, an object by attribute name. What is not set is
   left out.
2. Left out are ``audit.integrity.*``, severity, resource and instrumentation scope, and an attribute ``event.name``
   that only repeats the event name.
3. Each value is wrapped by its type, as in OTLP/JSON: ``{"stringValue": …}``, ``intValue``, ``doubleValue``,
   ``boolValue``, ``bytesValue`` (base64), ``{"arrayValue": {"values": […]}}``, ``{"kvlistValue": {"values":
   [{"key": …, "value": …}]}}`` with its keys in order of their code points; ``{}`` where it has none.
4. Nanoseconds are decimal strings; so is an ``intValue`` beyond 2^53 - 1.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import rfc8785
from opentelemetry.semconv._incubating.attributes.event_attributes import EVENT_NAME

from otel_audit.audit_signal.names import INTEGRITY
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.spans import Attributes, LogData, Value
from otel_audit.errors import InputError

__all__ = ["any_value", "canonical_form"]

_IDS: Final = (("traceId", "trace_id"), ("spanId", "span_id"))


def canonical_form(log: LogData) -> bytes:
    """Returns the bytes that a proof covers.

    Raises:
        InputError: a value has no canonical form: a number that is none, or text with half a character.
    """
    record: dict[str, Any] = {
        "timeUnixNano": str(log.time_unix_nano),
        "eventName": log.name,
        "attributes": {
            name: any_value(value) for name, value in log.attributes.items() if _is_covered(log, name, value)
        },
    }
    if log.observed_unix_nano:
        record["observedTimeUnixNano"] = str(log.observed_unix_nano)
    if log.body is not None:
        record["body"] = any_value(log.body)
    for name, field in _IDS:
        if digits := getattr(log, field):
            record[name] = digits
    try:
        return rfc8785.dumps(record)
    except rfc8785.CanonicalizationError:
        raise InputError("a value has no canonical form") from None


def any_value(value: Value) -> dict[str, Any]:
    """Returns a value as OTLP/JSON has it, ``AnyValue``."""
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": value if abs(value) <= MAX_EXACT else str(value)}
        case float():
            return {"doubleValue": value}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case list():
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": [_member(key, value) for key in sorted(value)]}}
        case None:
            return {}


def _member(key: str, members: Attributes) -> dict[str, Any]:
    return {"key": key, "value": any_value(members[key])}


def _is_covered(log: LogData, name: str, value: Value) -> bool:
    return not name.startswith(INTEGRITY) and not (name == EVENT_NAME and value == log.name)
