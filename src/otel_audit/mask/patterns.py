"""RE2 patterns over bytes.

RE2 takes time linear in the text whatever the pattern, and lets other threads run meanwhile. Its Python
wrapper makes a generator and a match object for each search, which costs more than the search itself, so
:class:`Pattern` asks the binding below it; ``tests/mask/test_patterns.py`` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]

__all__ = ["Pattern", "PatternSet", "compile_pattern", "program_size"]

_MAX_MEMORY: Final = 64 << 20
"""Bytes for the automaton of one pattern: room never to start over on ordinary text."""

_MAX_MEMORY_OF_SET: Final = 256 << 20
"""Likewise for all patterns at once. Bounds what may be taken; some megabytes are."""


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


class PatternSet:
    """Several patterns, of which one pass over a text tells which have a match in it.

    Args:
        sources: RE2 syntax, as for :class:`Pattern`.
        proofs: for each a text in which it has a match. RE2 says of a set whose automaton it has no room for
            that nothing matches; so every pattern shows once that it is seen.
    """

    __slots__ = ("_all", "_match")

    def __init__(self, sources: Sequence[bytes], proofs: Sequence[bytes]) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        options.max_mem = _MAX_MEMORY_OF_SET
        patterns = re2.Set.SearchSet(options)
        for source in sources:
            patterns.Add(source)
        patterns.Compile()
        self._all = range(len(sources))
        self._match = patterns._set.Match
        if any(index not in self._match(proof) for index, proof in enumerate(proofs)):
            self._match = self._every

    def matching(self, text: bytes) -> Sequence[int]:
        """Which of the patterns have a match, in their order."""
        return sorted(self._match(text))

    def _every(self, _text: bytes) -> Sequence[int]:
        return self._all


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
