"""Phone numbers in runs of digit groups, by the number plans that phonenumbers carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers
import stdnum.isbn

from otel_audit.mask.candidates import (
    ALNUM,
    PHONE_WORDS,
    PHONE_WORDS_BEHIND,
    Run,
    before,
    is_fraction,
    is_glued_in_front,
)  # fmt: skip

__all__ = ["phone"]

# At most twelve bytes between a word and its number; the trigger leaves room for quotes and escapes.
_names_phone: Final = before(48, PHONE_WORDS + b"[a-z]{0,16}[^0-9]{0,12}")
_PHONE_BEHIND: Final = re.compile(rb"(?i)[^0-9a-z]{1,3}" + PHONE_WORDS_BEHIND + rb"(?![a-z])")
_EXTENSION: Final = re.compile(rb"(?i)[ ,]{0,2}(?:x|ext\.?|extension)[ .:]?[0-9]{1,6}(?![0-9a-z])")
_NANP: Final = re.compile(
    rb"(?:(?:\+|00)?1[ \-.]{0,2})?(?:\([0-9]{3}\)[ \-.]?|[0-9]{3}([ \-.]))[0-9]{3}[ \-.]([0-9]{4})"
)
_DATE: Final = re.compile(
    rb"(?:(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ][0-9]{1,2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:19|20)[0-9]{2})"
    rb"(?:[ ]?[0-9]{1,2})?"
)
_AREA: Final = re.compile(rb"\((?!(?:19|20)[0-9]{2}\))[0-9]{2,5}\)[ \-]?[0-9]{2,4}[ \-]?[0-9]{3,5}")
_DECIMAL: Final = re.compile(
    rb"(?![0-9]{3,4}\.[0-9]{4}\Z)(?:[0-9]{1,3}(?:[,.][0-9]{3})*(?:[.,][0-9]{1,2})?|[0-9]+[.,][0-9]+)"
)
_FRACTION: Final = re.compile(rb"(?:0|[1-9][0-9]?)[.,][0-9]{4,}")
_ISBN: Final = re.compile(rb"[0-9]-[0-9]{1,7}-[0-9]{1,7}-[0-9Xx]")
_CLOCK: Final = re.compile(rb"[0-9]:[0-9]{2}:\Z")
_PATH_AND_STATUS: Final = re.compile(rb"[0-9]+ [1-5][0-9]{2}")
_UUID_TAIL: Final = re.compile(rb"-[0-9a-f]{4}-[0-9a-f]{4}")
_PHONE_GAP: Final = b" -./()"
_PHONE_SIGNS: Final = _PHONE_GAP + b"0123456789"
_NATIONAL_REGIONS: Final = (
    "GB", "DE", "FR", "IT", "ES", "NL", "BE", "CH", "AT", "SE", "FI", "PL", "AU", "NZ", "JP", "KR", "CN", "IN",
    "BR", "ZA", "TR", "IE", "IL", "RU", "UA",
)  # fmt: skip
_NO_PHONE_BEFORE: Final = frozenset(b"$#%&*\xa3\xac")
"""Signs before amounts, numbers of things and references; the last bytes of £ and €."""


def phone(run: Run) -> Iterator[tuple[int, int]]:
    """Phone numbers: international ones, North American and other national forms, and short ones beside a word
    such as *call* or *fax*; an extension belongs to the number."""
    groups = run.groups
    first, count = 0, len(groups)
    if not run.text[groups[0][0] : groups[-1][1]].translate(None, _PHONE_SIGNS):
        # The whole run is written as one number, which is how most are.
        span = _phone_span(run, 0, count - 1)
        if span is not None:
            yield span
        elif count > 1:
            yield from _parted_phones(run, 0, count - 1)
        return
    while first < count:
        last = first
        while last + 1 < count and _is_phone_gap(run.gap(last)):
            last += 1
        span = _phone_span(run, first, last)
        if span is not None:
            yield span
        elif last > first:
            yield from _parted_phones(run, first, last)
        first = last + 1


def _is_phone_gap(gap: bytes) -> bool:
    return len(gap) <= 3 and not gap.translate(None, _PHONE_GAP)


def _parted_phones(run: Run, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Phone numbers parted by spaces from other numbers, and by other signs in themselves."""
    spaces = [index for index in range(first, last) if run.gap(index) == b" "]
    if not spaces or len(spaces) == last - first:
        return
    for low, high in zip([first, *(index + 1 for index in spaces)], [*spaces, last], strict=True):
        span = _phone_span(run, low, high)
        if span is not None:
            yield span


