"""Digits in every form are folded to what they stand for."""

from __future__ import annotations

import sys
import unicodedata

from otel_audit.mask.folding import FOLDED, FOLDING_TRIGGER, fold
from otel_audit.mask.patterns import compile_pattern

# Of later versions of Unicode than the tables were made from.
_LATER = frozenset(
    code
    for first in (0x10D40, 0x116D0, 0x116DA, 0x11BF0, 0x11DE0, 0x16D70, 0x1CCF0, 0x1E5F1)
    for code in range(first, first + 10)
)


def digits() -> dict[str, int]:
    """Every character but ASCII that this Python knows to be a digit."""
    known = {chr(code): unicodedata.digit(chr(code), -1) for code in range(0x80, sys.maxunicode + 1)}
    return {char: digit for char, digit in known.items() if digit >= 0 and ord(char) not in _LATER}


def test_every_digit_is_folded() -> None:
    folded, known = compile_pattern(FOLDED), digits()
    assert len(known) > 700
    assert [hex(ord(char)) for char in known if not folded.is_in(char.encode())] == []
    assert {char: fold(char.encode()) for char in known} == {
        char: str(digit).encode() for char, digit in known.items()
    }


def test_digits_in_a_row_are_triggers_and_a_square_metre_is_none() -> None:
    trigger = compile_pattern(FOLDING_TRIGGER)
    for char in digits():
        for text in (char * 2, f"1{char}", f"{char} 1", f"{char}\u2011{char}", f"{char}\\n1"):
            assert trigger.is_in(text.encode()), text
    assert not trigger.is_in("9 m² and 3 km³ of CO₂".encode())
