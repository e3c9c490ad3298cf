"""The trigger: RE2 patterns of which one has a match wherever any recogniser or decoder could find something.

It matches in a text itself and in the JSON text that the text is part of. So the masker runs it over whole
columns and lets only entries with a match through; ``tests/mask`` holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from otel_audit.mask.alternatives import Alternatives, Scan, any_of
from otel_audit.mask.candidates import ALNUM, LETTERS
from otel_audit.mask.decode import Decoder
from otel_audit.mask.encoded_runs import BASE64_TRIGGER_BYTES, ENCODED_TRIGGERS, is_of_id
from otel_audit.mask.findings import Span
from otel_audit.mask.patterns import compile_pattern
from otel_audit.mask.recognizer import WITH_NUMBERS, Family, Recognizer
from otel_audit.mask.recognizers import DIGIT_RUN, PLAIN_NUMBER

__all__ = ["Trigger", "TriggerScan"]

_SHORTEST_RUN: Final = 9
_LONG_RUN: Final = 20
"""Digits that may be hexadecimal for text."""
_DIGITS: Final = frozenset(b"0123456789")
_GOES_ON: Final = ALNUM | frozenset(b":~")
_LONGEST_BEGINNING: Final = 16
"""Bytes: names of credentials and beginnings of keys are shorter."""
_LETTERS: Final = bytes(sorted(LETTERS))
_HEXADECIMAL: Final = b"0123456789abcdef"
_LEAST_HEXADECIMAL: Final = 24
"""A coin's address has 26 characters and more after what is before its word; a text in hexadecimal has 20."""


class Trigger:
    """Finds triggers and says what they are of.

    Args:
        recognizers: what they look for.
        decoders: likewise.
        encoded: whether encoded runs are looked into.
        structure: RE2 patterns of structure that the caller wants to see as triggers.
    """

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        decoders: Sequence[Decoder],
        *,
        encoded: bool,
        structure: Iterable[bytes] = (),
    ) -> None:
        families = {entry.family for entry in recognizers}
        at = [b"@"] if Family.AT in families else []
        digits = [DIGIT_RUN] if Family.NUMBER in families else []
        numbers = _triggers_of(entry for entry in recognizers if entry.family is Family.NUMBER)
        others = _triggers_of(entry for entry in recognizers if entry.family is not Family.NUMBER)
        others += [decoder.trigger for decoder in decoders]
        if encoded:
            others += ENCODED_TRIGGERS
        others += structure
        self._numbers = compile_pattern(any_of(numbers))
        self._others = compile_pattern(any_of([*at, *others]))
        apart: dict[str, list[bytes]] = {}
        for entry in recognizers:
            if entry.automaton:
                apart.setdefault(entry.automaton, []).extend(entry.triggers)
        introductions = [entry for entry in recognizers if entry.behind]
        words = _triggers_of(entry for entry in introductions if not entry.automaton)
        elsewhere = {*words, *(pattern for group in apart.values() for pattern in group)}
        together = [pattern for pattern in others if pattern not in elsewhere]
        counting = [pattern for pattern in numbers if pattern not in elsewhere]
        # Words come last: where another trigger begins with one, that is what is found.
        self._all = Alternatives(
            [[*digits, *counting, *apart.pop(WITH_NUMBERS, ())], [*at, *together, *words], *apart.values()]
        )
        self._introductions = [
            (re.compile(any_of(entry.triggers)), re.compile(entry.behind)) for entry in introductions
        ]

    def is_in(self, text: bytes) -> bool:
        """Whether there is one."""
        return self._all.is_in(text)

    def over(self, text: bytes | memoryview) -> TriggerScan:
        """Goes over a text, from trigger to trigger."""
        return TriggerScan(text, self._all.over(text), self._is_nothing)

    @staticmethod
    def behind(text: bytes | memoryview, start: int, end: int) -> int:
        """Where the search goes on behind the trigger of a number: within it, where another one may begin in it
        and go on behind it."""
        if text[end - 1] in LETTERS or (end < len(text) and text[end] in _GOES_ON):
            return max(start + 1, end - _LONGEST_BEGINNING)
        return end

    def family(self, trigger: bytes) -> Family | None:
        """The family of a trigger in plain text; None where it takes more than a look around it."""
        if trigger == b"@":
            return Family.AT
        if not trigger.translate(None, PLAIN_NUMBER):
            return None if len(trigger) >= _LONG_RUN and self._others.is_in(trigger) else Family.NUMBER
        return Family.NUMBER if self._is_number(trigger) else None

    def _is_nothing(self, text: bytes | memoryview, start: int, stop: int) -> bool:
        """Whether what looks like a trigger is of a hexadecimal id, or a word without what it introduces."""
        if stop - start == BASE64_TRIGGER_BYTES and is_of_id(text, start, stop):
            return True
        trigger = bytes(text[start:stop])
        if len(trigger) > _LEAST_HEXADECIMAL and not trigger[-_LEAST_HEXADECIMAL:].translate(
            None, _HEXADECIMAL
        ):
            # Coins' addresses have these signs among others; digits alone are another matter.
            return trigger[:2] != b"0x" and not trigger[-_SHORTEST_RUN:].isdigit()
        introducing = [behind for words, behind in self._introductions if words.fullmatch(text, start, stop)]
        return bool(introducing) and not any(behind.match(text, stop) for behind in introducing)

    def _is_number(self, trigger: bytes) -> bool:
        """Whether a trigger with words in it is about a number and nothing else.

        The words before a number may be anything, an address or a key among them, which then is no trigger of
        its own: matches of one pattern do not overlap.
        """
        spans = self._numbers.find(trigger, 0, len(trigger))
        return (
            spans is not None
            and spans[0] == (0, len(trigger))
            and trigger.isascii()
            and b"\\" not in trigger
            and self._others.find(trigger, 0, len(trigger)) is None
        )


class TriggerScan:
    """Goes over one text from left to right, from trigger to trigger. Not for several threads.

    Args:
        text: what is looked through.
        matches: of the trigger's patterns in it.
        is_nothing: told the text, start and end of a match, whether it is no trigger.
    """

    __slots__ = ("_is_nothing", "_matches", "_text")

    def __init__(
        self,
        text: bytes | memoryview,
        matches: Scan,
        is_nothing: Callable[[bytes | memoryview, int, int], bool],
    ) -> None:
        self._text, self._matches, self._is_nothing = text, matches, is_nothing

    def find(self, position: int) -> Span | None:
        """The first trigger at ``position`` or behind it, without the bytes before and behind it that the trigger
        of numbers takes in; hexadecimal ids are none. Positions never go back."""
        while (found := self._matches.find(position)) is not None:
            for start, stop in (found, *self._matches.others(found)):
                if stop - start == 1 or not self._is_nothing(self._text, start, stop):
                    return _without_surroundings(self._text, start, stop)
            position = found[0] + 1
        return None


def _without_surroundings(text: bytes | memoryview, start: int, stop: int) -> Span:
    core = bytes(text[start:stop])
    if core[0] in LETTERS:
        core = core.lstrip(_LETTERS)
    elif core[0] not in _DIGITS:
        core = core[1:]
    low = stop - len(core)
    if core[-1:].isalpha():
        core = core.rstrip(_LETTERS)
    elif core[-1:] and core[-1] not in _DIGITS:
        core = core[:-1]
    if len(core) < _SHORTEST_RUN or core.translate(None, PLAIN_NUMBER):
        return start, stop
    return low, low + len(core)


def _triggers_of(entries: Iterable[Recognizer]) -> list[bytes]:
    return [pattern for entry in entries for pattern in entry.triggers]
