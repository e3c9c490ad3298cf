"""What must be masked in one text.

Two ways lead to the same findings:

- *Everywhere*: each recogniser over the whole text, over every level of its decoding (``decode.py``) and over
  the text that base64 runs hold.
- *Around triggers*, for the common case of an address or a number in plain text: only recognisers of the
  trigger's family, only near it. Where that could differ from *everywhere*, everywhere it is.

The **trigger** is one RE2 pattern: everything that any recogniser or decoder could find has a match of it, in
the text itself and in the JSON text that the text is part of. So the masker runs it over whole columns and
lets only cells with a match through. ``tests/mask`` holds it to that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.base64_runs import BASE64_TRIGGERS, base64_runs
from otel_audit.mask.candidates import LETTERS, Candidate, Run
from otel_audit.mask.decode import DECODERS, Decoder, View, views
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.patterns import Pattern, compile_pattern
from otel_audit.mask.recognizers import (
    DIGIT_RUN,
    NUMBER_RUN,
    PLAIN_NUMBER,
    RECOGNIZERS,
    Family,
    Recognizer,
)  # fmt: skip

__all__ = ["Budget", "Finding", "Judge", "OutOfTime"]


class OutOfTime(Exception):
    """Judging a field took longer than it may."""


class Budget:
    """How long one field may be judged.

    Args:
        seconds: of monotonic time, from now on.
    """

    __slots__ = ("_deadline",)

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """Raises :class:`OutOfTime` once the time is over."""
        if time.monotonic() > self._deadline:
            raise OutOfTime


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


_SHORTEST_RUN: Final = 9
_LEAST_DIGITS: Final = 4
_NUMBER_RUN: Final = compile_pattern(NUMBER_RUN)
_IBAN_REACH: Final = 110
"""Bytes before the digits of an IBAN within which its country must stand: 34 characters, two signs between any
two of them."""
_DIGIT_BYTES: Final = b"0123456789"
_LETTERS: Final = bytes(sorted(LETTERS))
_DIGITS: Final = re.compile(rb"[0-9]+")

_MARGIN: Final = {Family.AT: 352, Family.NUMBER: 136}
"""Bytes on both sides of a trigger that are searched: an address has at most 64 + 1 + 255 (RFC 5321), an IBAN
34 with two signs between any two."""

_TRIGGERS_MAX: Final = 8
"""Triggers in one text beyond which searching everywhere is cheaper."""


class Judge:
    """Finds personal data and credentials in texts.

    Args:
        recognizers: entries of the table; a test leaves one out to see that it is missed.
        decoders: likewise.
        base64: whether base64 runs are looked into.
        structure: RE2 patterns of structure that the caller wants to see as triggers.

    Attributes:
        trigger: RE2 pattern over bytes, see above.
    """

    def __init__(
        self,
        recognizers: tuple[Recognizer, ...] = RECOGNIZERS,
        decoders: tuple[Decoder, ...] = DECODERS,
        *,
        base64: bool = True,
        structure: Iterable[bytes] = (),
    ) -> None:
        token = Recognizer(
            "token", "TOKEN",
            rb"\[(?:" + "|".join(sorted(ENTITIES)).encode() + rb"|WITHHELD)(?::[^\]\s]{0,128})?\]",
            ("[EMAIL]",), triggers=(rb"\[(?:" + "|".join(sorted(ENTITIES)).encode() + rb"|WITHHELD)[\]:]",),
        )  # fmt: skip
        self._recognizers = (*recognizers, token)
        self._compiled = [
            (entry, compile_pattern(entry.pattern)) for entry in self._recognizers if not entry.runs
        ]
        self._runs = [entry for entry in self._recognizers if entry.runs]
        self._near = {
            family: [pair for pair in self._compiled if pair[0].family is family]
            for family in (Family.AT, Family.NUMBER)
        }
        self._decoders = decoders
        self._foldable = [decoder for decoder in decoders if decoder.name == "folding"]
        self._base64 = base64
        families = {entry.family for entry in self._recognizers}
        at = [b"@"] if Family.AT in families else []
        digits = [DIGIT_RUN] if Family.NUMBER in families else []
        numbers = _triggers_of(entry for entry in self._recognizers if entry.family is Family.NUMBER)
        others = _triggers_of(entry for entry in self._recognizers if entry.family is not Family.NUMBER)
        others += [decoder.trigger for decoder in decoders]
        if base64:
            others += BASE64_TRIGGERS
        others += structure
        self._number_triggers = _any_of(numbers)
        self._other_triggers = _any_of([*at, *others])
        self.trigger = _any_of([*at, *digits, *numbers, *others])

    def family(self, trigger: bytes) -> Family | None:
        """The family of a trigger in plain text; None where it takes more than a look around it."""
        if trigger == b"@":
            return Family.AT
        if not trigger.translate(None, PLAIN_NUMBER) or self._is_number(trigger):
            return Family.NUMBER
        return None

    @staticmethod
    def without_surroundings(text: bytes | memoryview, start: int, end: int) -> tuple[int, int]:
        """A match of the trigger without the bytes before and behind it that a number trigger takes in."""
        if end - start < _SHORTEST_RUN:
            return start, end
        trigger = bytes(text[start:end])
        core = (
            trigger.lstrip(_LETTERS)
            if trigger[0] in LETTERS
            else trigger[0 if 0x30 <= trigger[0] <= 0x39 else 1 :]
        )
        if len(core) < _SHORTEST_RUN:
            return start, end
        low = end - len(core)
        core = (
            core.rstrip(_LETTERS) if core[-1] in LETTERS else core[: None if 0x30 <= core[-1] <= 0x39 else -1]
        )
        return (start, end) if core.translate(None, PLAIN_NUMBER) else (low, low + len(core))

    def findings(
        self,
        text: bytes,
        budget: Budget,
        before: bytes = b"",
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> list[Finding]:
        """What must be masked in a text.

        Args:
            text: decoded from JSON, not from anything else.
            budget: how long it may take.
            before: the name of the text's key and ``": "``; empty where it has none.
            known: all triggers of the text, or more, where that is known.

        Returns:
            Findings in order, apart from each other.

        Raises:
            OutOfTime: the budget is spent.
            NestedTooDeeply: the text is encoded in more levels than are undone.
        """
        whole = before + text if before else text
        triggers = self._triggers(whole) if known is None else self._located(whole, known)
        if triggers is None:
            found = self.everywhere(whole, budget)
        elif triggers:
            found = self._nearby(whole, triggers, budget)
        else:
            return []
        return _behind(found, len(before)) if before else found

    def everywhere(self, whole: bytes, budget: Budget) -> list[Finding]:
        """The same by each recogniser over all of the text, without triggers."""
        found, claims = self._level(whole, budget)
        for view in views(whole, self._decoders):
            seen, claimed = self._level(view.text, budget)
            found += [_mapped(finding, view) for finding in seen]
            claims += [view.original(start, end) for start, end in claimed]
        return _merged(found, claims)

    def _level(self, text: bytes, budget: Budget) -> tuple[list[Finding], list[tuple[int, int]]]:
        """Findings and claims in one level of decoding."""
        found, claims = self._search(text, budget)
        if self._base64:
            found += [
                Finding(run.start, run.end, "BASE64", secret=False, value=None)
                for run in base64_runs(text)
                if run.opaque or any(self._shows(hidden, budget) for hidden in run.texts)
            ]
        return found, claims

    def _shows(self, hidden: bytes, budget: Budget) -> bool:
        """Whether a decoded text holds anything to mask."""
        texts = [hidden, *(view.text for view in views(hidden, self._decoders))]
        return any(self._search(text, budget)[0] for text in texts)

    def _triggers(self, whole: bytes) -> list[tuple[int, int, Family]] | None:
        """Triggers in plain text and their families; None for text that must be searched everywhere."""
        triggers: list[tuple[int, int, Family]] = []
        plain = whole.isascii() and not (b"\\" in whole or b"%" in whole or b"&" in whole)
        find, position, length = self.trigger.find, 0, len(whole)
        while (found := find(whole, position, length)) is not None:
            start, position = self.without_surroundings(whole, *found[0])
            family = self.family(whole[start:position])
            if family is None or len(triggers) == _TRIGGERS_MAX:
                return None
            if not (plain or self._is_plain(whole, start, position, family)):
                return None
            triggers.append((start, position, family))
        return triggers

    def _located(
        self, whole: bytes, known: Sequence[tuple[bytes, Family]]
    ) -> list[tuple[int, int, Family]] | None:
        """The same where the triggers are known, but not where they are."""
        triggers: list[tuple[int, int, Family]] = []
        plain = whole.isascii() and not (b"\\" in whole or b"%" in whole or b"&" in whole)
        for trigger, family in known:
            start = whole.find(trigger)
            while start >= 0:
                end = start + len(trigger)
                if len(triggers) == _TRIGGERS_MAX or not (plain or self._is_plain(whole, start, end, family)):
                    return None
                triggers.append((start, end, family))
                start = whole.find(trigger, end)
        return triggers

    def _is_number(self, trigger: bytes) -> bool:
        """Whether a trigger with words in it is about a number and nothing else.

        The words before a number may be anything, an address or a key among them, which then is no trigger of
        its own: matches of one pattern do not overlap.
        """
        spans = self._number_triggers.find(trigger, 0, len(trigger))
        return (
            spans is not None
            and spans[0] == (0, len(trigger))
            and trigger.isascii()
            and b"\\" not in trigger
            and self._other_triggers.find(trigger, 0, len(trigger)) is None
        )

    def _is_plain(self, whole: bytes, start: int, end: int, family: Family) -> bool:
        """Whether nothing near a trigger is encoded."""
        margin = _MARGIN[family]
        near = whole[max(0, start - margin) : end + margin]
        if b"\\" in near or b"%" in near or b"&" in near:
            return False
        return near.isascii() or not any(compile_pattern(fold.mark).is_in(near) for fold in self._foldable)

    def _nearby(self, whole: bytes, triggers: list[tuple[int, int, Family]], budget: Budget) -> list[Finding]:
        found: list[Finding] = []
        claims: list[tuple[int, int]] = []
        done: set[tuple[int, int]] = set()
        length = len(whole)
        for start, end, family in triggers:
            margin = _MARGIN[family]
            low, high = (
                start - margin if start > margin else 0,
                end + margin if end + margin < length else length,
            )
            left, right = whole[low:start], whole[end:high]
            if family is Family.NUMBER:
                # All that is written like a number around the trigger, up to the first bytes that are not.
                inner = low + len(left.rstrip(PLAIN_NUMBER)), high - len(right.lstrip(PLAIN_NUMBER))
                if inner not in done:
                    done.add(inner)
                    found += self._in_runs(whole, *inner)
                if not _may_be_iban(whole, start, *inner):
                    continue
            else:
                # No address has white space in it.
                low = start - len(left.rsplit(None, 1)[-1]) if left and not left[-1:].isspace() else start
                high = end + len(right.split(None, 1)[0]) if right and not right[:1].isspace() else end
            for entry, pattern in self._near[family]:
                if entry.literals and all(whole.find(word, low, high) < 0 for word in entry.literals):
                    continue
                for match_start, match_end, finding in _matches(entry, pattern, whole, low, high):
                    if (match_start <= start - margin and low) or (
                        match_end >= end + margin and high < length
                    ):
                        # The match may go on where nobody looked.
                        return self.everywhere(whole, budget)
                    if finding is not None:
                        found.append(finding)
                        if entry.claims:
                            claims.append((match_start, match_end))
        budget.check()
        return _merged(found, claims)

    def _in_runs(self, text: bytes, low: int, high: int) -> Iterator[Finding]:
        """Numbers within a part of the text that begins and ends where no number goes on."""
        while high - low >= _LEAST_DIGITS and (match := _NUMBER_RUN.find(text, low, high)) is not None:
            start, low = match[0]
            groups = [digits.span() for digits in _DIGITS.finditer(text, start, low)]
            run = Run(text, groups, sum([end - start for start, end in groups]))
            for entry in self._runs:
                if entry.least_digits <= run.digits and entry.runs is not None:
                    for first, last in entry.runs(run):
                        yield Finding(first, last, entry.entity, entry.secret, text[first:last])

    def _search(self, text: bytes, budget: Budget) -> tuple[list[Finding], list[tuple[int, int]]]:
        found = list(self._in_runs(text, 0, len(text)))
        claims: list[tuple[int, int]] = []
        for entry, pattern in self._compiled:
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


def _triggers_of(entries: Iterable[Recognizer]) -> list[bytes]:
    return [pattern for entry in entries for pattern in entry.triggers]


def _any_of(patterns: Sequence[bytes]) -> Pattern:
    """One pattern for all; without any, one that matches nothing."""
    return compile_pattern(b"|".join(b"(?:" + pattern + b")" for pattern in patterns) or rb"[^\x00-\xff]")


def _may_be_iban(text: bytes, start: int, low: int, high: int) -> bool:
    """Whether what is written like a number may be the rest of an IBAN: behind a country, or behind letters with
    more digits before them."""
    if text[start] in LETTERS:
        return True
    before = text[max(0, low - _IBAN_REACH) : low]
    if not before or before[-1] not in LETTERS:
        return False
    is_country = before[-2:].isalpha() and (len(before) < 3 or before[-3] not in LETTERS)
    return is_country or len(before.translate(None, _DIGIT_BYTES)) < len(before)


def _matches(
    entry: Recognizer, pattern: Pattern, text: bytes, position: int, end: int
) -> Iterator[tuple[int, int, Finding | None]]:
    """Start and end of each match of an entry, and what it finds there; None for what is not validated."""
    while position < end and (match := pattern.find(text, position, end)) is not None:
        start, stop = match[0]
        groups = match[1:]
        if entry.validate is None:
            spans: Iterable[tuple[int, int]] = (next((span for span in groups if span[0] >= 0), match[0]),)
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


def _mapped(finding: Finding, view: View) -> Finding:
    start, end = view.original(finding.start, finding.end)
    return Finding(start, end, finding.entity, finding.secret, finding.value)


def _merged(found: list[Finding], claims: list[tuple[int, int]]) -> list[Finding]:
    """Findings in order and apart: those that overlap become one, named after the secret or else the longer."""
    if len(found) < 2:
        return found
    found.sort(key=lambda finding: (finding.start, -finding.end))
    merged: list[Finding] = []
    for finding in found:
        inside = any(start <= finding.start and finding.end <= end for start, end in claims)
        if inside and not finding.secret:
            continue
        if not merged or finding.start >= merged[-1].end:
            merged.append(finding)
            continue
        last = merged[-1]
        longer = (finding.secret, finding.end - finding.start) > (last.secret, last.end - last.start)
        named = finding if longer else last
        end = max(last.end, finding.end)
        whole = named.start == last.start and named.end == end
        merged[-1] = Finding(last.start, end, named.entity, named.secret, named.value if whole else None)
    return merged


def _behind(found: list[Finding], length: int) -> list[Finding]:
    """Findings in the text behind a prefix of so many bytes."""
    kept = []
    for finding in found:
        if finding.end > length:
            finding.start, finding.end = max(0, finding.start - length), finding.end - length
            kept.append(finding)
    return kept
