"""Findings that show only when adjacent texts are read as one: a card number over two items of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.findings import Finding
from otel_audit.mask.judge import Judge
from otel_audit.mask.views import NestedTooDeeply

__all__ = ["pieces_of_joined"]

_INTRODUCED: Final = 64
"""Bytes before a value in which what introduces it stands."""


def pieces_of_joined(
    texts: Sequence[bytes], judge: Judge, budget: Budget, *, prose: bool = False
) -> dict[int, list[Finding]]:
    """Pieces of findings that span several adjacent texts, and findings in one that the end of another makes one.

    Texts are joined as they are, since a value may be cut anywhere, and with a space, since a value may end
    where a text ends.

    Args:
        texts: in order.
        judge: judges them joined.
        budget: how long it may take.
        prose: whether a text may well end with a word that the next one does not go on with: an address that
            begins a text is then not taken to begin in the one before.

    Returns:
        Index of a text → pieces within it; all but the first of a finding are ``continued``.

    Raises:
        OutOfTime: the budget is spent.
    """
    pieces: dict[int, list[Finding]] = {}
    alone = _Alone(texts, judge, budget)
    for glue in (b"", b" "):
        bounds = [0]
        for text in texts:
            bounds.append(bounds[-1] + len(text) + len(glue))
        try:
            found = judge.findings(glue.join(texts), budget)
        except NestedTooDeeply:
            continue  # each text is judged alone as well, and withheld for it
        for finding in found:
            within = _pieces(finding, bounds, len(glue))
            if len(within) == 1 and alone.misses(*within[0]):
                index, start, end = within[0]
                piece = Finding(start, end, finding.entity, finding.secret, finding.value)
                pieces.setdefault(index, []).append(piece)
            if len(within) < 2 or (prose and _is_whole(within[-1], finding, texts, judge, budget)):
                continue
            for number, (index, start, end) in enumerate(within):
                value = None if number else finding.value
                piece = Finding(start, end, finding.entity, finding.secret, value, continued=number > 0)
                pieces.setdefault(index, []).append(piece)
    return pieces


class _Alone:
    """What is found in texts without the others.

    Args:
        texts: in order.
        judge: judges them.
        budget: how long it may take.
    """

    __slots__ = ("_budget", "_found", "_judge", "_texts")

    def __init__(self, texts: Sequence[bytes], judge: Judge, budget: Budget) -> None:
        self._texts, self._judge, self._budget = texts, judge, budget
        self._found: dict[int, list[Finding] | None] = {}

    def misses(self, index: int, start: int, end: int) -> bool:
        """Whether a finding near the start of a text is none without the text before: the value of a secret, say, whose
        name stands there."""
        if not index or start > _INTRODUCED:
            return False
        if index not in self._found:
            try:
                self._found[index] = self._judge.findings(self._texts[index], self._budget)
            except NestedTooDeeply:
                self._found[index] = None  # it is withheld as a whole
        found = self._found[index]
        return found is not None and not any(one.start <= start and end <= one.end for one in found)


def _pieces(finding: Finding, bounds: list[int], glue: int) -> list[tuple[int, int, int]]:
    """Index, start and end of what a finding covers of each text."""
    within = []
    for index in range(len(bounds) - 1):
        start, end = max(finding.start, bounds[index]), min(finding.end, bounds[index + 1] - glue)
        if start < end:
            within.append((index, start - bounds[index], end - bounds[index]))
    return within


def _is_whole(
    piece: tuple[int, int, int], finding: Finding, texts: Sequence[bytes], judge: Judge, budget: Budget
) -> bool:
    """Whether the last piece of an address is an address by itself."""
    index, start, end = piece
    return finding.entity == "EMAIL" and any(
        (alone.start, alone.end, alone.entity) == (start, end, "EMAIL")
        for alone in judge.findings(texts[index], budget)
    )
