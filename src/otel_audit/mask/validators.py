"""Checks that a pattern cannot make, of what is more than digits: bank accounts, IPv6, e-mail.

Check digits and structures are those of python-stdnum.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import stdnum.iban

from otel_audit.mask.candidates import ALNUM, LETTERS, Candidate, before, words

__all__ = ["IBAN_COUNTRIES", "email", "iban", "ipv6", "may_be_iban"]

# --- bank accounts ---------------------------------------------------------------------------------------


IBAN_COUNTRIES: Final = (
    "AD", "AE", "AL", "AT", "AZ", "BA", "BE", "BG", "BH", "BI", "BR", "BY", "CH", "CR", "CY", "CZ", "DE", "DJ",
    "DK", "DO", "EE", "EG", "ES", "FI", "FK", "FO", "FR", "GB", "GE", "GI", "GL", "GR", "GT", "HN", "HR", "HU",
    "IE", "IL", "IQ", "IS", "IT", "JO", "KW", "KZ", "LB", "LC", "LI", "LT", "LU", "LV", "LY", "MC", "MD", "ME",
    "MK", "MN", "MR", "MT", "MU", "NI", "NL", "NO", "OM", "PK", "PL", "PS", "PT", "QA", "RO", "RS", "RU", "SA",
    "SC", "SD", "SE", "SI", "SK", "SM", "SO", "ST", "SV", "TL", "TN", "TR", "UA", "VA", "VG", "XK", "YE",
)  # fmt: skip


@lru_cache(maxsize=1)
def _iban_lengths() -> dict[str, int]:
    """Country → length of its IBANs, from the registry that stdnum carries."""
    lengths = {}
    for prefix in IBAN_COUNTRIES:
        properties = stdnum.iban._ibandb.info(prefix)[0][1]
        lengths[prefix] = 4 + sum(int(count) for count in re.findall(r"(\d+)!", properties["bban"]))
    return lengths


# In lower case, what is written like words is no IBAN; the triggers rely on it.
_IBAN_IN_LOWER_CASE: Final = re.compile(
    rb"(?:^[A-Za-z]{2}|[^0-9a-f])[0-9](?:[ \-./_,+\t\r\n]{0,2}[0-9]){8,}(?:[^0-9a-f]|\Z)"
    rb"|^[A-Za-z]{2}[0-9]{2}[A-Za-z]{4}[0-9]{6}"
)


_names_iban: Final = before(24, words("iban", "bank account") + b"[^0-9]{0,16}")
_WRITTEN_LIKE_IBAN: Final = re.compile(
    rb"[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
)


def iban(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """International bank account numbers, any spacing: the structure of the country and check digits hold, or a word
    for them stands before."""
    value = candidate.value
    length = _iban_lengths().get(value[:2].decode("latin-1").upper())
    if length is None or (candidate.start and candidate.text[candidate.start - 1] in ALNUM):
        return
    at = [offset for offset, byte in enumerate(value) if byte in ALNUM]
    end = candidate.start + at[min(length, len(at)) - 1] + 1
    number = bytes(value[offset] for offset in at[:length]).decode()
    is_whole = len(at) >= length and not (end < len(candidate.text) and candidate.text[end] in ALNUM)
    if (
        is_whole
        and (number.isupper() or _IBAN_IN_LOWER_CASE.search(value[: at[length - 1] + 1]))
        and stdnum.iban.is_valid(number, check_country=False)
    ):
        yield candidate.start, end
    elif _names_iban(candidate.text, candidate.start):
        # Mistyped or cut, it is still somebody's.
        written = _WRITTEN_LIKE_IBAN.match(candidate.text, candidate.start)
        if written is not None:
            yield written.span()


_DIGITS: Final = b"0123456789"
_IBAN_REACH: Final = 110
"""Bytes before the digits of an IBAN within which its country must stand: 34 characters, two signs between any
two of them."""


def may_be_iban(text: bytes, start: int, low: int, high: int) -> bool:
    """Whether what is written like a number may be the rest of an IBAN: behind a country, or behind letters with
    more digits before them."""
    if text[start] in LETTERS:
        return True
    if not low or text[low - 1] not in LETTERS:
        return False
    before = text[max(0, low - _IBAN_REACH) : low]
    is_country = before[-2:].isalpha() and (len(before) < 3 or before[-3] not in LETTERS)
    return is_country or len(before.translate(None, _DIGITS)) < len(before)


# --- IPv6 addresses --------------------------------------------------------------------------------------


def ipv6(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """IPv6 addresses that can belong to a person: not loopback, not unspecified, not a name of C++."""
    text, start, end = candidate.text, candidate.start, candidate.end
    if start and (text[start - 1] in ALNUM or text[start - 1] in b":_."):
        return
    if end < len(text) and (text[end] in ALNUM or text[end] in b":_"):
        return
    value = candidate.value.decode()
    if not any(char.isdigit() for char in value):
        return
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return
    if not (address.is_loopback or address.is_unspecified):
        yield start, end


# --- e-mail ----------------------------------------------------------------------------------------------

_SCALED_IMAGE: Final = re.compile(rb"(?i)@[0-9]x\.(?:png|jpe?g|gif|webp|svg|avif)\Z")


def email(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """E-mail addresses; what looks like one and is a file name (``logo@2x.png``) is not."""
    start, value = candidate.start, candidate.value
    if _SCALED_IMAGE.search(value):
        return
    at = value.rindex(b"@")
    local, domain = value[:at], value[at + 1 :]
    if not value.isascii():
        local, domain = _address_part(local, at_end=True), _address_part(domain, at_end=False)
    # Quotes and dots around an address in a sentence are not of it.
    local, domain = local.lstrip(b".'+-"), domain.rstrip(b".-")
    if (local and b"." in domain) or domain.startswith(b"["):
        yield start + at - len(local), start + at + 1 + len(domain)


def _address_part(part: bytes, *, at_end: bool) -> bytes:
    """What of a part belongs to the address, where text without spaces stands around it.

    Letters of one kind go together: ideographs and kana, or those of the alphabets.
    """
    text = part.decode("utf-8", "surrogateescape")
    chars = list(reversed(text)) if at_end else list(text)
    wide = bool(chars) and _is_wide(chars[0])
    kept = 0
    for char in chars:
        if not (char.isalnum() or char in "._+'-" or unicodedata.category(char)[0] == "M"):
            break
        if char.isalpha() and _is_wide(char) != wide:
            break
        kept += 1
    text = text[len(text) - kept :] if at_end else text[:kept]
    return text.encode("utf-8", "surrogateescape")


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
