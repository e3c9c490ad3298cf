"""Facts about a person that only their words give away, and addresses of devices, money and places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import stdnum.bitcoin

from otel_audit.mask.candidates import ALNUM, WORD_BEGINS, WORD_ENDS, Candidate
from otel_audit.mask.recognizer import Recognizer

__all__ = ["PERSONAL_FACTS"]

# A name of a thing, what may be said between it and its value, and the value.
_TO_VALUE: Final = (
    rb"(?:[ _\-]?(?:no|nr|num|number|nummer|numero|n\xc3\xbamero|#|id|code|card))?[^0-9A-Za-z]{0,8}"
    rb"(?:(?:is|was|are|it's|its|on|of)[^0-9A-Za-z]{1,4}){0,2}"
)

_PASSPORT: Final = (
    rb"(?i:passport|passeport|reisepass|pasaporte|passaporto|paspoort|passnummer)" + _TO_VALUE +
    rb"([A-Za-z]{0,3} ?[0-9]{6,9}[A-Za-z]{0,2}|[A-Z][0-9A-Z]{8})"
)  # fmt: skip
_LICENCE: Final = (
    rb"(?i:(?:driv(?:er|ing)?(?:['\x80-\xff]{0,3}s)?[ _\-]?(?:'s )?licen[cs]e|f\xc3\xbchrerschein|permis de conduire"
    rb"|rijbewijs|patente di guida|permiso de conducir))" + _TO_VALUE +
    rb"([A-Za-z]{0,5}[ \-]?[0-9][0-9A-Za-z]{2,17}(?:[ \-][0-9A-Za-z]{2,8}){0,4})"
)  # fmt: skip
_MONTHS: Final = rb"(?i:jan|feb|m[a\xc3][r\xa4]|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-z]{0,7}"
_DATE: Final = (
    rb"[0-9]{4}[\-/.][0-9]{1,2}[\-/.][0-9]{1,2}|[0-9]{1,2}[\-/.] ?[0-9]{1,2}[\-/.] ?(?:[0-9]{4}|[0-9]{2})"
    rb"|[0-9]{1,2}(?:st|nd|rd|th|\.)? (?:of )?" + _MONTHS + rb",? [0-9]{4}|"
    + _MONTHS + rb" [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}|(?:19|20)[0-9]{6}"
)  # fmt: skip
_BIRTH_WORDS: Final = (
    rb"(?i:\bborn|birth[ _\-]?da(?:te|y)|date[ _\-]?of[ _\-]?birth|\bdob\b|\bd\.o\.b|birthday|geboren"
    rb"|geburtsdatum|geburtstag|n\xc3\xa9e? le|date de naissance|fecha de nacimiento|data di nascita|nat[oa] il"
    rb"|geboortedatum|data de nascimento|f\xc3\xb6delsedatum|f\xc3\xb8dselsdato)"
)
_BIRTH: Final = _BIRTH_WORDS + rb"[^0-9A-Za-z]{0,6}(?:[A-Za-z']{1,5}[^0-9A-Za-z]{1,4}){0,3}(" + _DATE + rb")"

_MAC: Final = (
    rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}"
    rb"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
)
_BITCOIN: Final = rb"[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|BC1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71}"
_ETHER: Final = rb"0x[0-9A-Fa-f]{40}"

_DEGREES: Final = rb"[+\-]?[0-9]{1,3}\.[0-9]{3,}"
_PLACE_WORDS: Final = (
    rb"(?i:latitude|longitude|\blat|\bl(?:on|ng|ong)|gps|coordinates|geo(?:location|point)?|position"
    rb"|located at)"
)
_PLACE: Final = (
    _PLACE_WORDS + rb"""[^0-9A-Za-z]{1,8}(?:(?:is|are|at|of|lat|lng)[^0-9A-Za-z]{1,4})?(""" + _DEGREES
    + rb"""(?:[^0-9A-Za-z.]{1,4}(?:(?i:lon|lng|long|longitude)[^0-9A-Za-z]{1,6})?""" + _DEGREES + rb""")?)"""
)  # fmt: skip


_BEGINS: Final = rb"(?:^|[^A-Za-z]|\\[bfnrt])"
"""For triggers, which look at JSON texts: there ``n`` stands before a word that a new line begins with."""


def _in_json(words: bytes) -> bytes:
    return re.sub(rb"(\A|[(|:])\\b", lambda found: found[1] + _BEGINS, words)


_SOON: Final = rb"[^0-9]{0,40}[0-9]"
_DEGREES_SOON: Final = rb"[^0-9]{0,24}[0-9]{1,3}\.[0-9]{3}"


_DIGITS: Final = frozenset(b"0123456789")
_LEAST_DIGITS: Final = 4
_HALF_A_CIRCLE: Final = 180


def _alone(candidate: Candidate) -> bool:
    """Whether it is not a part of a longer word."""
    text, start, end = candidate.text, candidate.start, candidate.end
    return not ((start and text[start - 1] in ALNUM) or (end < len(text) and text[end] in ALNUM))


def _introduced(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """What a word introduces, with four digits at least: no country's number has fewer, nor has a date."""
    text, (start, end) = candidate.text, candidate.groups[0]
    goes_on = end < len(text) and text[end] in ALNUM
    if not goes_on and sum(byte in _DIGITS for byte in text[start:end]) >= _LEAST_DIGITS:
        yield start, end


