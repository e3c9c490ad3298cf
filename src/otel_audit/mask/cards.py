"""Payment card numbers in groups of digits.

Issuer prefixes are those of ISO/IEC 7812 as the networks publish them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import stdnum.ean

from otel_audit.mask.candidates import GAP_SIGNS, Candidate, Run, before, is_fraction, is_glued, words

__all__ = ["PARTED_CARD", "PARTED_CARD_TRIGGER", "credit_card", "may_be_parted_card", "parted_card"]

_CARD_WORDS: Final = words(
    "card", "visa", "mastercard", "maestro", "amex", "american express", "discover", "diners", "pan", "cc",
    "credit", "debit", "payment", "karte", "carte", "tarjeta",
)  # fmt: skip
_ORDER_WORDS: Final = words(
    "order", "invoice", "tracking", "parcel", "shipment", "ticket", "case", "ean", "gtin", "upc", "isbn",
    "sku", "imei", "serial", "trace", "span", "request", "timestamp", "epoch", "time", "version", "build",
)  # fmt: skip
_names_card: Final = before(48, _CARD_WORDS + b"(?s:.*)")
_names_order: Final = before(
    32, _ORDER_WORDS + b"(?:[ _-]?(?:id|no|nr|number|num|ref|code|ns|ms|us|unix|nano))?[^0-9a-z]{0,4}"
)

_NETWORK: Final = re.compile(
    rb"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    rb"|5[1-5][0-9]{14}|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    rb"|3[47][0-9]{13}"  # American Express
    rb"|(?:30[0-5]|309|36[0-9]|3[89][0-9])(?:[0-9]{11}|[0-9]{13}|[0-9]{16})"  # Diners Club
    rb"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    rb"|220[0-4][0-9]{12,15}"  # Mir
    rb"|(?:6011|64[4-9][0-9]|65[0-9]{2})(?:[0-9]{12}|[0-9]{15})"  # Discover
    rb"|(?:60|81|82)[0-9]{14}"  # RuPay
    rb"|62[0-9]{14,17}"  # UnionPay
    rb"|(?:50|5[6-9]|61|63|6[6-9])[0-9]{10,17}"  # Maestro
    rb"|9792[0-9]{12}"  # Troy
)
_STANDARD_GROUPS: Final = frozenset(
    {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (4, 5, 6), (8, 8),
     (6, 10), (6, 13), (4, 4, 5), (4, 3, 3, 3), (4, 4, 4, 3), (4, 4, 4, 2), (4, 4, 4)}
)  # fmt: skip
_LEAST_FIRST_GROUP: Final = 4
"""Digits of the first group of any of these."""
_CARD_DIGITS: Final = range(12, 20)
_PRINTED_GAPS: Final[tuple[set[bytes], ...]] = (set(), {b" "}, {b"-"})


def credit_card(run: Run) -> Iterator[tuple[int, int]]:
    """Payment card numbers of 12 to 19 digits with a right Luhn digit and an issuer's prefix, or a word for it.

    Digits in one group need a length of their network and no label that says otherwise (an order number, an
    EAN); several groups need a customary grouping, or to be all the digits there are.
    """
    groups = run.groups
    lengths = [end - start for start, end in groups]
    first = 0
    # Digits from here on, or more: fewer than those of a card need no look.
    left = run.digits
    while first < len(groups) and left >= _CARD_DIGITS.start:
        left -= lengths[first]
        count, lasts = 0, []
        for last in range(first, len(groups) if first == 0 or lengths[first] >= _LEAST_FIRST_GROUP else 0):
            count += lengths[last]
            if count >= _CARD_DIGITS.stop:
                break
            if count in _CARD_DIGITS:
                lasts.append(last)
        # The longest counts: the first groups of a card may be one of another length by themselves.
        for last in reversed(lasts):
            if _is_card(run, first, last, tuple(lengths[first : last + 1])):
                yield groups[first][0], groups[last][1]
                first = last
                break
        first += 1


def _is_card(run: Run, first: int, last: int, lengths: tuple[int, ...]) -> bool:
    text, groups = run.text, run.groups
    is_standard = lengths in _STANDARD_GROUPS
    if not is_standard and last > first and len(lengths) < len(groups):
        return False
    start, end = groups[first][0], groups[last][1]
    number = text[start:end].translate(None, GAP_SIGNS)
    if not _is_luhn(number) or is_glued(text, start, end):
        return False
    gaps = {run.gap(index) for index in range(first, last)}
    if not _NETWORK.fullmatch(number):
        # Prefixes come and go, and shops have cards of their own: what is called a card is one.
        return (
            gaps in _PRINTED_GAPS
            and _names_card(text, start)
            and not (_names_order(text, start) or is_fraction(text, start))
        )
    if last > first:
        if max(map(len, gaps)) > 2 or _is_within_list(run, first, last, gaps):
            return False
        if _is_amount(lengths, gaps):
            return False
        return is_standard or (len(gaps) == 1 and not is_fraction(text, start))
    if _names_card(text, start):
        return True
    if is_fraction(text, start) or _names_order(text, start):
        return False
    if len(number) == 13 and stdnum.ean.is_valid(number.decode()):
        return False
    # Maestro's ranges are a seventh of all numbers: without a word they count from 16 digits on.
    return len(number) >= 16 or number[0] in b"34"


def _is_amount(lengths: tuple[int, ...], gaps: set[bytes]) -> bool:
    """Whether groups are a decimal number, or thousands with signs between them."""
    is_grouped = lengths[0] <= 3 and set(lengths[1:]) == {3}
    return gaps in ({b"."}, {b","}) and (len(lengths) == 2 or is_grouped)


def _is_within_list(run: Run, first: int, last: int, gaps: set[bytes]) -> bool:
    """Whether groups are parted by the same commas as others beside them."""
    (gap,) = gaps if len(gaps) == 1 else (b"",)
    return b"," in gap and (
        (first > 0 and run.gap(first - 1) == gap) or (last + 1 < len(run.groups) and run.gap(last) == gap)
    )


_SINGLE: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def _is_luhn(number: bytes) -> bool:
    """Whether the last digit is the check digit of the others: ISO/IEC 7812-1 annex B."""
    single, doubled = number[-1::-2].translate(_SINGLE), number[-2::-2].translate(_DOUBLED)
    return (sum(single) + sum(doubled)) % 10 == 0


_GAP: Final = rb"[^0-9A-Za-z\x00-\x1f]"
PARTED_CARD: Final = (
    rb"[0-9]{4}(" + _GAP + rb"{1,5})(?:[0-9]{4}(" + _GAP + rb"{1,5})[0-9]{4}(" + _GAP + rb"{1,5})[0-9]{4}"
    rb"|[0-9]{6}(" + _GAP + rb"{1,5})[0-9]{5})"
)  # fmt: skip
"""RE2: the two groupings that cards have in print, with signs between that numbers do not have."""
PARTED_CARD_TRIGGER: Final = (
    rb"[0-9]{4}" + _GAP + rb"+(?:[0-9]{4}" + _GAP + rb"+[0-9]{4}" + _GAP + rb"+[0-9]{4}|[0-9]{6}" + _GAP
    + rb"+[0-9]{5})"
)  # fmt: skip
"""RE2: the same in JSON, where signs have backslashes."""


def parted_card(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """Payment card numbers in their customary groups, with the same signs between all of them."""
    text, start, end = candidate.text, candidate.start, candidate.end
    gaps = {text[low:high] for low, high in candidate.groups if low >= 0}
    if (
        len(gaps) > 1
        or _is_plain_gap(*gaps)
        or is_glued(text, start, end)
        or text[start - 1 : start].isdigit()
    ):
        return
    number = candidate.value.translate(None, gaps.pop())
    if _is_luhn(number) and _NETWORK.fullmatch(number):
        yield start, end


def _is_plain_gap(gap: bytes) -> bool:
    """Whether groups with this between them are a run, which has a recogniser of its own."""
    return len(gap) <= 2 and not gap.translate(None, GAP_SIGNS)


_MAY_BE_PARTED: Final = re.compile(rb"[^0-9A-Za-z]{3}|[^0-9A-Za-z \-./()_,+\t\r\n]")
_DIGIT: Final = re.compile(rb"[0-9]")


def may_be_parted_card(text: bytes, start: int, low: int, high: int) -> bool:
    """Whether a number may be a part of such a card: wide gaps in it, or more digits close by."""
    return (
        _MAY_BE_PARTED.search(text, low, high) is not None
        or _DIGIT.search(text, high, high + 6) is not None
        or _DIGIT.search(text, max(0, low - 6), low) is not None
    )
