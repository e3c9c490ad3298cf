"""How large a span is, roughly: what bounds the queue in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["weigh"]

_SPAN: Final = 1024
"""Objects of a span itself."""

_VALUE: Final = 100
"""Key and value of an attribute, as Python objects, without the text."""


def weigh(item: Any) -> int:
    """Bytes that a span or an emitted event holds in memory, estimated from its attributes. Never raises."""
    try:
        # Private slots of the SDK: its public properties copy, and its mapping looks every value up under a lock.
        attributes = getattr(item, "_attributes", None) or item.attributes or {}
        weight = _SPAN + _of(getattr(attributes, "_dict", attributes))
        events = getattr(item, "_events", None)
        if events:
            weight += sum(_SPAN + _of(event.attributes or {}) for event in events)
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