def _mac(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """Addresses of network cards: not all zeros or ones, no part of a longer run of hexadecimal pairs."""
    text, start, end, value = candidate.text, candidate.start, candidate.end, candidate.value
    sign = value[2:3] if value[2:3] in b":-" else b"."
    if not _alone(candidate) or text[start - 1 : start] == sign or text[end : end + 1] == sign:
        return
    digits = value.replace(sign, b"").lower()
    letters = digits.strip(b"0123456789") != b"" or not digits.isdigit()
    if set(digits) in ({48}, {102}) or (sign != b":" and not letters):
        return
    yield start, end


def _bitcoin(candidate: Candidate) -> Iterator[tuple[int, int]]:
    if _alone(candidate) and stdnum.bitcoin.is_valid(candidate.value.decode()):
        yield candidate.start, candidate.end


def _ether(candidate: Candidate) -> Iterator[tuple[int, int]]:
    if _alone(candidate):
        yield candidate.start, candidate.end


def _place(candidate: Candidate) -> Iterator[tuple[int, int]]:
    """Degrees of latitude and longitude."""
    for start, end in candidate.groups:
        if start >= 0:
            first = candidate.text[start:end].lstrip(b"+-")
            if float(first[: first.index(b".")]) <= 180:
                yield start, end


PERSONAL_FACTS: Final = (
    Recognizer(
        "passport", "PASSPORT", _PASSPORT,
        ("passport number X12345678", "Passport no. is 533380006", "Reisepass C01X00T47", '"passport": "AB 1234567"'),
        ("passport renewal in 30 days", "passport control gate 12"),
        triggers=(rb"(?i:pass(?:port|eport|aporto|nummer)|reisepass|pasaporte|paspoort)",),
        validate=_introduced, behind=_SOON,
    ),
    Recognizer(
        "driver-licence", "DRIVER_LICENSE", _LICENCE,
        ("My driver's license number is 425700624", "driving licence: MORGA657054SM9IJ", "driver_license=A56319335",
         "my driver\u2019s license number is LH329609T"),
        ("driver license renewal", "a driver's license for 3 years"),
        triggers=(rb"(?i:licen[cs]e|rerschein|de conduire|rijbewijs|patente di guida|de conducir)",),
        validate=_introduced, behind=_SOON,
    ),
    Recognizer(
        "date-of-birth", "DATE_OF_BIRTH", _BIRTH,
        ("She was born on 2/7/1961", "Please tell me your date of birth. It's 3/23/1940", "DOB: 1985-03-14",
         "geboren am 14.03.1985", "born 14 March 1985 in Leeds", "birthday is March 14th, 1985", "birth_date=19850314"),
        ("the idea was born in 3 days", "released on 2026-11-21", "born on time"),
        triggers=(_in_json(_BIRTH_WORDS),), validate=_introduced, behind=_SOON,
    ),
    Recognizer(
        "mac-address", "MAC_ADDRESS", _MAC,
        ("aa:bb:cc:dd:ee:ff", "device 3C-22-FB-4A-9D-10 joined", "0123.89ab.cdef"),
        ("00:00:00:00:00:00", "12-30-45-01-02-03", "1:2:3:4:5:6", "10:20:30"),
        triggers=(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", rb"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}",
                  rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"),
        validate=_mac, automaton="ids",
    ),
    Recognizer(
        "bitcoin-address", "CRYPTO_ADDRESS", _BITCOIN,
        ("1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD", "to bc1qardv855yjngspvxuttq897aqca3lxju2y69jce"),
        ("1NEDqZPvTWRaoho48qXuLLsrYomMXPABfA", "bc1 is short"),
        triggers=(WORD_BEGINS + b"(?:" + _BITCOIN + b")" + WORD_ENDS,), validate=_bitcoin, automaton="ids",
    ),
    Recognizer(
        "ethereum-address", "CRYPTO_ADDRESS", _ETHER,
        ("0x52908400098527886E0F7030069857D2E4169EE7",), ("0x52908400098527886E0F7030069857D2E4169EE", "0xdeadbeef"),
        triggers=(_ETHER,), literals=(b"0x",), validate=_ether, automaton="ids",
    ),
    Recognizer(
        "gps", "GPS", _PLACE,
        ("GPS: 48.858370, 2.294481", '"lat": 48.85837', "latitude=-33.8688"),
        ("latency: 12.345 ms", "platform 2.345.1", "flat 3.1415", "lat: 512.34567"),
        triggers=(_in_json(_PLACE_WORDS) + b"[^0-9A-Za-z]",), validate=_place, behind=_DEGREES_SOON,
    ),
)  # fmt: skip
"""Entries of the table of recognisers."""
