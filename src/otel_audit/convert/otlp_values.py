"""Attribute values of OTLP's protobuf messages made plain, one by one: what defines how they are read."""

from __future__ import annotations

from typing import Any

from otel_audit.convert import notes
from otel_audit.convert.spans import Attributes, Value
from otel_audit.convert.values import MAX_DEPTH, TOO_DEEP, unused_key

__all__ = ["read_attributes", "read_value"]


def read_attributes(items: Any, oddities: list[str], depth: int = 0) -> Attributes:
    """Reads ``KeyValue`` messages; of those that have one key the later are kept under others.

    Args:
        items: the messages.
        oddities: takes notes of what had to be changed.
        depth: levels already above these.
    """
    attributes: Attributes = {}
    for item in items:
        key = item.key
        if key in attributes:
            key = unused_key(attributes, key, oddities)
        value = item.value
        # Most values are text, and of one that is not empty the kind need not be asked: one call in four less.
        attributes[key] = value.string_value or read_value(value, oddities, depth)
    return attributes


def read_value(value: Any, oddities: list[str], depth: int = 0) -> Value:
    """Reads an ``AnyValue`` message; ``None`` where it holds nothing."""
    match kind := value.WhichOneof("value"):
        case "array_value" | "kvlist_value":
            if depth >= MAX_DEPTH:
                oddities.append(notes.TOO_DEEP)
                return TOO_DEEP
            if kind == "kvlist_value":
                return read_attributes(value.kvlist_value.values, oddities, depth + 1)
            return [
                item.string_value or read_value(item, oddities, depth + 1)
                for item in value.array_value.values
            ]
        case None:
            return None
        case _:
            plain: Value = getattr(value, kind)
            return plain
