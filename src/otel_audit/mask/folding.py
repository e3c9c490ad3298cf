"""Characters that look like plain ASCII ones, or like nothing: folded to what a reader sees.

Digits of every script and in every form (raised, lowered, in circles), full-width, mathematical and circled
letters (Unicode character database: numeric types and compatibility decompositions), spaces, dashes, and what
is invisible.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["FOLDED", "FOLDING_TRIGGER", "fold"]


def utf8_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    """An RE2 alternation over bytes that matches one character of any of the ranges of code points.

    Args:
        ranges: first and last code point, both within one block of 64 (the last byte alone differs).
    """
    alternatives = []
    for first, last in ranges:
        low, high = chr(first).encode(), chr(last).encode()
        if low[:-1] != high[:-1]:
            raise ValueError(f"U+{first:04X} to U+{last:04X} spans blocks of 64")
        lead = b"".join(b"\\x%02x" % byte for byte in low[:-1])
        alternatives.append(lead + b"[\\x%02x-\\x%02x]" % (low[-1], high[-1]))
    return b"(?:" + b"|".join(alternatives) + b")"


def _blocks(first: int, last: int) -> list[tuple[int, int]]:
    """A range of code points cut at multiples of 64."""
    return [(max(first, start), min(last, start | 63)) for start in range(first & ~63, last + 1, 64)]


# Zeros of the decimal digits of every script (general category Nd), Unicode 15.
_DIGIT_ZEROS: Final = (
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50,
    0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0,
)  # fmt: skip
_DIGITS: Final = [block for zero in _DIGIT_ZEROS for block in _blocks(zero, zero + 9)]
# Digits that are no decimal ones (numeric type Digit): raised and lowered, in circles and brackets.
_DIGIT_FORMS: Final = [
    *_blocks(0xB2, 0xB3), *_blocks(0xB9, 0xB9), *_blocks(0x1369, 0x1371), *_blocks(0x19DA, 0x19DA),
    *_blocks(0x2070, 0x2070), *_blocks(0x2074, 0x2079), *_blocks(0x2080, 0x2089), *_blocks(0x2460, 0x2468),
    *_blocks(0x2474, 0x247C), *_blocks(0x2488, 0x2490), *_blocks(0x24EA, 0x24EA), *_blocks(0x24F5, 0x24FD),
    *_blocks(0x24FF, 0x24FF), *_blocks(0x2776, 0x277E), *_blocks(0x2780, 0x2788), *_blocks(0x278A, 0x2792),
    *_blocks(0x10A40, 0x10A43), *_blocks(0x10E60, 0x10E68), *_blocks(0x11052, 0x1105A), *_blocks(0x1F100, 0x1F10A),
]  # fmt: skip
_LETTER_FORMS: Final = [
    *_blocks(0x2090, 0x209C), *_blocks(0x24B6, 0x24E9), *_blocks(0x1D2C, 0x1D65), *_blocks(0x1F130, 0x1F149),
]  # fmt: skip
# Full-width ASCII letters, digits and signs that hide an address, and letters and digits of mathematics.
_WIDE: Final = [
    *_blocks(0xFF03, 0xFF03), *_blocks(0xFF05, 0xFF06), *_blocks(0xFF0B, 0xFF0B), *_blocks(0xFF0D, 0xFF0F),
    *_blocks(0xFF10, 0xFF19), *_blocks(0xFF1D, 0xFF1D), *_blocks(0xFF20, 0xFF3A), *_blocks(0xFF3F, 0xFF3F),
    *_blocks(0xFF41, 0xFF5A), *_blocks(0xFE6B, 0xFE6B), *_blocks(0x1D400, 0x1D7FF),
]  # fmt: skip
# Other full-width signs are ordinary in Chinese and Japanese text: folded, but no trigger.
_WIDE_PUNCTUATION: Final = _blocks(0xFF01, 0xFF5E)
_INVISIBLE: Final = [
    *_blocks(0xAD, 0xAD), *_blocks(0x34F, 0x34F), *_blocks(0x61C, 0x61C), *_blocks(0x180E, 0x180E),
    *_blocks(0x200B, 0x200F), *_blocks(0x202A, 0x202E), *_blocks(0x2060, 0x206F), *_blocks(0x20E3, 0x20E3),
    *_blocks(0xFE00, 0xFE0F), *_blocks(0xFEFF, 0xFEFF),
]  # fmt: skip
_SPACES: Final = [
    *_blocks(0xA0, 0xA0), *_blocks(0x1680, 0x1680), *_blocks(0x2000, 0x200A), *_blocks(0x202F, 0x202F),
    *_blocks(0x205F, 0x205F), *_blocks(0x3000, 0x3000),
]  # fmt: skip
_DASHES: Final = [
    *_blocks(0x2010, 0x2015), *_blocks(0x2212, 0x2212), *_blocks(0xFE58, 0xFE58), *_blocks(0xFE63, 0xFE63),
    *_blocks(0xFF0D, 0xFF0D),
]  # fmt: skip

_ANY_INVISIBLE: Final = utf8_ranges(_INVISIBLE)
_ANY_FORM: Final = utf8_ranges(_DIGIT_FORMS)
_BETWEEN: Final = (
    rb"(?:[ \-./()_,+\t\r\n]|\\+[nrt/]|" + utf8_ranges([*_INVISIBLE, *_SPACES, *_DASHES]) + b")*"
)
FOLDED: Final = utf8_ranges(
    [*_DIGITS, *_DIGIT_FORMS, *_LETTER_FORMS, *_WIDE, *_WIDE_PUNCTUATION, *_INVISIBLE, *_SPACES, *_DASHES]
)
"""RE2: a character that is folded."""

FOLDING_TRIGGER: Final = b"|".join(
    (
        utf8_ranges([*_DIGITS, *_WIDE]),
        _ANY_FORM + _BETWEEN + b"(?:[0-9]|" + _ANY_FORM + b")",
        b"[0-9]" + _BETWEEN + _ANY_FORM,
        rb"[!-~]" + _ANY_INVISIBLE,
        _ANY_INVISIBLE + rb"[!-~]",
    )
)
"""RE2: where folding could matter. Spaces and dashes do so between digits only, where the triggers of numbers
take any non-ASCII bytes; raised and circled digits beside other digits (*m²* is no number), letters in circles
beside an at sign only; what is invisible matters beside a visible ASCII character."""


@lru_cache(maxsize=4096)
def fold(piece: bytes) -> bytes:
    """What one character, in UTF-8, stands for; empty for an invisible one."""
    char = piece.decode()
    code = ord(char)
    if any(first <= code <= last for first, last in _INVISIBLE):
        return b""
    if any(first <= code <= last for first, last in _SPACES):
        return b" "
    if any(first <= code <= last for first, last in _DASHES):
        return b"-"
    digit = unicodedata.digit(char, None)
    return str(digit).encode() if digit is not None else unicodedata.normalize("NFKC", char).encode()
