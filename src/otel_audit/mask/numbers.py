"""Numbers in runs of digit groups: payment cards, social security numbers, phone numbers, IPv4 addresses.

Check digits and number plans are those of python-stdnum and phonenumbers, issuer prefixes those of ISO/IEC 7812
as the networks publish them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers
import stdnum.ean
import stdnum.luhn

from otel_audit.mask.candidates import ALNUM, PHONE_WORDS, PHONE_WORDS_BEHIND, SSN_WORDS, Run, is_glued, is_glued_in_front, words

__all__ = ["credit_card", "ipv4", "phone", "us_ssn"]

_CARD_WORDS: Final = words(
    "card", "visa", "mastercard", "maestro", "amex", "american express", "discover", "diners", "pan", "cc",
    "credit", "debit", "payment", "karte", "carte", "tarjeta",
)  # fmt: skip
_ORDER_WORDS: Final = words(
    "order", "invoice", "tracking", "parcel", "shipment", "ticket", "case", "ean", "gtin", "upc", "isbn",
    "sku", "imei", "serial", "trace", "span", "request", "timestamp", "epoch", "time", "version", "build",
)  # fmt: skip
_CARD_BEFORE: Final = re.compile(b"(?i)(?<![a-z])" + _CARD_WORDS)
_ORDER_BEFORE: Final = re.compile(
    b"(?i)(?<![a-z])" + _ORDER_WORDS + rb"(?:[ _-]?(?:id|no|nr|number|num|ref|code|ns|ms|us|unix|nano))?[^0-9a-z]{0,4}\Z"
)

# --- payment cards ---------------------------------------------------------------------------------------

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
_CARD_DIGITS: Final = range(12, 20)


def credit_card(run: Run) -> Iterator[tuple[int, int]]:
    """Payment card numbers of 12 to 19 digits with an issuer's prefix and a right Luhn digit.

    Digits in one group need a length of their network and no label that says otherwise (an order number, an
    EAN); several groups need a customary grouping, or to be all the digits there are.
    """
    groups = run.groups
    first = 0
    while first < len(groups):
        count = 0
        for last in range(first, len(groups)):
            count += groups[last][1] - groups[last][0]
            if count >= _CARD_DIGITS.stop:
                break
            if count in _CARD_DIGITS and _is_card(run, first, last):
                yield groups[first][0], groups[last][1]
                first = last
                break
        first += 1


def _is_card(run: Run, first: int, last: int) -> bool:
    text, groups = run.text, run.groups[first : last + 1]
    start, end = groups[0][0], groups[-1][1]
    number = b"".join([text[low:high] for low, high in groups])
    if not _NETWORK.fullmatch(number) or is_glued(text, start, end):
        return False
    digits = number.decode()
    if not stdnum.luhn.is_valid(digits):
        return False
    if len(groups) > 1:
        gaps = {run.gap(index) for index in range(first, last)}
        if any(len(gap) > 2 for gap in gaps):
            return False
        if tuple([high - low for low, high in groups]) in _STANDARD_GROUPS:
            return True
        return len(groups) == len(run.groups) and len(gaps) == 1 and not _is_fraction(text, start)
    if _CARD_BEFORE.search(text[max(0, start - 48) : start]):
        return True
    if _is_fraction(text, start) or _ORDER_BEFORE.search(text[max(0, start - 32) : start]):
        return False
    if len(digits) == 13 and stdnum.ean.is_valid(digits):
        return False
    # Maestro's ranges are a seventh of all numbers: without a word they count from 16 digits on.
    return len(digits) >= 16 or digits[0] in "34"


def _is_fraction(text: bytes, start: int) -> bool:
    """Whether the digits from ``start`` on stand behind a decimal sign."""
    return start >= 2 and text[start - 1] in b".," and text[start - 2 : start - 1].isdigit()


# --- social security numbers -----------------------------------------------------------------------------

_SSN_BEFORE: Final = re.compile(b"(?i)(?<![a-z])" + SSN_WORDS + rb"[^0-9]{0,40}\Z")
_SSN_GAPS: Final = frozenset({b"", b"-", b" ", b".", b"/", b"_", b"--", b"- ", b" -", b"  ", b"\t", b"\n", b"+"})


def us_ssn(run: Run) -> Iterator[tuple[int, int]]:
    """US social security numbers and ITINs: three, two, four digits, or nine digits with a word for them."""
    text, groups = run.text, run.groups
    for index, (start, end) in enumerate(groups):
        if end - start == 9:
            area, middle, serial = text[start : start + 3], text[start + 3 : start + 5], text[start + 5 : end]
            parted = False
        elif end - start == 3 and index + 2 < len(groups):
            gap = run.gap(index)
            middle, serial = (text[low:high] for low, high in groups[index + 1 : index + 3])
            if len(middle) != 2 or len(serial) != 4 or gap not in _SSN_GAPS or run.gap(index + 1) != gap:
                continue
            # One more group in the same manner makes another number of it.
            if (index and run.gap(index - 1) == gap) or (index + 3 < len(groups) and run.gap(index + 2) == gap):
                continue
            area, parted, end = text[start:end], True, groups[index + 2][1]
        else:
            continue
        if not _is_issued(area, middle, serial) or is_glued(text, start, end) or _is_fraction(text, start):
            continue
        if parted or _SSN_BEFORE.search(text[max(0, start - 64) : start]):
            yield start, end


def _is_issued(area: bytes, middle: bytes, serial: bytes) -> bool:
    """Whether the Social Security Administration, or the IRS for an ITIN, gives out such numbers."""
    if area[:1] == b"9":
        return middle >= b"50"
    return area not in (b"000", b"666") and middle != b"00" and serial != b"0000"


# --- phone numbers ---------------------------------------------------------------------------------------

# At most twelve bytes between a word and its number; the trigger leaves room for quotes and escapes.
_PHONE_BEFORE: Final = re.compile(b"(?i)(?<![a-z])" + PHONE_WORDS + rb"[a-z]{0,16}[^0-9]{0,12}\Z")
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
_DECIMAL: Final = re.compile(rb"[0-9]{1,3}(?:[,.][0-9]{3})*(?:[.,][0-9]{1,2})?|[0-9]+[.,][0-9]+")
_PHONE_GAP: Final = b" -./()"
_NATIONAL_REGIONS: Final = (
    "GB", "DE", "FR", "IT", "ES", "NL", "BE", "CH", "AT", "SE", "FI", "PL", "AU", "NZ", "JP", "KR", "CN", "IN",
    "BR", "ZA", "TR", "IE", "IL", "RU", "UA",
)  # fmt: skip
_NO_PHONE_BEFORE: Final = frozenset(b"$#%&*\xa3\xac")
"""Signs before amounts, numbers of things and references; the last bytes of £ and €."""


def phone(run: Run) -> Iterator[tuple[int, int]]:
    """Phone numbers: international ones, North American and other national forms, and short ones beside a word
    such as *call* or *fax*; an extension belongs to the number."""
    first = 0
    groups = run.groups
    while first < len(groups):
        last = first
        while last + 1 < len(groups) and _is_phone_gap(run.gap(last)):
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
    digits = b"".join([text[low:high] for low, high in run.groups[first : last + 1]])
    if not 6 <= len(digits) <= 17:
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
    if value[0] != 0x2B and (_is_fraction(text, start) or _continues(text, end)):
        return None
    if _has_phone_form(value, digits.decode()):
        return start, end
    if len(digits) > 15 or _DATE.fullmatch(value) or _DECIMAL.fullmatch(value) and not value.isdigit():
        return None
    if _PHONE_BEFORE.search(text[max(0, start - 48) : start]) or _PHONE_BEHIND.match(text, end, end + 16):
        return start, end
    return None


def _continues(text: bytes, end: int) -> bool:
    """Whether the number goes on behind a comma, colon or point."""
    return text[end : end + 1] in (b",", b":", b".") and text[end + 1 : end + 2].isdigit()


def _has_phone_form(value: bytes, digits: str) -> bool:
    """Whether a number is one of a phone by itself; below nine digits, words must say so."""
    if len(digits) < 9:
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


# --- IPv4 addresses --------------------------------------------------------------------------------------

_PRODUCT: Final = re.compile(rb"(?:\A|[\s(;,\"'])[A-Za-z][A-Za-z0-9_.\-]*/\Z")
_VERSION: Final = re.compile(rb"(?i)(?:version|ver|release|build|rev|chapter|section)[^0-9a-z]{0,4}\Z")
_MAX_OCTET: Final = 255


def ipv4(run: Run) -> Iterator[tuple[int, int]]:
    """IPv4 addresses that can belong to a person: not loopback, not unspecified, not a version."""
    text, groups = run.text, run.groups
    for first in range(len(groups) - 3):
        if not run.gap(first) == run.gap(first + 1) == run.gap(first + 2) == b".":
            continue
        start, end = groups[first][0], groups[first + 3][1]
        octets = [int(text[low:high]) for low, high in groups[first : first + 4] if high - low <= 3]
        if len(octets) < 4 or max(octets) > _MAX_OCTET or octets[0] == 127 or not any(octets):
            continue
        if (first and run.gap(first - 1) == b".") or text[start - 1 : start].isalnum() and start:
            continue
        behind = text[end : end + 2]
        if behind[:1].isalnum() or (behind[:1] in (b".", b"-") and behind[1:].isalnum() and not _is_range(behind)):
            continue
        if _PRODUCT.search(text[max(0, start - 64) : start]) or _VERSION.search(text[max(0, start - 16) : start]):
            continue
        yield start, end


def _is_range(behind: bytes) -> bool:
    return behind[:1] == b"-" and behind[1:].isdigit()
