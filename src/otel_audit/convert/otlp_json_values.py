"""Fields and attribute values of OTLP's JSON encoding, in every spelling that senders use.

What a field cannot mean is kept as text where there is room for it, and noted; nothing here raises.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.spans import Attributes, Value
from otel_audit.convert.values import MAX_DEPTH, TOO_DEEP, clean_text, unused_key

__all__ = [
    "listed",
    "read_attributes",
    "read_id",
    "read_integer",
    "read_kind",
    "read_status",
    "read_text",
    "read_value",
]

_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
"""By number; 0 is unspecified, which the specification lets receivers take for internal."""

_KIND_NAMES: Final = {"SPAN_KIND_" + kind.upper(): kind for kind in _KINDS}
_STATUS_NAMES: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}

_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){1,32}")


def read_attributes(items: Any, oddities: list[str], depth: int = 0) -> Attributes:
    """Reads a list of ``KeyValue``; of a key that comes twice, every value is kept."""
    attributes: Attributes = {}
    for item in listed(items, oddities):
        key = item.get("key")
        name = _foreign(key, oddities)
        if name in attributes:
            name = unused_key(attributes, name, oddities)
        attributes[name] = read_value(item.get("value"), oddities, depth)
    return attributes


def read_value(value: Any, oddities: list[str], depth: int) -> Value:
    """Reads an ``AnyValue``, which may be missing."""
    if not isinstance(value, Mapping):
        if value is not None:
            oddities.append(notes.WRONG_TYPE)
        return None if value is None else _foreign(value, oddities)
    for kind, item in value.items():
        match kind:
            case "stringValue":
                return read_text(item, oddities)
            case "boolValue":
                return item if isinstance(item, bool) else _mistyped(item, oddities)
            case "intValue":
                return _read_exact_integer(item, oddities)
            case "doubleValue":
                return _read_double(item, oddities)
            case "bytesValue":
                return _read_bytes(item, oddities)
            case "arrayValue" | "kvlistValue":
                if depth >= MAX_DEPTH:
                    oddities.append(notes.TOO_DEEP)
                    return TOO_DEEP
                values = item.get("values") if isinstance(item, Mapping) else None
                if kind == "kvlistValue":
                    return read_attributes(values, oddities, depth + 1)
                if not isinstance(values, list):
                    return []
                return [read_value(entry, oddities, depth + 1) for entry in values]
    return None


def _read_exact_integer(item: Any, oddities: list[str]) -> Value:
    if isinstance(item, int) and not isinstance(item, bool):
        return item
    if isinstance(item, str):
        try:
            return int(item)
        except ValueError:
            return _mistyped(item, oddities)
    if isinstance(item, float) and item.is_integer():
        return int(item)
    return _mistyped(item, oddities)


def _read_double(item: Any, oddities: list[str]) -> Value:
    if isinstance(item, int | float) and not isinstance(item, bool):
        try:
            return float(item)
        except OverflowError:
            return _mistyped(item, oddities)
    if isinstance(item, str):
        try:
            return float(item)
        except ValueError:
            return _mistyped(item, oddities)
    return _mistyped(item, oddities)


def _read_bytes(item: Any, oddities: list[str]) -> Value:
    try:
        return base64.b64decode(item, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return _mistyped(item, oddities)


def _mistyped(item: Any, oddities: list[str]) -> Value:
    oddities.append(notes.WRONG_TYPE)
    if item is None or isinstance(item, bool | int | float):
        return item
    return _foreign(item, oddities)


def read_text(item: Any, oddities: list[str]) -> str:
    """Returns text; ``""`` where it is missing, JSON text where it is none."""
    if isinstance(item, str):
        return item if item.isascii() else clean_text(item, oddities)
    if item is None:
        return ""
    oddities.append(notes.WRONG_TYPE)
    return _foreign(item, oddities)


def _foreign(item: Any, oddities: list[str]) -> str:
    """Returns what stands where text belongs, as JSON text."""
    try:
        return clean_text(item if isinstance(item, str) else json.dumps(item), oddities)
    except RecursionError:
        return TOO_DEEP


def listed(items: Any, oddities: list[str]) -> list[Mapping[str, Any]]:
    """Returns the objects of a list, which may be missing."""
    if items is None:
        return []
    if not isinstance(items, list):
        oddities.append(notes.WRONG_TYPE)
        return []
    objects = [item for item in items if isinstance(item, Mapping)]
    if len(objects) != len(items):
        oddities.append(notes.WRONG_TYPE)
    return objects


def read_integer(item: Any, oddities: list[str]) -> int:
    """Returns a time or count; 0 where it is missing or no number."""
    if isinstance(item, str):
        try:
            return int(item)
        except ValueError:
            pass
    elif isinstance(item, int) and not isinstance(item, bool):
        return item
    elif isinstance(item, float) and item.is_integer():
        return int(item)
    elif item is None:
        return 0
    oddities.append(notes.WRONG_TYPE)
    return 0


def read_status(code: Any) -> int:
    """Returns a status code by number or name; 0, unset, for anything else."""
    if isinstance(code, str):
        return _STATUS_NAMES.get(code, 0)
    return code if isinstance(code, int) and code in (0, 1, 2) else 0


def read_kind(item: Any, oddities: list[str]) -> str:
    """Returns a span kind by number or name; ``internal`` for anything else."""
    if isinstance(item, str) and item in _KIND_NAMES:
        return _KIND_NAMES[item]
    if isinstance(item, int) and 0 <= item < len(_KINDS):
        return _KINDS[item]
    if item is not None and item != "SPAN_KIND_UNSPECIFIED":
        oddities.append(notes.WRONG_TYPE)
    return "internal"


def read_id(item: Any, size: int, key: str, attributes: Attributes, oddities: list[str]) -> str:
    """Returns lower-case hex; what is none goes among the attributes, so that it is not lost."""
    if item is None or item == "":
        return ""
    if isinstance(item, str):
        lowered = item.lower()
        if _HEX.fullmatch(lowered):
            return lowered
        try:
            raw = base64.b64decode(item, validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) == size:
            return raw.hex()
    attributes[unused_key(attributes, key, oddities)] = read_text(item, oddities)
    oddities.append(notes.ID_MALFORMED)
    return ""
