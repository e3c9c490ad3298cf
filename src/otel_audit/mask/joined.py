"""Findings that show only when adjacent texts are read as one: a card number over two items of a list."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.mask.decode import NestedTooDeeply
from otel_audit.mask.judge import Budget, Finding, Judge

__all__ = ["pieces_of_joined", "with_pieces"]


def pieces_of_joined(texts: Sequence[bytes], judge: Judge, budget: Budget) -> dict[int, list[Finding]]:
    """Pieces of findings that span several adjacent texts.

    Texts are joined as they are, since a value may be cut anywhere, and with a space, since a value may end
    where a text ends.

    Returns:
        Index of a text → pieces within it; all but the first of a finding are ``continued``.

    Raises:
        OutOfTime: the budget is spent.
    """
    pieces: dict[int, list[Finding]] = {}
    for glue in (b"", b" "):
        bounds = [0]
        for text in texts:
            bounds.append(bounds[-1] + len(text) + len(glue))
        try:
            found = judge.findings(glue.join(texts), budget)
        except NestedTooDeeply:
            continue  # each text is judged alone as well, and withheld for it
        for finding in found:
            _cut_up(finding, bounds, len(glue), pieces)
    return pieces


def _cut_up(finding: Finding, bounds: list[int], glue: int, pieces: dict[int, list[Finding]]) -> None:
    within = []
    for index in range(len(bounds) - 1):
        start, end = max(finding.start, bounds[index]), min(finding.end, bounds[index + 1] - glue)
        if start < end:
            within.append((index, start - bounds[index], end - bounds[index]))
    if len(within) < 2:
        return
    for number, (index, start, end) in enumerate(within):
        value = None if number else finding.value
        piece = Finding(start, end, finding.entity, finding.secret, value, continued=number > 0)
        pieces.setdefault(index, []).append(piece)


def with_pieces(findings: list[Finding], pieces: Sequence[Finding]) -> list[Finding]:
    """Findings of one text and pieces of those that span several, in order and apart; pieces come first."""
    kept: list[Finding] = []
    for finding in (*pieces, *findings):
        for other in kept:
            if finding.start < other.end and other.start < finding.end:
                other.start, other.end = min(other.start, finding.start), max(other.end, finding.end)
                break
        else:
            kept.append(finding)
    kept.sort(key=lambda finding: finding.start)
    apart: list[Finding] = []
    for finding in kept:
        if apart and finding.start < apart[-1].end:
            apart[-1].end = max(apart[-1].end, finding.end)
        else:
            apart.append(finding)
    return apart
