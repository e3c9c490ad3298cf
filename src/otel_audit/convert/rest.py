"""Everything that no field takes, as JSON text: nothing that a span carried is lost silently.

Types are kept where JSON has them. Bytes become ``{"base64": …}``; NaN and the infinities, and integers that
a double cannot hold exactly, become text and are noted: readers of JSON do not agree on them.
"""

from __future__ import annotations

from typing import Final

import orjson

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import MAX_EXACT, plain_json
from otel_audit.convert.spans import Attributes, Value
from otel_audit.convert.values import plain, unused_key

__all__ = ["MAX_EXACT", "encode_object", "encode_value", "finish_attributes"]

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

_FAST: Final = frozenset({str, int, bool, type(None)})
"""Types that orjson writes as the record wants them; integers that are too large it refuses."""


def encode_object(attributes: Attributes, oddities: list[str]) -> str:
    """Returns a minified JSON object with sorted keys; never raises for plain values."""
    for value in attributes.values():
        if type(value) not in _FAST:
            return encode_value(attributes, oddities)
    try:
        return _one_line(orjson.dumps(attributes, option=_OPTIONS).decode())
    except (TypeError, ValueError):
        return encode_value(attributes, oddities)


def encode_value(value: Value, oddities: list[str]) -> str:
    """Returns ``value`` as minified JSON with sorted keys."""
    tree = plain_json(plain(value, oddities), oddities)
    return _one_line(orjson.dumps(tree, option=_OPTIONS).decode())


def _one_line(text: str) -> str:
    """Escapes the two characters that JSON allows in a string and some readers take for the end of a line."""
    if text.isascii():
        return text
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def finish_attributes(
    rest: Attributes, oddities: list[str], *, partitioned_by_observed: bool = False
) -> str | None:
    """Returns the record's ``attributes``: what is left of the span's, and our notes.

    Args:
        rest: attributes that nothing mapped; owned by the caller, changed here.
        oddities: notes so far, in any order, repeated or not; encoding may add some.
        partitioned_by_observed: adds the note that moves the record's partition.
    """
    if not rest and not oddities and not partitioned_by_observed:
        return None
    if not notes.RESERVED.isdisjoint(rest):
        for key in sorted(notes.RESERVED & rest.keys()):
            rest[unused_key(rest, notes.RECEIVED + key, oddities)] = rest.pop(key)
        oddities.append(notes.RESERVED_KEY)
    if partitioned_by_observed:
        rest[notes.PARTITIONED_BY] = "observed"
    encoded = encode_object(rest, oddities)
    if not oddities:
        return encoded
    # Encoding may itself have had something to note, so the notes are complete only now.
    words: list[Value] = [*sorted(set(oddities))]
    rest[notes.NOTES] = words
    return encode_object(rest, [])
