"""Recognisers over a text: over all of it, or over what stands near a trigger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.candidates import Candidate, Run
from otel_audit.mask.findings import Finding, Span
from otel_audit.mask.patterns import Pattern, PatternSet, compile_pattern
from otel_audit.mask.recognizer import Family, Recognizer
from otel_audit.mask.recognizers import NUMBER_RUN, PLAIN_NUMBER

__all__ = ["AT_MARGIN", "NUMBER_MARGIN", "Search"]

AT_MARGIN: Final = 352
"""Bytes on both sides of an at sign that are searched: an address has at most 64 + 1 + 255 (RFC 5321)."""

NUMBER_MARGIN: Final = 136
"""Bytes on both sides of digits that are searched: an IBAN has 34 characters, two signs between any two."""

_LEAST_DIGITS: Final = 4
_WINDOW: Final = 1_024
"""Bytes that are looked at from the name of a value on; quoted ones have at most 512."""
_WINDOWS_SHARE: Final = 256
"""Bytes of a window that are seen again: the name of a value that begins in one window may end in the next."""
_WHOLE_VALUES: Final = 16
"""How many values longer than a window, in one text, are read to their end to see that they are none."""
_NUMBER_RUN: Final = compile_pattern(NUMBER_RUN)
_DIGITS: Final = re.compile(rb"[0-9]+")


class _Gathered:
    """What was found in a part of a text.

    Args:
        text: all of it.
    """

    __slots__ = ("_text", "claims", "found")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.found: list[Finding] = []
        self.claims: list[Span] = []

    def add(self, entry: Recognizer, pattern: Pattern, within: Span, seen: Span) -> bool:
        """Adds the findings of an entry within a part of the text; False where one reaches the end of what was
        seen and the text goes on."""
        text, (low, high) = self._text, within
        for first, last, finding in _matches(entry, pattern, text, max(0, low), min(len(text), high)):
            if 0 < first <= seen[0] or seen[1] <= last < len(text):
                return False
            if finding is not None:
                self.found.append(finding)
                if entry.claims:
                    self.claims.append((first, last))
        return True


class Search:
    """Looks for what a table of recognisers describes.

    Args:
        recognizers: the table.
    """

    def __init__(self, recognizers: Sequence[Recognizer]) -> None:
        self._patterns = [(entry, compile_pattern(entry.pattern)) for entry in recognizers if not entry.runs]
        self._set = PatternSet(
            [entry.pattern for entry, _ in self._patterns],
            [entry.matches[0].encode() for entry, _ in self._patterns],
        )
        self._runs = [entry for entry in recognizers if entry.runs]
        self._near_at = [pair for pair in self._patterns if pair[0].family is Family.AT]
        self._near_numbers = [pair for pair in self._patterns if pair[0].family is Family.NUMBER]

    def whole(self, text: bytes, budget: Budget) -> tuple[list[Finding], list[Span]]:
        """Findings in all of a text, and what they claim.

        Raises:
            OutOfTime: the budget is spent.
        """
        found = list(self._numbers(text, 0, len(text)))
        claims: list[Span] = []
        for index in self._set.matching(text):
            entry, pattern = self._patterns[index]
            find_all = _begun if entry.begins else _matches
            for start, end, finding in find_all(entry, pattern, text, 0, len(text)):
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
        gathered = _Gathered(text)
        done: set[Span] = set()
        for start, end, family in triggers:
            if family is Family.NUMBER:
                low, high = start - NUMBER_MARGIN, end + NUMBER_MARGIN
                # All that is written like a number around the trigger, up to the first bytes that are not.
                left, right = text[max(0, low) : start], text[end:high]
                first = start - len(left) + len(left.rstrip(PLAIN_NUMBER))
                last = end + len(right) - len(right.lstrip(PLAIN_NUMBER))
                if (first, last) not in done:
                    done.add((first, last))
                    gathered.found += self._numbers(text, first, last)
                for entry, pattern in self._near_numbers:
                    may_hold = entry.may_hold is None or entry.may_hold(text, start, first, last)
                    if may_hold and not gathered.add(entry, pattern, (low, high), (low, high)):
                        return None
            else:
                low, high = start - AT_MARGIN, end + AT_MARGIN
                left, right = text[max(0, low) : start], text[end:high]
                # No address has white space in it.
                first = start if left[-1:].isspace() or not left else start - len(left.rsplit(None, 1)[-1])
                last = end if right[:1].isspace() or not right else end + len(right.split(None, 1)[0])
                for entry, pattern in self._near_at:
                    may_hold = text.find(entry.literals[0], first, last) >= 0
                    if may_hold and not gathered.add(entry, pattern, (first, last), (low, high)):
                        return None
        return gathered.found, gathered.claims

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


def _spans(entry: Recognizer, text: bytes, match: list[Span]) -> list[Span]:
    """The parts of a match that are the entity."""
    groups = match[1:]
    if entry.validate is None:
        return [next((span for span in groups if span[0] >= 0), match[0])]
    return list(entry.validate(Candidate(text, *match[0], groups)))


def _begun(
    entry: Recognizer, pattern: Pattern, text: bytes, position: int, end: int
) -> Iterator[tuple[int, int, Finding | None]]:
    """The same for an entry whose pattern is of a beginning: what follows may be long, and may hold beginnings."""
    find, validate = pattern.find, entry.validate
    assert validate is not None  # noqa: S101  a beginning alone is nothing
    while position < end and (match := find(text, position, end)) is not None:
        start, position = match[0]
        found = False
        for first, last in validate(Candidate(text, start, position, match[1:])):
            found, position = True, max(position, last - _WINDOWS_SHARE)
            yield start, last, Finding(first, last, entry.entity, entry.secret, text[first:last])
        if not found:
            yield start, position, None


def _matches(
    entry: Recognizer, pattern: Pattern, text: bytes, position: int, end: int
) -> Iterator[tuple[int, int, Finding | None]]:
    """Start and end of each match of an entry, and what it finds there; None for what is not validated."""
    # A value that may go on to the end of a text is looked at as far as a window goes, and further only where it
    # is one: else a text of nothing but names would be read from each of them to its end.
    window, whole = (end, 0) if entry.goes_on is None else (_WINDOW, _WHOLE_VALUES)
    while position < end:
        limit = min(end, position + window)
        match = pattern.find(text, position, limit)
        if match is None:
            if limit == end:
                return
            position = limit - _WINDOWS_SHARE
            continue
        if limit < end and match[0][0] > position:
            position = match[0][0]  # all of the window is for the value
            continue
        spans = _spans(entry, text, match)
        if match[0][1] == limit < end and (spans or whole):
            whole -= not spans
            match = pattern.find(text, match[0][0], end) or match
            spans = _spans(entry, text, match)
        start, stop = match[0]
        groups = match[1:]
        behind = 0
        for first, last in spans:
            behind = max(behind, last)
            yield start, max(stop, last), Finding(first, last, entry.entity, entry.secret, text[first:last])
        if not behind:
            yield start, stop, None
        # A match may take in more than it finds: what it found nothing in is looked at again, and so is the end of a
        # value in which the name of another may stand.
        if entry.goes_on is not None:
            group, side = entry.goes_on
            position = max(start + 1, groups[group][side], min(behind, stop) - _WINDOWS_SHARE)
        elif behind:
            position = max(start + 1, min(behind, stop))
        else:
            position = start + 1 if entry.retry else stop
