"""Request and response bodies that a span itself carries."""

from __future__ import annotations

import base64
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.inference import json_text
from otel_audit.convert.sorter import Room, Sorted
from otel_audit.convert.spans import Value

__all__ = ["complete_bodies"]

_NAMES: Final = (
    ("request", ("http.request.body.content", "http.request.body")),
    ("response", ("http.response.body.content", "http.response.body")),
)
"""No convention names them yet; these are what gateways and hand-made instrumentation write."""


def complete_bodies(found: Sorted, oddities: list[str]) -> None:
    """Fills ``request`` and ``response`` with JSON text, and ``…Base64`` with what is not text."""
    if not found.rooms & Room.BODY:
        return
    for leaf, names in _NAMES:
        for name in names:
            value = found.held.get(name)
            if value is None or leaf in found.row:
                continue
            if isinstance(value, bytes):
                text = _text(value)
                if text is None:
                    found.row[f"{leaf}Base64"] = base64.b64encode(value).decode()
                    del found.held[name]
                    continue
                value = text
            found.row[leaf] = _json(value, oddities)
            del found.held[name]


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _json(value: Value, oddities: list[str]) -> str:
    """Returns JSON as it is, minified, and any other text as a JSON string."""
    if isinstance(value, str):
        ignored: list[str] = []
        tree = json_text.parse(value, ignored)
        if not isinstance(tree, json_text._Unreadable):
            oddities += ignored
            value = tree
    elif not isinstance(value, list | dict):
        oddities.append(notes.WRONG_TYPE)
    return json_text.dump(value)