def _phone_span(run: Run, first: int, last: int) -> tuple[int, int] | None:
    text = run.text
    start, end = run.groups[first][0], run.groups[last][1]
    digits = text[start:end].translate(None, _PHONE_GAP)
    if not 6 <= len(digits) <= 17 or (len(digits) > 15 and digits[:2] != b"00"):
        return None
    if text[start - 1 : start] == b"+" and start:
        start -= 1
    if text[start - 1 : start] == b"(" and start and b")" in text[start:end]:
        start -= 1
        start -= 1 if text[start - 1 : start] == b"+" and start else 0
    value = text[start:end]
    if start and (text[start - 1] in _NO_PHONE_BEFORE or is_glued_in_front(text, start)):
        return None
    extension = _EXTENSION.match(text, end)
    if extension:
        end = extension.end()
    if end < len(text) and (text[end] in ALNUM or text[end] == 0x25):
        return None
    if value[0] != 0x2B and (is_fraction(text, start) or _continues(text, end)):
        return None
    if (
        value.count(b"-") >= 2
        and (isbn := _ISBN.match(text, start))
        and stdnum.isbn.is_valid(isbn[0].decode())
    ):
        return None
    if _UUID_TAIL.match(text, end) or _CLOCK.search(text[max(0, start - 5) : start]):
        return None
    # The end of a path and the status behind it are two numbers, and the version of a product is none.
    is_behind_slash = start > 0 and text[start - 1] == 0x2F
    if is_behind_slash and _PATH_AND_STATUS.fullmatch(value):
        return None
    if _has_phone_form(value, digits.decode()):
        return start, end
    if len(digits) > 15 or _DATE.fullmatch(value) or (_DECIMAL.fullmatch(value) and not value.isdigit()):
        return None
    if _names_phone(text, start) or (
        not (is_behind_slash and b"." in value) and _PHONE_BEHIND.match(text, end, end + 16)
    ):
        return start, end
    return None


def _continues(text: bytes, end: int) -> bool:
    """Whether the number goes on behind a comma, colon or point."""
    return text[end : end + 1] in (b",", b":", b".") and text[end + 1 : end + 2].isdigit()


def _has_phone_form(value: bytes, digits: str) -> bool:
    """Whether a number is one of a phone by itself; below nine digits, words must say so."""
    if len(digits) < 9 or _FRACTION.fullmatch(value):
        return False
    if value[0] == 0x2B:
        return len(digits) <= 15 and _has_country(digits)
    if value.isdigit():
        return False
    if value.startswith(b"00"):
        return 10 <= len(digits) <= 17 and _has_country(digits[2:])
    match = _NANP.fullmatch(value)
    if match:
        # Three groups parted by spaces may be anything; their first digits then follow the plan.
        ten = digits[-10:]
        return match[1] != b" " or (ten[0] in "23456789" and ten[3] in "23456789")
    if _AREA.fullmatch(value):
        return True
    if value[0] != 0x30 or len(digits) > 12 or _DATE.fullmatch(value):
        return False
    return _is_national(value.decode())


def _has_country(digits: str) -> bool:
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return int(digits[:1]) in codes or int(digits[:2]) in codes or int(digits[:3]) in codes


def _is_national(text: str) -> bool:
    for region in _NATIONAL_REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            return False
    return False
