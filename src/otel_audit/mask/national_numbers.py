"""Finds national identification numbers: in runs of digits, and by the patterns of those with letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from otel_audit.mask.candidates import (
    ALNUM,
    GAP_SIGNS,
    LETTERS,
    WORD_BEGINS,
    WORD_ENDS,
    Candidate,
    Run,
    is_fraction,
    is_glued,
)
from otel_audit.mask.national_ids import NATIONAL_IDS
from otel_audit.mask.patterns import compile_pattern

__all__ = ["LETTERED", "LETTERED_TRIGGERS", "lettered", "may_be_lettered", "numbered"]

_NUMBERED: Final = tuple(entry for entry in NATIONAL_IDS if entry.digits)
_LENGTHS: Final = frozenset(length for entry in _NUMBERED for length in entry.digits)
_LONGEST: Final = max(_LENGTHS)
_STRONG: Final = {form: entry for entry in NATIONAL_IDS for form in entry.strong}
_STRONG_SHAPES: Final = frozenset(tuple(map(int, re.findall(r"[0-9]+", form))) for form in _STRONG)
"""Lengths of the groups of each."""

_WORDS: Final = sorted({word for entry in NATIONAL_IDS for word in entry.words}, key=len, reverse=True)
_GENERAL: Final = (
    "national id", "nationalid", "national identification", "identification number", "personal id",
    "personal number", "citizen id", "identity number", "id card", "id number", "personalausweis",
)  # fmt: skip
"""Words for the number of any country."""


def _spelled(word: str) -> bytes:
    return re.escape(word).replace(r"\ ", "[ _-]?").replace(r"\-", "[ _-]?").encode()


_PLAIN: Final = b"0123456789" + GAP_SIGNS
_MOST_GROUPS: Final = 7
_BEFORE: Final = 64
_BEHIND: Final = 24
_ALL_WORDS: Final = tuple(sorted({*_WORDS, *_GENERAL}, key=len, reverse=True))
_NAME: Final = compile_pattern(
    rb"(?i)(?:^|[^a-z])(" + b"|".join(map(_spelled, _ALL_WORDS)) + rb")(?:[^a-z]|\z|nummer|number|no|nr)"
)
_SIGNS_IN_NAMES: Final = str.maketrans("", "", " _-")
_BY_SPELLING: Final = {word.translate(_SIGNS_IN_NAMES): word for word in _ALL_WORDS}


def _named(text: bytes, start: int, end: int) -> frozenset[str]:
    """Names that stand around a number."""
    around = text[max(0, start - _BEFORE) : start] + b"\n" + text[end : end + _BEHIND]
    names, position = set(), 0
    while (found := _NAME.find(around, position, len(around))) is not None:
        low, position = found[1]
        spelling = around[low:position].decode("utf-8", "replace").lower().translate(_SIGNS_IN_NAMES)
        names.add(_BY_SPELLING.get(spelling, ""))
    return frozenset(names - {""})


def numbered(run: Run) -> Iterator[tuple[int, int]]:
    """Numbers that are all digits, in groups or not."""
    text, groups = run.text, run.groups
    lengths = [end - start for start, end in groups]
    names: frozenset[str] | None = None
    first = 0
    while first < len(groups):
        found = None
        digits = 0
        for last in range(first, min(first + _MOST_GROUPS, len(groups))):
            digits += lengths[last]
            if digits > _LONGEST:
                break
            if digits not in _LENGTHS:
                continue
            if names is None:
                names = _named(text, groups[0][0], groups[-1][1])
            shape = tuple(lengths[first : last + 1])
            if not names and shape not in _STRONG_SHAPES:
                continue
            start, end = groups[first][0], groups[last][1]
            if is_glued(text, start, end) or is_fraction(text, start) or not _stands_alone(text, start, end):
                continue
            number = text[start:end].decode("latin-1")
            entry = _STRONG.get(_signature(run, shape, first)) if shape in _STRONG_SHAPES else None
            if (entry is not None and entry.is_valid(number)) or (names and _is_named(number, digits, names)):
                found = last
                break
        if found is None:
            first += 1
        else:
            yield groups[first][0], groups[found][1]
            first = found + 1


def _is_named(number: str, digits: int, names: frozenset[str]) -> bool:
    """Whether it is the number of a country of which a name stands near."""
    bare = "".join(filter(str.isdigit, number))
    return any(
        digits in entry.digits and not names.isdisjoint((*entry.words, *_GENERAL)) and entry.is_valid(bare)
        for entry in _NUMBERED
    )


def _signature(run: Run, shape: tuple[int, ...], first: int) -> str:
    parts = [str(shape[0])]
    for index, length in enumerate(shape[1:], first):
        parts += (run.gap(index).decode("latin-1"), str(length))
    return "".join(parts)


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether no sign in front or behind makes the digits a part of a longer number or word; between slashes they
    are a part of a path."""
    in_front = text[start - 2 : start] if start > 1 else b""
    behind = text[end : end + 2]
    return not (
        (in_front[1:] in (b"-", b".") and in_front[:1].isalnum())
        or (in_front[1:] == b"/" and in_front[:1].isdigit())
        or (behind[:1] == b"-" and behind[1:].isalnum())
        or (behind[:1] == b"/" and behind[1:].isdigit())
    )


def may_be_lettered(text: bytes, start: int, low: int, high: int) -> bool:
    """Whether letters are in what is written like a number, or adjoin it."""
    return bool(
        text[max(0, low - 1) : high + 1].translate(None, _PLAIN)
        and (text[start] in LETTERS or not LETTERS.isdisjoint(text[max(0, low - 1) : high + 1]))
    )


_PATTERNED: Final = tuple(entry for entry in NATIONAL_IDS if entry.pattern)
LETTERED: Final = (
    rb"(?:^|[^0-9A-Za-z])(?:"
    + b"|".join(b"(" + entry.pattern + b")" for entry in _PATTERNED)
    + rb")(?:[^0-9A-Za-z]|\z)"
)
"""RE2: every number with letters in it, each in a group of its own, with what stands directly around it."""

LETTERED_TRIGGERS: Final = (
    WORD_BEGINS
    + b"(?:"
    + b"|".join(b"(?:" + entry.pattern + b")" for entry in _PATTERNED)
    + b")"
    + WORD_ENDS,
)


def lettered(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """Numbers with letters in them."""
    text = candidate.text
    for entry, (start, end) in zip(_PATTERNED, candidate.groups, strict=True):
        if start < 0:
            continue
        if start and text[start - 1] in ALNUM | frozenset(b"_-."):
            return
        number = text[start:end].decode("latin-1").upper()
        if entry.name == "gb-nino" and number[:2] in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"):
            return
        if not entry.is_valid(number):
            return
        if not entry.needs_word or _named(text, start, end) & {*entry.words, *_GENERAL}:
            yield start, end
        return
