"""JSON Schema of one NDJSON record, from the table of fields."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from otel_audit.query.request import OUTCOMES
from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS, SCHEMA_MINOR_VERSION, Field
from otel_audit.record.streams import STREAMS

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_INSTANT: Final = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$",
}

_HEX_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

_CLOSED: Final[dict[str, dict[str, Any]]] = {
    "recordId": {"type": "string", "pattern": _HEX_ID},
    "schemaVersion": {"const": SCHEMA_MINOR_VERSION.partition(".")[0]},
    "stream": {"enum": list(STREAMS)},
    "outcome": {"enum": list(OUTCOMES)},
    "sequence": {"type": "integer", "minimum": 1},
    # JSON texts whose outermost value is always the same; request and response hold any value.
    "attributes": {"type": "object"},
    "resource": {"type": "object"},
    "changes": {"type": "array"},
}
"""What the type of the column does not say."""

_ALWAYS: Final = ("recordId", "schemaVersion", "stream", "eventName", "timestamp", "observedTimestamp")
"""Fields that every record has; any other is left out where it is null or empty."""


def record_schema() -> dict[str, Any]:
    """The schema, ready for ``json.dumps``. It allows top-level fields that schema 1 does not have yet."""
    return {
        "$schema": _DIALECT,
        "title": f"otel-audit record, schema {SCHEMA_MINOR_VERSION}",
        "description": "One line of an NDJSON file. Fields that are null or empty are left out.",
        "type": "object",
        "required": list(_ALWAYS),
        "properties": {
            field.name: {"description": field.meaning, **_of_field(field)}
            for field in FIELDS
            if field.name not in EXACT_TIMES.values()
        },
    }


def _of_field(field: Field) -> dict[str, Any]:
    if field.name in _CLOSED:
        return _CLOSED[field.name]
    if field.name in EXACT_TIMES:
        return _INSTANT
    if field.name in JSON_COLUMNS:
        return {}
    return _of_type(field.type)


def _of_type(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_string(kind):
        return {"type": "string"}
    if pa.types.is_boolean(kind):
        return {"type": "boolean"}
    if pa.types.is_integer(kind):
        return {"type": "integer"}
    if pa.types.is_map(kind):
        return {"type": "object", "additionalProperties": _of_type(kind.item_type)}
    if pa.types.is_list(kind):
        return {"type": "array", "items": _of_type(kind.value_type)}
    if pa.types.is_struct(kind):
        children = {child.name: _of_type(child.type) for child in kind}
        return {"type": "object", "properties": children, "additionalProperties": False}
    raise TypeError(f"no JSON Schema for {kind}")
