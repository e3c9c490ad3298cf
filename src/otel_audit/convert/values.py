"""Attribute values made plain: what both doors do to a value before anything reads it.

A plain value is ``str`` without lone surrogates, ``bool``, ``int``, ``float``, ``bytes``, ``None``, or a list
or string-keyed dict of plain values, nested at most :data:`MAX_DEPTH` levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from otel_audit.convert import notes
from otel_audit.convert.spans import Value

__all__ = ["MAX_DEPTH", "clean_text", "plain", "unused_key"]

MAX_DEPTH: Final = 48
"""Deeper levels are replaced by :data:`TOO_DEEP`: JSON writers and readers stop at a few hundred, and a
record's own structure and masking need room above this."""

TOO_DEEP: Final = "[nested too deeply]"

_EXACT: Final = frozenset({str, bool, int, float, bytes, type(None)})


def clean_text(text: str, oddities: list[str]) -> str:
    """Returns ``text`` as an exact ``str`` that UTF-8 can encode.

    Surrogates that form a pair become their character, lone ones U+FFFD.
    """
    if type(text) is not str:
        text = str.__str__(text)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        oddities.append(notes.SURROGATES)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def plain(value: object, oddities: list[str], depth: int = 0) -> Value:
    """Returns a plain copy of ``value``; what has no plain form is written as text.

    Args:
        value: anything.
        oddities: takes notes of what had to be changed.
        depth: levels already above this value.
    """
    if isinstance(value, str):
        return clean_text(value, oddities)
    kind = type(value)
    if kind in _EXACT:
        return value  # type: ignore[return-value]  # one of the six scalar types
    # Subclasses (enumerations, numpy scalars) count as the type that they extend, as OTLP encoders see them.
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            oddities.append(notes.TOO_DEEP)
            return TOO_DEEP
        copy: dict[str, Value] = {}
        for key, item in value.items():
            name = clean_text(key if isinstance(key, str) else str(key), oddities)
            copy[unused_key(copy, name, oddities)] = plain(item, oddities, depth + 1)
        return copy
    if isinstance(value, Sequence):
        if depth >= MAX_DEPTH:
            oddities.append(notes.TOO_DEEP)
            return TOO_DEEP
        return [plain(item, oddities, depth + 1) for item in value]
    oddities.append(notes.WRONG_TYPE)
    return clean_text(str(value), oddities)


def unused_key(taken: Mapping[str, object], key: str, oddities: list[str]) -> str:
    """Returns ``key``, or ``key#2``, ``key#3`` … where it is taken already: nothing is overwritten."""
    if key not in taken:
        return key
    oddities.append(notes.DUPLICATE_KEY)
    number = 2
    while f"{key}#{number}" in taken:
        number += 1
    return f"{key}#{number}"
