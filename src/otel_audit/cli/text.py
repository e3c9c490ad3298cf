"""Text from records and object names, made safe for a terminal.

A record may hold anything that a client once sent: escape sequences that move the cursor, bidirectional
controls that reorder a line, invisible characters that make two names look alike.
"""

from __future__ import annotations

import sys
import unicodedata
from typing import Final

_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_INVISIBLE_LETTERS: Final = frozenset(
    # Unicode's Default_Ignorable_Code_Point outside those categories (DerivedCoreProperties.txt), which
    # fonts draw as nothing, and the blank of Braille.
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class _Visible(dict[int, str]):
    """Character → how it is shown, filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = character
        if code in _INVISIBLE_LETTERS or unicodedata.category(character) in _INVISIBLE_CATEGORIES:
            shown = _SHORT.get(character) or (
                f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
            )
        self[code] = shown
        return shown


_VISIBLE: Final = _Visible()


def visible(text: str) -> str:
    """One line in which every control, bidirectional and invisible character is written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_VISIBLE)


def visible_lines(text: str) -> str:
    """The same for text of several lines that we laid out ourselves: line feeds stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def for_output(text: str) -> str:
    """A line for standard output: as it is for a program, :func:`visible` for a person."""
    return visible(text) if sys.stdout.isatty() else text
