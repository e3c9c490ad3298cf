"""How large a span is, roughly: what bounds the queue in bytes."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["weigh"]

_SPAN: Final = 1024
"""Objects of a span itself."""

_VALUE: Final = 100
"""Key and value of an attribute, as Python objects, without the text."""


def weigh(item: Any) -> int:
    """Bytes that a span or an emitted event holds in memory, estimated from its attributes. Never raises."""
    try:
        # The SDK's private slot: its public property copies every attribute.
        attributes = getattr(item, "_attributes", None) or item.attributes or {}
        weight = _SPAN + _of(attributes)
        for event in getattr(item, "events", ()):
            weight += _SPAN + _of(event.attributes or {})
    except Exception:  # noqa: BLE001  (a span may hold anything; an estimate must not cost it)
        return _SPAN
    return weight


def _of(attributes: Any) -> int:
    weight = 0
    # The SDK's mapping looks every value up again, one by one, under a lock; what it wraps does not.
    for value in getattr(attributes, "_dict", attributes).values():
        weight += _VALUE
        if isinstance(value, str | bytes):
            weight += len(value)
        elif isinstance(value, tuple | list):
            weight += sum(_VALUE + len(part) if isinstance(part, str) else _VALUE for part in value)
    return weight
