"""What personal data and credentials look like: one table.

Rules:

1. Patterns are RE2 over bytes (UTF-8), of bounded size; they see decoded text, with the name of its key and
   ``": "`` in front.
2. What is masked is what the validator yields, else the first group that took part, else the match.
3. Every entry belongs to a family that says which trigger lets text through to it; an entry of the family
   OTHER brings triggers of its own. A trigger must match, in raw or JSON-escaped form, wherever the entry
   could find something.
4. Examples are part of the entry and run as tests.
"""

from __future__ import annotations

from typing import Final

from otel_audit.mask import candidates, cards, numbers, phones, validators
from otel_audit.mask.known_secrets import KNOWN_SECRETS
from otel_audit.mask.national_ids import NATIONAL_IDS
from otel_audit.mask.national_numbers import (
    LETTERED,
    LETTERED_TRIGGERS,
    lettered,
    may_be_lettered,
    numbered,
)
from otel_audit.mask.personal_facts import PERSONAL_FACTS
from otel_audit.mask.recognizer import Family, Recognizer
from otel_audit.mask.spoken_secrets import SPOKEN_SECRETS
from otel_audit.mask.vendor_tokens import VENDOR_TOKENS

__all__ = ["DIGIT_RUN", "NUMBER_RUN", "PLAIN_NUMBER", "RECOGNIZERS"]


PLAIN_NUMBER: Final = b"0123456789" + candidates.GAP_SIGNS
"""Bytes that numbers are written with."""

_SEPARATORS: Final = rb"[ \-./_,+\t\r\n]{0,2}"
_DIGIT_SEPARATOR: Final = rb"(?:[ \-./()_,+\t\r\n]|\\+[nrt/]|[\x80-\xff]){0,12}"
_COUNTRIES: Final = "|".join(validators.IBAN_COUNTRIES).encode()

# Digits behind a hexadecimal letter are of an id, unless the letter ends a label, an escape or a country.
_NUMBER_START: Final = (
    rb"(?:^|[^0-9a-f]|\\[bf]|(?i:card|cc|phone|mobile|"
    + b"|".join(code.encode() for code in validators.IBAN_COUNTRIES if code[1] in "ABCDEF")
    + b"))"
)
DIGIT_RUN: Final = _NUMBER_START + b"[0-9](?:" + _DIGIT_SEPARATOR + rb"[0-9]){8,}(?:[^0-9a-f]|ext|\z)"
"""RE2: nine digits and more, with what stands directly before and behind."""
DOTTED_QUAD: Final = rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"

NUMBER_RUN: Final = rb"[0-9](?:[ \-./()_,+\t\r\n]{0,3}[0-9]){3,}"
"""RE2: groups of digits with at most three signs between any two; four digits and more."""

# Of the words for phones the beginnings; the trigger may match more.
_PHONE_WORDS: Final = (
    b"(?:phone|tele|tel|mobile|cell|call|fax|dial|sms|whatsapp|hotline|answering|reach|contact|handy"
    b"|t\xc3\xa9l|m\xc3\xb3vil)"
)
_SHORT_RUN: Final = b"[0-9](?:" + _DIGIT_SEPARATOR + b"[0-9]){5,}"

