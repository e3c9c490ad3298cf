"""RE2 patterns over bytes.

RE2 takes time linear in the text whatever the pattern, and lets other threads run meanwhile. Its Python
wrapper makes a generator and a match object for each search, which costs more than the search itself, so
:class:`Pattern` asks the binding below it; ``tests/mask/test_patterns.py`` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]

__all__ = ["Pattern", "compile_pattern", "program_size"]

_MAX_MEMORY: Final = 64 << 20
"""Bytes for the automaton of one pattern: room never to start over on ordinary text."""


class Pattern:
    """A compiled pattern.

    Args:
        source: RE2 syntax; classes and ``.`` are of bytes.
    """

    __slots__ = ("_match", "_unanchored", "source")

    def __init__(self, source: bytes) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        options.max_mem = _MAX_MEMORY
        self.source = source
        self._match = re2.compile(source, options)._regexp.Match
        self._unanchored = re2._Anchor.UNANCHORED

    def find(self, text: bytes | memoryview, start: int, end: int) -> list[tuple[int, int]] | None:
        """The leftmost match within ``text[start:end]``, seeing what is around it: spans of the whole and of
        each group, (-1, -1) for a group that took no part."""
        spans: list[tuple[int, int]] = self._match(self._unanchored, text, start, end)
        return None if spans[0][0] < 0 else spans

    def is_in(self, text: bytes | memoryview) -> bool:
        """Whether there is a match."""
        return self.find(text, 0, len(text)) is not None

    def spans(self, text: bytes) -> Iterator[tuple[int, int]]:
        """All matches from left to right; the pattern never matches nothing."""
        position, length = 0, len(text)
        while (found := self.find(text, position, length)) is not None:
            yield found[0]
            position = found[0][1]


def program_size(source: bytes) -> int | None:
    """Instructions that RE2 makes of a pattern; None where it does not take it."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        size: int = re2.compile(source, options)._regexp.ProgramSize()
    except re2.error:
        return None
    return size


@lru_cache(maxsize=256)
def compile_pattern(source: bytes) -> Pattern:
    """Compiles a pattern, once."""
    return Pattern(source)
