"""What validators look at: a match and its surroundings, a run of numbers, and the words that go with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from otel_audit.mask.patterns import compile_pattern

__all__ = [
    "ALNUM", "CONTEXT_WORDS", "GAP_SIGNS", "LETTERS", "PHONE_WORDS", "PHONE_WORDS_BEHIND", "SSN_WORDS",
    "WORD_BEGINS", "WORD_ENDS", "Candidate", "Run", "RunValidator", "Validator", "before", "is_fraction", "is_glued",
    "is_glued_in_front", "words",
]  # fmt: skip

GAP_SIGNS: Final = b" -./()_,+\t\r\n"
"""Signs between the groups of digits of one number."""

LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

WORD_BEGINS: Final = rb"(?:^|[^0-9A-Za-z]|[\\%&=][0-9A-Za-z#]{1,9})"
"""RE2, for triggers: what is before a word. An escape of any encoding may end there in letters or digits; ``\\b``
sees no word begin behind them."""

WORD_ENDS: Final = rb"(?:\b|_)"
"""RE2: behind the last letter or digit of a word. For triggers, too: where it matches it takes nothing in."""

ALNUM: Final = LETTERS | frozenset(b"0123456789")


@dataclass(slots=True)
class Candidate:
    """What a pattern found.

    Attributes:
        text: all of the text that was searched, key in front.
        start: first byte of the candidate within ``text``.
        end: byte behind its last.
        groups: spans of the pattern's groups; (-1, -1) where a group took no part.
    """

    text: bytes
    start: int
    end: int
    groups: Sequence[tuple[int, int]] = ()

    @property
    def value(self) -> bytes:
        return self.text[self.start : self.end]

    def before(self, length: int) -> bytes:
        """Up to so many bytes before the candidate."""
        return self.text[max(0, self.start - length) : self.start]


@dataclass(slots=True)
class Run:
    """Groups of digits with few signs between them.

    Attributes:
        text: all of the text that was searched, key in front.
        groups: start and end of each group of digits.
        digits: how many there are.
    """

    text: bytes
    groups: list[tuple[int, int]]
    digits: int

    def gap(self, index: int) -> bytes:
        """The signs between a group and the next."""
        return self.text[self.groups[index][1] : self.groups[index + 1][0]]


Validator: TypeAlias = "Callable[[Candidate], Iterator[tuple[int, int]]]"
"""Candidate → the parts that are the entity: none, the whole, or several."""

RunValidator: TypeAlias = "Callable[[Run], Iterator[tuple[int, int]]]"
"""The same for a run of numbers, of which any part may be the entity: a postcode may stand beside a card."""


def before(length: int, pattern: bytes) -> Callable[[bytes, int], bool]:
    """Makes a test whether a pattern that starts a word matches right before a position.

    Args:
        length: bytes that are looked at.
        pattern: RE2, case aside.
    """
    compiled = compile_pattern(rb"(?i)(?:^|[^a-z])(?:" + pattern + rb")\z")

    def test(text: bytes, position: int) -> bool:
        return compiled.is_in(text[position - length if position > length else 0 : position])

    return test


def words(*alternatives: str) -> bytes:
    """A pattern of words; a space in one also stands for ``_``, ``-`` or nothing."""
    return b"(?:" + b"|".join(word.replace(" ", "[ _-]?").encode() for word in alternatives) + b")"


PHONE_WORDS: Final = words(
    "phone", "telephone", "telefono", "telefon", "tel", "mobile", "cell", "call", "fax", "dial", "sms", "whatsapp",
    "hotline", "answering at", "reach", "contact", "handy", "teléfono", "téléphone", "móvil",
)  # fmt: skip
PHONE_WORDS_BEHIND: Final = words("office", "fax", "mobile", "cell", "home", "work", "phone", "tel")
SSN_WORDS: Final = words("ssn", "social security", "social sec", "soc sec", "itin", "tax id", "taxpayer")

CONTEXT_WORDS: Final = re.compile(b"(?i)" + b"|".join((PHONE_WORDS, SSN_WORDS)))
"""Words in a key that make a short or bare number a candidate."""

_LABEL: Final = re.compile(
    rb"(?i)(?<![a-z0-9])(?:card|cc|visa|pan|phone|tel|telephone|mobile|fax|ssn|iban|no|nr|num|number)\Z"
)


def is_glued(text: bytes, start: int, end: int) -> bool:
    """Whether a number is part of a longer token, such as a hexadecimal id."""
    return (end < len(text) and text[end] in ALNUM) or is_glued_in_front(text, start)


def is_glued_in_front(text: bytes, start: int) -> bool:
    """Whether letters go over into a number, unless they are a label such as *card*."""
    return start > 0 and text[start - 1] in LETTERS and not _LABEL.search(text[max(0, start - 16) : start])


def is_fraction(text: bytes, start: int) -> bool:
    """Whether the digits from ``start`` on stand behind a decimal sign."""
    return start >= 2 and text[start - 1] in b".," and text[start - 2 : start - 1].isdigit()