RECOGNIZERS: Final[tuple[Recognizer, ...]] = (
    Recognizer(
        "email", "EMAIL",
        rb"""(?:[A-Za-z0-9\x80-\xff._+'\-]+|"[^"@\s]{1,64}")@"""
        rb"(?:(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff\-]*)\.)+[A-Za-z\x80-\xff][A-Za-z0-9\x80-\xff\-]+"
        rb"|\[[0-9A-Fa-f.:]+\])",
        ("Write to jane.doe+x@example.co.uk.", "o'brien@example.com", "пётр@пример.рф", "jane@xn--bcher-kva.example",
         "mail=jane@example.com&x=1", "请联系jane@example.com谢谢", "/users/jane@example.com/orders"),
        ("logo@2x.png", "@property", "me @ home", "user@localhost", "pkg@1.2.3"),
        Family.AT, validate=validators.email, literals=(b"@",),
    ),
    Recognizer(
        "url-credentials", "CREDENTIAL",
        rb"""://([^\s/?#"'<>\\]+)@[^\s/?#"'<>\\@]*""",
        ("http://bob:hunter2@example.com/x", "postgres://app:p%40ss@db:5432/x", "https://x-token@git.example/r"),
        ("https://example.com/@jane", "http://example.com?x=@y"),
        Family.AT, literals=(b"://",), secret=True, claims=True,
    ),
    Recognizer(
        "credit-card", "CREDIT_CARD",
        NUMBER_RUN,
        ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "card 4222222222222", "6011.0009.9013.9424",
         "30569309025904", "Zip 75001 4111 1111 1111 1111", "6304000000000000", "41111111 11111111",
         "limit for card 4250-2205-9306-0463", "credit card? 180057738930553", "card # 060441352568"),
        ("4111 1111 1111 1112", "1763748256394044809", "order 4539578763621486", "0.4539578763621486",
         "7bdfa8a7745395787636214862d10dc5", "4006381333931", "3020.811826897217 items", "615,498,684,971",
         "180057738930553"),
        Family.NUMBER, runs=cards.credit_card, least_digits=12,
    ),
    Recognizer(
        "parted-credit-card", "CREDIT_CARD", cards.PARTED_CARD,
        ("4111:1111:1111:1111", "no 5500 | 0000 | 0000 | 0004", "3782\u00b7822463\u00b710005",
         "2024;4111;1111;1111;1111"),
        ("4111:1111:1111:1112", "4111:1111|1111:1111", "a4111*1111*1111*1111", "1024 | 2048 | 4096 | 8192"),
        Family.NUMBER, (cards.PARTED_CARD_TRIGGER,), cards.parted_card, retry=True,
        may_hold=cards.may_be_parted_card,
    ),
    Recognizer(
        "iban", "IBAN",
        # In lower case the country and its check digits stand together, as in no other text.
        b"(?:(?:" + _COUNTRIES + b")(?:" + _SEPARATORS + b"[0-9]){2}|(?i:" + _COUNTRIES + b")[0-9]{2})(?:"
        + _SEPARATORS + b"[A-Za-z0-9]){11,30}",
        ("DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "gb29nwbk60161331926819",
         "IBAN: FR14 2004 1010 0505 0001 3M02 606 BIC X", "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
         "my iban is GB64XSKF4328132169880", "IBAN GB17 MYAG 4704 0496 1919 3"),
        ("DE89370400440532013001", "be 12 items of the list are here", "GB29NWBK6016133192681"),
        Family.NUMBER, (rb"[A-Z]{2}(?:" + _DIGIT_SEPARATOR + rb"[0-9]){2}(?:" + _DIGIT_SEPARATOR + rb"[A-Z0-9]){11}",
         rb"[A-Za-z]{2}[0-9]{2}[A-Za-z]{4}[0-9]{6}"),
        validators.iban, retry=True, may_hold=validators.may_be_iban,
    ),
    Recognizer(
        "us-ssn", "US_SSN",
        NUMBER_RUN,
        ("123-45-6789", "SSN 123456789", "social security number is 455 99 6622", "078-05-1120"),
        ("000-12-3456", "666-12-3456", "123-00-4567", "order 123456789", "2026-03-14", "1234-56-7890"),
        Family.NUMBER, runs=numbers.us_ssn, least_digits=9,
    ),
    Recognizer(
        "national-id", "NATIONAL_ID", NUMBER_RUN,
        tuple(text for entry in NATIONAL_IDS if entry.digits for text in entry.matches),
        tuple(text for entry in NATIONAL_IDS if entry.digits for text in entry.rejects),
        Family.NUMBER, runs=numbered, least_digits=9,
    ),
    Recognizer(
        "national-id-with-letters", "NATIONAL_ID", LETTERED,
        tuple(text for entry in NATIONAL_IDS if not entry.digits for text in entry.matches),
        tuple(text for entry in NATIONAL_IDS if not entry.digits for text in entry.rejects),
        Family.NUMBER, LETTERED_TRIGGERS, lettered, may_hold=may_be_lettered,
        automaton="ids",
    ),
    Recognizer(
        "phone", "PHONE",
        NUMBER_RUN,
        ("+1 (415) 555-0100", "call 785 8949", "(978)645-9740x11144", "001-748-088-2851", "061 51 81 22 mobile",
         "Phone: 02.27.96.63.08", "+44 20 7946 0018", "0487 23 46 71", "reach me at 469 34 883", "tel. (88) 684-334",
         "Phone: 6011.0843"),
        ("2026-11-21", "call 2026-11-21", "1763748256394", "$1,234,567.89", "v1.2.3456789", "build 20261121.3",
         "10.0.19041.1", "call 12.50", "ISBN 0-295-70594-9", "GET /items/05369683 200", "T19:31:00.158071 200",
         "CriOS/123.0.6312.52 Mobile/15E148"),
        Family.NUMBER,
        (b"(?i:" + _PHONE_WORDS + rb")[A-Za-z]{0,16}(?:[^0-9\\]|\\+[^0-9\\]){0,14}" + _SHORT_RUN,
         b"(?i:" + _PHONE_WORDS + rb")[A-Za-z_]{0,16}\\*\" ?: ?\[",
         _SHORT_RUN + rb"(?:[^0-9A-Za-z]|\\[nrt]){1,6}(?i:" + candidates.PHONE_WORDS_BEHIND + b")"),
        runs=phones.phone, least_digits=6,
    ),
    Recognizer(
        "ipv4", "IP_ADDRESS",
        NUMBER_RUN,
        ("from 203.0.113.7 at noon", "http://198.51.100.4:8080/", "[10.1.2.3]"),
        ("Mozilla/5.0 Chrome/141.0.0.0", "version 1.2.3.4", "1.2.3.4.5", "127.0.0.1", "256.1.1.1"),
        Family.NUMBER, (DOTTED_QUAD,), runs=numbers.ipv4, least_digits=4,
    ),
    Recognizer(
        "ipv6", "IP_ADDRESS",
        rb"(?:[0-9A-Fa-f]{1,4}:){1,7}(?:(?::[0-9A-Fa-f]{1,4}){1,7}|:|[0-9A-Fa-f]{1,4})(?:[0-9]{0,3}(?:\.[0-9]{1,3}){3})?"
        rb"|::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4}(?:(?:\.[0-9]{1,3}){3})?",
        ("2001:db8::8a2e:370:7334", "d80:e4b5:79da:6cf6:71f3:51f7:9161:c319", "::ffff:203.0.113.7"),
        ("12:30:45", "std::array", "::1", "a::b"),
        triggers=(rb"[0-9A-Fa-f](?::[0-9A-Fa-f]{1,4}){2}:[0-9A-Fa-f]", rb"::[0-9A-Fa-f]", rb"[0-9A-Fa-f]::"),
        validate=validators.ipv6, literals=(b":",),
    ),
    *PERSONAL_FACTS,
    *KNOWN_SECRETS,
    *VENDOR_TOKENS,
    *SPOKEN_SECRETS,
)  # fmt: skip
"""Every recogniser, in the order in which they win where findings overlap."""
