"""Columns that hold JSON texts: fit to be embedded in a line, and read one member deep.

A text is never decoded into values and encoded again: numbers would change, and with them the hashes. What is
taken out of it is taken as the bytes that are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from otel_audit.record.buffers import Array, data, offsets
from otel_audit.record.notes import OBSERVED, OWN_KEYS, PARTITIONED_BY

__all__ = ["as_one_line", "escape_separators", "says_observed", "without_own_notes"]

Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

_FIRST_PRINTABLE: Final = 0x20
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[^"]+', re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")

_ESCAPES: Final = {0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Ends of line for JavaScript and for some readers of NDJSON; legal within JSON."""
_FILED_BY_OBSERVED: Final = f'"{PARTITIONED_BY}":"{OBSERVED}"'
_OWN_PREFIX: Final = b'"audit.'
_EMPTY: Final = "{}"
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def as_one_line(texts: Array) -> Array:
    """The texts with line and paragraph separators escaped and no control character left.

    Conversion and masking give minified texts, so this finds nothing to do but the odd separator. White space
    between tokens goes, a control character within a string is escaped; nothing else changes.

    Args:
        texts: string array, JSON or null.
    """
    raw = _bytes(texts)
    if len(raw) and raw.min() < _FIRST_PRINTABLE:
        texts = _rewritten(texts, lambda text: _CONTROL.search(text) is not None, _minified)
    if _has_separator(raw):
        texts = _rewritten(texts, lambda text: not text.isascii(), lambda text: text.translate(_ESCAPES))
    return texts


def escape_separators(lines: memoryview) -> bytes | memoryview:
    """JSON with U+2028 and U+2029, which stand within strings only, escaped."""
    if not _has_separator(np.frombuffer(lines, np.uint8)):
        return lines
    escaped = lines.tobytes()
    for character, escape in _ESCAPES.items():
        escaped = escaped.replace(chr(character).encode(), escape.encode())
    return escaped


def _has_separator(raw: Bytes) -> bool:
    # In UTF-8 the two are E2 80 A8 and E2 80 A9; most texts have nothing so high in them.
    if raw.max(initial=0) < 0xE2:
        return False
    leads = np.flatnonzero(raw[:-2] == 0xE2)
    return bool(((raw[leads + 1] == 0x80) & ((raw[leads + 2] | 1) == 0xA9)).any())


def _bytes(texts: Array) -> Bytes:
    return np.frombuffer(data(texts) if len(texts) else b"", np.uint8)


def _minified(text: str) -> str:
    def token(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return _CONTROL.sub(lambda control: orjson.dumps(control[0])[1:-1].decode(), match[0])
        return _CONTROL.sub("", match[0]).replace(" ", "")

    return _TOKEN.sub(token, text)


def says_observed(attributes: Array) -> Array:
    """Which records are filed under the observed time, by our own note in ``attributes``.

    Returns:
        Boolean array without nulls.
    """
    flags = np.zeros(len(attributes), np.bool_)
    if _FILED_BY_OBSERVED.encode() in _bytes(attributes).tobytes():
        for row, text in enumerate(attributes.to_pylist()):
            # The same characters may stand deeper, where the sender wrote them; only the outermost count.
            members = _members(text) if text is not None and _FILED_BY_OBSERVED in text else None
            note = members.get(PARTITIONED_BY) if members else None
            flags[row] = note is not None and bytes(note) == orjson.dumps(OBSERVED)
    return pa.array(flags)


def without_own_notes(attributes: Array) -> Array:
    """``attributes`` as they would be without our own notes; null where nothing else is in them.

    The same array where there are none.
    """
    if not len(attributes) or (
        _OWN_PREFIX not in _bytes(attributes).tobytes() and len(_EMPTY) not in np.diff(offsets(attributes))
    ):
        return attributes
    return _rewritten(
        attributes, lambda text: _OWN_PREFIX.decode() in text or text == _EMPTY, _without_own_notes
    )


def _without_own_notes(text: str) -> str | None:
    members = _members(text)
    if members is None or not OWN_KEYS & members.keys():
        return text if members != {} else None
    kept = [
        orjson.dumps(key).decode().translate(_ESCAPES) + ":" + bytes(value).decode()
        for key, value in members.items()
        if key not in OWN_KEYS
    ]
    return "{" + ",".join(kept) + "}" if kept else None


def _members(text: str) -> dict[str, msgspec.Raw] | None:
    """Members of an object as the bytes that are there; None if the text is no object."""
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError:
        return None


def _rewritten(texts: Array, wanted: Callable[[str], bool], rewrite: Callable[[str], str | None]) -> Array:
    rows = texts.to_pylist()
    return pa.array(
        [rewrite(text) if text is not None and wanted(text) else text for text in rows], pa.string()
    )
