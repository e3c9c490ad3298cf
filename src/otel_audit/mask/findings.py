"""What was found in a text, and how findings that meet become one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

__all__ = ["Finding", "Span", "behind", "merged", "with_pieces"]

Span: TypeAlias = "tuple[int, int]"
"""First byte, and the byte behind the last."""


@dataclass(slots=True)
class Finding:
    """Bytes ``start`` to ``end`` of a text that must be masked.

    Attributes:
        entity: what they are.
        secret: a credential, withheld whatever a policy says.
        value: the decoded value, to make a pseudonym of; None where findings ran together.
        continued: a further piece of a finding whose token stands in a text before.
    """

    start: int
    end: int
    entity: str
    secret: bool
    value: bytes | None
    continued: bool = False

    def __repr__(self) -> str:
        return f"Finding({self.start}, {self.end}, {self.entity!r})"


def merged(found: list[Finding], claims: Sequence[Span]) -> list[Finding]:
    """Findings in order and apart: those that overlap become one, named after the secret or else the longer.

    Args:
        found: in any order.
        claims: within these, only secrets are findings.
    """
    if len(found) < 2:
        return found
    found.sort(key=lambda finding: (finding.start, -finding.end))
    starts, ends = _claimed(claims)
    apart: list[Finding] = []
    for finding in found:
        before = bisect_right(starts, finding.start)
        inside = before and finding.end <= ends[before - 1]
        if inside and not finding.secret:
            continue
        if not apart or finding.start >= apart[-1].end:
            apart.append(finding)
            continue
        last = apart[-1]
        longer = (finding.secret, finding.end - finding.start) > (last.secret, last.end - last.start)
        named = finding if longer else last
        end = max(last.end, finding.end)
        whole = named.start == last.start and named.end == end
        apart[-1] = Finding(last.start, end, named.entity, named.secret, named.value if whole else None)
    return apart


def _claimed(claims: Sequence[Span]) -> tuple[list[int], list[int]]:
    """Starts of claims in order, and how far those up to each reach."""
    ordered = sorted(claims)
    return [start for start, _ in ordered], list(accumulate((end for _, end in ordered), max))


def behind(found: list[Finding], length: int) -> list[Finding]:
    """Findings in the text behind a prefix of so many bytes."""
    kept = []
    for finding in found:
        if finding.end > length:
            finding.start, finding.end = max(0, finding.start - length), finding.end - length
            kept.append(finding)
    return kept


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
