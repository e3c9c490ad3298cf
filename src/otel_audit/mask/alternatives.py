"""Many patterns as one: the match that ``(?:a)|(?:b)|…`` would have, found by several automata.

RE2 makes a state of its automaton for each combination of beginnings that are under way at a byte. Patterns that
count (``[1-9A-Z]{25}``, ``[0-9]{7}[A-Z]``) multiply by each other there: on ids and other random text an
automaton of all patterns makes new states for ever, a hundred times slower than it runs on those that it has.
So patterns that multiply each other go to different automata. Each costs a pass over the text, some 2 ns a byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from otel_audit.mask.findings import Span
from otel_audit.mask.patterns import Pattern, compile_pattern

__all__ = ["Alternatives", "Scan", "any_of"]

_NOTHING: Final = (-1, -1)


class Alternatives:
    """Patterns of which the leftmost match counts, and of those that begin at one byte the first one's.

    Args:
        groups: patterns in order, RE2 syntax, one automaton a group.
    """

    def __init__(self, groups: Sequence[Sequence[bytes]]) -> None:
        self._patterns = tuple(compile_pattern(any_of(group)) for group in groups if group)

    def is_in(self, text: bytes) -> bool:
        """Whether any has a match."""
        return any(pattern.is_in(text) for pattern in self._patterns)

    def over(self, text: bytes | memoryview) -> Scan:
        """Goes over a text."""
        return Scan(self._patterns, text)


class Scan:
    """Goes over one text from left to right. Not for several threads.

    Args:
        patterns: in order.
        text: what is looked through.
    """

    __slots__ = ("_found", "_patterns", "_text")

    def __init__(self, patterns: Sequence[Pattern], text: bytes | memoryview) -> None:
        self._patterns, self._text = patterns, text
        # Start and end of the next match of each pattern; a start before the position is a match left behind.
        self._found: list[Span | None] = [_NOTHING] * len(patterns)

    def others(self, span: Span) -> Iterator[Span]:
        """Further matches that begin where the one that was found last does."""
        return (other for other in self._found if other and other[0] == span[0] and other != span)

    def find(self, position: int) -> Span | None:
        """The first match that begins at ``position`` or behind it; positions never go back."""
        text, found, best = self._text, self._found, None
        for index, pattern in enumerate(self._patterns):
            span = found[index]
            if span is None:
                continue
            if span[0] < position:
                # Where a match begins and ends depends on the text alone, not on where the search began.
                spans = pattern.find(text, position, len(text))
                span = found[index] = None if spans is None else spans[0]
                if span is None:
                    continue
            if best is None or span[0] < best[0]:
                best = span
        return best


def any_of(patterns: Sequence[bytes]) -> bytes:
    """One pattern for all; without any, one that matches nothing."""
    return b"|".join(b"(?:" + pattern + b")" for pattern in patterns) or rb"[^\x00-\xff]"
