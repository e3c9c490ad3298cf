"""How large a span is, roughly: what bounds the queue in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from otel_audit.convert.span_notes import NOTES_KEY

__all__ = ["weigh", "weigh_value"]

_SPAN: Final = 1024
"""Objects of a span itself."""

_VALUE: Final = 100
"""Key and value of an attribute, as Python objects, without the text."""


def weigh(item: Any) -> int:
    """Bytes that a span or an event holds in memory, estimated from its attributes. Never raises."""
    known: int | None = getattr(item, "weight", None)
    if known is not None:
        return _SPAN + known
    try:
        # Private slots of the SDK: its public properties copy, and its mapping looks every value up under a lock.
        attributes = getattr(item, "_attributes", None) or item.attributes or {}
        weight = _SPAN + _of(getattr(attributes, "_dict", attributes))
        events = getattr(item, "_events", None)
        if events:
            weight += sum(_SPAN + _of(event.attributes or {}) for event in events)
        context = getattr(item, "_context", None)
        notes = None if context is None else context.__dict__.get(NOTES_KEY)
        if notes is not None and notes.content:
            weight += weigh_value(notes.content)
    except Exception:  # noqa: BLE001  (a span may hold anything; an estimate must not cost it)
        return _SPAN
    return weight


def _of(attributes: Mapping[str, Any]) -> int:
    weight = _VALUE * len(attributes)
    for value in attributes.values():
        kind = type(value)
        if kind is str or kind is bytes:
            weight += len(value)
        elif kind is tuple or kind is list:
            weight += sum(_VALUE + (len(part) if type(part) is str else 0) for part in value)
    return weight


def weigh_value(value: object) -> int:
    """Bytes of a plain value, at any depth. Values are at most as deep as ``convert/values.py`` lets them be."""
    if isinstance(value, str | bytes):
        return _VALUE + len(value)
    if isinstance(value, list):
        return _VALUE + sum(map(weigh_value, value))
    if isinstance(value, dict):
        return _VALUE + sum(_VALUE + len(key) + weigh_value(inner) for key, inner in value.items())
    return _VALUE
