"""JSON that attributes carry as text: read without loss, written the same way wherever it came from.

Rules:

1. Text becomes a tree only if nothing is lost by it. A member that comes twice, and a number that a double
   cannot hold exactly, stay text: an object with a repeated member becomes a string of its JSON, a number a
   string of its digits.
2. Text that is not JSON (cut by an attribute limit, say) is not read at all; the caller keeps it as text.
3. Written text is minified, keys stay in the order given, U+2028 and U+2029 are escaped so that one line
   stays one line for every reader of lines.
4. Nothing here raises for any input.

Numbers decide how fast: text is read by orjson and proved lossless by its length, since every member that
orjson drops and every digit that it rounds makes the written form shorter than what was read. What cannot be
proved is read again by the standard library's decoder, which shows each pair and each digit.
"""

from __future__ import annotations

import ast
import base64
import json
import math
from decimal import Decimal
from typing import Any, Final

import orjson

from otel_audit.convert import notes
from otel_audit.convert.spans import Value
from otel_audit.convert.values import MAX_DEPTH, plain

__all__ = [
    "MAX_EXACT",
    "UNREADABLE",
    "container",
    "dump",
    "is_lossless",
    "parse",
    "plain_json",
    "python_literal",
]

MAX_EXACT: Final = 2**53 - 1
"""Largest integer that every reader of JSON keeps exactly (RFC 8259, section 6)."""

_LONGEST_INTEGER: Final = 17
"""Characters of ``-9007199254740991``: longer runs of digits need no conversion to be known as too large."""

_LONGEST_LITERAL: Final = 256 * 1024
"""Longer Python literals are left as text: the parser behind them builds a syntax tree of the whole."""


class _Unreadable:
    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE: Final = _Unreadable()
"""What :func:`parse` returns for text that is no JSON."""


def parse(text: str, oddities: list[str]) -> Value | _Unreadable:
    """Reads JSON text.

    Args:
        text: at most one JSON value, white space around it allowed.
        oddities: takes notes of what had to stay text.

    Returns:
        The value, nested at most :data:`~otel_audit.convert.values.MAX_DEPTH` levels, without lone
        surrogates, or :data:`UNREADABLE`.
    """
    try:
        tree: Value = orjson.loads(text)
    except ValueError:
        return _parse_slowly(text, oddities)
    if is_lossless(text, tree):
        return tree
    return _parse_slowly(text, oddities)


def container(text: str, oddities: list[str]) -> Value:
    """Reads text that holds a JSON object or array; any other text comes back as it is.

    So ``'{"city":"Paris"}'`` becomes an object, while ``"42"``, ``"true"`` and prose stay what they are: a
    dialect that writes objects as text and one that does not then agree, and no word becomes a number.
    """
    head = text[:1]
    if head not in "{[":
        head = text.lstrip()[:1]
    if not head or head not in "{[":
        return text
    tree = parse(text, oddities)
    return text if isinstance(tree, _Unreadable) else tree


def is_lossless(text: str, tree: Value, written: str | None = None) -> bool:
    """Whether writing ``tree`` again gives all that ``text`` held.

    True is certain for minified text, and certain up to a forged trade of white space against members for
    text written with a blank after each comma and colon. False says nothing.

    Args:
        written: ``tree`` as orjson writes it, where the caller has it already.
    """
    if written is None:
        written = orjson.dumps(tree).decode()
    slack = len(text) - len(written)
    separators = _separators(tree, 0)
    return separators >= 0 and (slack in (0, separators))


def _separators(value: Any, depth: int) -> int:
    """Commas and colons of ``value``; a huge negative number where a number or the depth forbids trust."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return 0
    if kind is int:
        return 0 if -MAX_EXACT <= value <= MAX_EXACT else -(10**9)
    if kind is float or depth >= MAX_DEPTH:
        return -(10**9)
    if kind is list:
        count = len(value) - 1 if value else 0
        for item in value:
            if type(item) is not str:
                count += _separators(item, depth + 1)
        return count
    count = 2 * len(value) - 1 if value else 0
    for item in value.values():
        if type(item) is not str:
            count += _separators(item, depth + 1)
    return count


def _parse_slowly(text: str, oddities: list[str]) -> Value | _Unreadable:
    found: list[str] = []

    def exact_integer(digits: str) -> Value:
        if len(digits) <= _LONGEST_INTEGER and -MAX_EXACT <= int(digits) <= MAX_EXACT:
            return int(digits)
        found.append(notes.NUMBER_AS_TEXT)
        return digits

    def exact_float(digits: str) -> Value:
        if len(digits) <= 64:  # no double needs more digits; Decimal of a megabyte of them is slow
            number = float(digits)
            if math.isfinite(number) and Decimal(digits) == Decimal(repr(number)):
                return number
        found.append(notes.NUMBER_AS_TEXT)
        return digits

    def not_finite(word: str) -> Value:
        found.append(notes.NON_FINITE)
        return word

    def pairs(members: list[tuple[str, Any]]) -> Value:
        tree = dict(members)
        if len(tree) == len(members):
            return tree
        found.append(notes.DUPLICATE_KEY)
        return "{" + ",".join(f"{dump(key)}:{dump(value)}" for key, value in members) + "}"

    decoder = json.JSONDecoder(
        object_pairs_hook=pairs,
        parse_int=exact_integer,
        parse_float=exact_float,
        parse_constant=not_finite,
    )
    try:
        tree = decoder.decode(text)
    except (ValueError, RecursionError):
        return UNREADABLE
    oddities.extend(found)
    return plain(tree, oddities)


def plain_json(value: Value, oddities: list[str]) -> Value:
    """Returns structured ``value`` (from an event, or from an array attribute) as JSON can say it.

    Bytes become ``{"base64": …}``; NaN, the infinities and integers beyond 2^53 - 1 become text.
    """
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if -MAX_EXACT <= value <= MAX_EXACT:
            return value
        oddities.append(notes.NUMBER_AS_TEXT)
        try:
            return str(value)
        except ValueError:  # beyond int_max_str_digits
            return hex(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        oddities.append(notes.NON_FINITE)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [plain_json(item, oddities) for item in value]
    return {key: plain_json(item, oddities) for key, item in value.items()}


def python_literal(text: str, oddities: list[str]) -> Value | _Unreadable:
    """Reads the ``repr`` of a Python dict or list, which some instrumentations write for want of JSON."""
    if not text[:1] or text[:1] not in "{[" or len(text) > _LONGEST_LITERAL:
        return UNREADABLE
    try:
        tree = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return UNREADABLE
    return plain_json(plain(tree, oddities), oddities)


def dump(value: Any) -> str:
    """Writes a plain value as minified JSON text; keys in the order given."""
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = orjson.dumps(plain_json(plain(value, []), [])).decode()
    # Looking for a character that an ASCII text cannot hold costs nothing.
    if "\u2028" in text or "\u2029" in text:
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text
