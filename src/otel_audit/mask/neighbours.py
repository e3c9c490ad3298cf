"""Texts of a JSON text that are read one after the other, so that a value may be split over them.

Strings of an array, text parts of a message, and messages: of these the last text of one and the first of the
next. What is empty or null between them does not part them. Numbers of an array may be the digits of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["STRUCTURE_TRIGGERS", "Stretch", "Way", "is_message", "one_number", "text_runs"]

Way: TypeAlias = "tuple[str | int, ...]"
"""Keys and indexes that lead to a text; the steps into a JSON text within a string are its own."""

_NEXT: Final = (
    rb'(?:,(?:\\*"\\*",|null,)*|[\[\]{},:"\\a-z_]*\},\{[\[\]{},:"\\a-z_]*"(?:content|text)\\*":)\\*"'
)
"""RE2: what is behind the quote of one text and before the next, in an array or in parts and messages."""

_ENDS_OF_NAMES: Final = b"|".join(
    sorted(
        {
            name[start:].encode()
            for name in (
                "password", "passwd", "passphrase", "passcode", "pwd", "secret", "credentials", "key",
                "cvv", "cvc", "csc", "jwt", "cookie", "authorization", "token", "pan", "pin", "otp", "pass", "auth",
                "sig", "signature", "session", "sid", "code", "number", "id",
            )
            for start in range(len(name))
        }
    )
)  # fmt: skip

STRUCTURE_TRIGGERS: Final = (
    # A digit at the end of one text and at the start of the next.
    rb'[0-9][^0-9A-Za-z"]{0,4}"' + _NEXT + rb'[^0-9A-Za-z"]{0,4}[0-9]',
    # The name of a secret that one text begins and the next one ends; its sign may stand in a third.
    rb'[A-Za-z_.\- ]\\*"'
    + _NEXT
    + rb"(?i:"
    + _ENDS_OF_NAMES
    + rb')[0-9_.\- ]{0,3}(?:\\*"'
    + _NEXT
    + rb")?[:=]",
    # A string that begins as JSON does: only parsing it tells whether it was cut.
    rb'"[\[{]{1,2}\\',
    # The name of a secret at the end of a text, whose value the next one may begin with.
    rb'(?i:passw(?:or)?d|passphrase|secret|api[_-]?key|token|bearer)[^"\\A-Za-z0-9]{0,4}\\*"[,}]',
    # Bytes, as records have them.
    rb'\{\\*"base64\\*":',
    # A stream of server-sent events: chunks in lines.
    rb'(?:"|\\n|\\r|\n)data:',
    # A quote of the fifth level of JSON within JSON has 31 backslashes.
    rb"\\{16}",
)
"""RE2: where masking acts on the structure of a JSON text rather than on a leaf."""

_TEXT_KEYS: Final = ("content", "text")
_BORDER: Final = 128
"""Characters at the end of one message and at the start of the next that are read together."""

_DIGITS_OF_ONE: Final = range(12, 20)
_GROUPS_OF_ONE: Final = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (8, 8)})
"""Groups in which card numbers are written; other whole numbers beside each other are what they are."""


class Stretch(NamedTuple):
    """A text, or what of a long one is near the next.

    Attributes:
        way: to the text.
        text: all of it.
        start: first character.
        stop: character behind the last.
    """

    way: Way
    text: str
    start: int
    stop: int


def text_runs(items: list[Any]) -> Iterator[list[Stretch]]:
    """The runs of two texts and more in an array."""
    run: list[Stretch] = []
    kind: object = None
    for index, item in enumerate(items):
        if item is None:
            continue
        of = str if type(item) is str else "message" if is_message(item) else _text_key(item)
        if of != kind:
            yield from _if_several(run)
            run, kind = [], of
        if of == "message":
            for way, text in _texts_of_message(item):
                if text is None:
                    yield from _if_several(run)
                    run = []
                elif len(text) <= 2 * _BORDER:
                    run.append(Stretch((index, *way), text, 0, len(text)))
                else:
                    yield from _if_several([*run, Stretch((index, *way), text, 0, _BORDER)])
                    run = [Stretch((index, *way), text, len(text) - _BORDER, len(text))]
        elif of is str:
            run.append(Stretch((index,), item, 0, len(item)))
        elif isinstance(of, str):
            run.append(Stretch((index, of), item[of], 0, len(item[of])))
    yield from _if_several(run)


def _if_several(run: list[Stretch]) -> Iterator[list[Stretch]]:
    if len(run) > 1:
        yield run


def is_message(item: Any) -> bool:
    """Whether an item of an array is a message."""
    return type(item) is dict and "role" in item


def _texts_of_message(message: dict[str, Any]) -> Iterator[tuple[Way, str | None]]:
    """The texts of a message in order; None for what stands between them and is no text."""
    for key in ("content", "parts"):
        value = message.get(key)
        if type(value) is str:
            yield (key,), value
        elif type(value) is list:
            for index, part in enumerate(value):
                text_key = _text_key(part)
                yield ((key, index), None) if text_key is None else ((key, index, text_key), part[text_key])


def _text_key(item: Any) -> str | None:
    """The key of the text of a text part: ``{"type": "text", "content": …}``, or ``{"text": …}`` as Bedrock and
    Gemini have it, and nothing else.
    """
    if type(item) is dict and (len(item) == 1 or (len(item) == 2 and item.get("type") == "text")):
        for key in _TEXT_KEYS:
            if type(item.get(key)) is str:
                return key
    return None


def one_number(items: list[Any]) -> str | None:
    """The digits of an array of whole numbers, where they are written like those of one: digit by digit, or in
    the groups of a card number."""
    if not 2 <= len(items) < _DIGITS_OF_ONE.stop or not all(
        type(item) is int and item >= 0 for item in items
    ):
        return None
    groups = [str(item) for item in items]
    lengths = tuple(map(len, groups))
    one = lengths in _GROUPS_OF_ONE or (len(groups) in _DIGITS_OF_ONE and max(lengths) == 1)
    return "".join(groups) if one else None
