"""Reading and writing JSON texts without changing anything in them.

Most texts pass through orjson unharmed. One that does not, since it has numbers that a float cannot hold,
repeated keys or lone surrogates, is read into :class:`Number` and :class:`Pairs`, which are written as they
stood.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from otel_audit.mask.operators import WITHHELD

__all__ = [
    "CUT", "LEAST_NUMBER", "OPENS", "Number", "Pairs", "digits_of", "dump", "encode_string", "load", "nested",
    "text_of_base64", "unused_key", "without_open_leaf",
]  # fmt: skip

OPENS: Final = ("{", "[", '"')
"""How a JSON text that is worth reading starts."""

LEAST_NUMBER: Final = 100_000
"""The smallest number that could be anything: a phone number of six digits beside a key that says so."""

_NO_SUBCLASSES: Final = orjson.OPT_PASSTHROUGH_SUBCLASS
"""orjson would write a :class:`Number` as a string and a :class:`Pairs` as an array."""

CUT: Final = object()
"""What :func:`nested` says of a JSON text that was cut off."""


class Number(str):
    """A JSON number kept as it was written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """A JSON object kept member by member, since keys may repeat."""

    __slots__ = ()


def nested(text: str) -> Any:
    """A JSON text that a string holds; :data:`CUT` where it was cut off; None for other text."""
    if text.lstrip()[0] == '"':
        if len(text) < 2 or "\\" not in text:
            return None
        try:
            return orjson.loads(text)
        except ValueError:
            return None
    try:
        value = load(text)
    except ValueError:
        return CUT if _open_at(text) is not None else None
    return value if isinstance(value, (dict, list)) else None


def load(text: str) -> Any:
    """The value of a JSON text; exact where floats, repeated keys or lone surrogates need it.

    Raises:
        ValueError: it is no JSON text.
    """
    try:
        value = orjson.loads(text)
    except ValueError:
        pass
    else:
        if dump(value) == text:
            return value
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=Number, parse_constant=_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Pairs(pairs)


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) < 16 else Number(digits)


def _constant(_: str) -> Any:
    raise ValueError("not a JSON number")


def digits_of(number: str) -> str:
    """The digits of a number as a person would write them."""
    if "." not in number and "e" not in number and "E" not in number:
        return number.lstrip("-")
    value = float(number)
    return str(abs(int(value))) if value.is_integer() else number.lstrip("-")


def dump(value: Any) -> str:
    try:
        text = orjson.dumps(value, option=_NO_SUBCLASSES).decode()
    except TypeError:
        text = "".join(_exact(value))
    if not text.isascii() and ("\u2028" in text or "\u2029" in text):
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text


def _exact(value: Any) -> Iterator[str]:
    """A JSON text of values that orjson does not take as they are."""
    if isinstance(value, Number):
        yield str(value)
    elif isinstance(value, str):
        yield encode_string(value)
    elif isinstance(value, (dict, Pairs)):
        yield "{"
        for index, (key, item) in enumerate(value.items() if isinstance(value, dict) else value):
            yield f"{',' if index else ''}{encode_string(key)}:"
            yield from _exact(item)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _exact(item)
        yield "]"
    else:
        yield orjson.dumps(value).decode()


def encode_string(text: str) -> str:
    """A JSON string; lone surrogates as escapes."""
    try:
        return orjson.dumps(text).decode()
    except TypeError:
        return json.dumps(text)


def _open_at(text: str) -> int | None:
    """Where the leaf starts that was open when a JSON text was cut off; None for text that was not cut."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Unterminated string"):
            return error.pos
        if error.pos >= len(text.rstrip()) or error.msg.startswith(("Invalid \\escape", "Invalid \\uXXXX")):
            number = _OPEN_NUMBER.search(text)
            return number.start() if number else min(error.pos, len(text))
    except RecursionError:
        return None
    return None


_OPEN_NUMBER: Final = re.compile(r"[0-9+\-.eE]+\Z|[a-z]+\Z")


def without_open_leaf(text: str) -> str:
    start = _open_at(text)
    if start is None or start >= len(text):
        return text
    quote = '"' if text[start] == '"' else ""
    return f"{text[:start]}{quote}{WITHHELD}"


def text_of_base64(text: str) -> bytes | None:
    """What base64 stands for, if it is text that is not plain ASCII."""
    try:
        content = base64.b64decode(text, validate=True)
        return None if content.isascii() else content.decode().encode()
    except ValueError:
        return None


def unused_key(key: str, taken: dict[str, Any], whole: dict[str, Any]) -> str:
    """The key, with ``#2``, ``#3`` … behind it where it is taken."""
    if key not in taken and key not in whole:
        return key
    number = 2
    while f"{key}#{number}" in taken or f"{key}#{number}" in whole:
        number += 1
    return f"{key}#{number}"
