"""Recognisers over a text: over all of it, or over what stands near a trigger."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.candidates import Candidate, Run
from otel_audit.mask.findings import Finding, Span
from otel_audit.mask.patterns import Pattern, compile_pattern
from otel_audit.mask.recognizer import Family, Recognizer
from otel_audit.mask.recognizers import NUMBER_RUN, PLAIN_NUMBER

__all__ = ["MARGIN", "Search"]

MARGIN: Final = {Family.AT: 352, Family.NUMBER: 136}
"""Bytes on both sides of a trigger that are searched: an address has at most 64 + 1 + 255 (RFC 5321), an IBAN
34 with two signs between any two."""

_LEAST_DIGITS: Final = 4
_NUMBER_RUN: Final = compile_pattern(NUMBER_RUN)
_DIGITS: Final = re.compile(rb"[0-9]+")


class Search:
    """Looks for what a table of recognisers describes.

    Args:
        recognizers: the table.
    """

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._patterns = [(entry, compile_pattern(entry.pattern)) for entry in recognizers if not entry.runs]
        self._runs = [entry for entry in recognizers if entry.runs]
        self._near = {
            family: [pair for pair in self._patterns if pair[0].family is family]
            for family in (Family.AT, Family.NUMBER)
        }

    def whole(self, text: bytes, budget: Budget) -> tuple[list[Finding], list[Span]]:
        """Findings in all of a text, and what they claim.

        Raises:
            OutOfTime: the budget is spent.
        """
        found = list(self._numbers(text, 0, len(text)))
        claims: list[Span] = []
        for entry, pattern in self._patterns:
            if entry.literals and not any(word in text for word in entry.literals):
                continue
            for start, end, finding in _matches(entry, pattern, text, 0, len(text)):
                budget.check()
                if finding is not None:
                    found.append(finding)
                    if entry.claims:
                        claims.append((start, end))
            budget.check()
        return found, claims

    def near(
        self, text: bytes, triggers: Sequence[tuple[int, int, Family]]
    ) -> tuple[list[Finding], list[Span]] | None:
        """The same by recognisers of the family of each trigger near it; None where a finding may go on where
        nobody looked."""
        found: list[Finding] = []
        claims: list[Span] = []
        done: set[Span] = set()
        for start, end, family in triggers:
            margin = MARGIN[family]
            low, high = max(0, start - margin), min(len(text), end + margin)
            left, right = text[low:start], text[end:high]
            if family is Family.NUMBER:
                # All that is written like a number around the trigger, up to the first bytes that are not.
                inner = low + len(left.rstrip(PLAIN_NUMBER)), high - len(right.lstrip(PLAIN_NUMBER))
                if inner not in done:
                    done.add(inner)
                    found += self._numbers(text, *inner)
            else:
                # No address has white space in it.
                low = start - len(left.rsplit(None, 1)[-1]) if left and not left[-1:].isspace() else start
                high = end + len(right.split(None, 1)[0]) if right and not right[:1].isspace() else end
            for entry, pattern in self._near[family]:
                if entry.literals and all(text.find(word, low, high) < 0 for word in entry.literals):
                    continue
                if entry.may_hold is not None and not entry.may_hold(text, start, *inner):
                    continue
                for first, last, finding in _matches(entry, pattern, text, low, high):
                    if (first <= start - margin and low) or (last >= end + margin and high < len(text)):
                        return None
                    if finding is not None:
                        found.append(finding)
                        if entry.claims:
                            claims.append((first, last))
        return found, claims

    def _numbers(self, text: bytes, low: int, high: int) -> Iterator[Finding]:
        """Numbers within a part of the text that begins and ends where no number goes on."""
        while high - low >= _LEAST_DIGITS and (match := _NUMBER_RUN.find(text, low, high)) is not None:
            start, low = match[0]
            groups = [digits.span() for digits in _DIGITS.finditer(text, start, low)]
            run = Run(text, groups, sum([end - start for start, end in groups]))
            for entry in self._runs:
                if entry.least_digits <= run.digits and entry.runs is not None:
                    for first, last in entry.runs(run):
                        yield Finding(first, last, entry.entity, entry.secret, text[first:last])


def _matches(
    entry: Recognizer, pattern: Pattern, text: bytes, position: int, end: int
) -> Iterator[tuple[int, int, Finding | None]]:
    """Start and end of each match of an entry, and what it finds there; None for what is not validated."""
    while position < end and (match := pattern.find(text, position, end)) is not None:
        start, stop = match[0]
        groups = match[1:]
        if entry.validate is None:
            spans: Iterable[Span] = (next((span for span in groups if span[0] >= 0), match[0]),)
        else:
            spans = entry.validate(Candidate(text, start, stop, groups))
        behind = 0
        for first, last in spans:
            behind = max(behind, last)
            yield start, max(stop, last), Finding(first, last, entry.entity, entry.secret, text[first:last])
        if not behind:
            yield start, stop, None
        # A match may take in more than it finds: what it found nothing in is looked at again.
        if entry.goes_on is not None:
            group, side = entry.goes_on
            position = max(start + 1, groups[group][side])
        elif behind:
            position = max(start + 1, min(behind, stop))
        else:
            position = start + 1 if entry.retry else stop
