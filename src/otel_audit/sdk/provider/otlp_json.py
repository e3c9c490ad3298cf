"""Records as ``ExportLogsServiceRequest`` in OTLP/JSON, and back.

opentelemetry-proto 1.x, ``logs_service.proto``, in the JSON mapping of the OTLP specification. The instrumentation
scope stays empty, as the draft asks for, and so does severity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from otel_audit.audit_signal.canonical import any_value
from otel_audit.convert.from_otlp import read_export
from otel_audit.convert.spans import Attributes, LogData

__all__ = ["decode_request", "encode_request"]


def encode_request(records: Sequence[LogData]) -> bytes:
    """Returns the body of an export; records with the same resource stand together, in their order."""
    groups: dict[bytes, dict[str, Any]] = {}
    for record in records:
        resource = {"attributes": _attributes(record.resource.attributes)}
        key = orjson.dumps(resource)
        group = groups.setdefault(key, {"resource": resource, "scopeLogs": [{"logRecords": []}]})
        group["scopeLogs"][0]["logRecords"].append(_record(record))
    return orjson.dumps({"resourceLogs": list(groups.values())})


def decode_request(body: bytes) -> list[LogData]:
    """Returns the records of what :func:`encode_request` made.

    Raises:
        InputError: it is something else.
    """
    return read_export(body, format="json", signal="logs").logs


def _record(record: LogData) -> dict[str, Any]:
    made: dict[str, Any] = {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_unix_nano),
        "eventName": record.name,
        "attributes": _attributes(record.attributes),
    }
    if record.body is not None:
        made["body"] = any_value(record.body)
    if record.trace_id:
        made["traceId"] = record.trace_id
    if record.span_id:
        made["spanId"] = record.span_id
    return made


def _attributes(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]
