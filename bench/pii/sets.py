"""What recognisers are measured on: sentences, the same sentences made harder, and decoys."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

KINDS = {
    "CREDIT_CARD": "CREDIT_CARD",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "US_SSN": "US_SSN",
    "IP_ADDRESS": "IP_ADDRESS",
}
"""Labels of the sentences that are measured → our types."""

_NUMBERS = {"CREDIT_CARD", "PHONE", "US_SSN"}


@dataclass(frozen=True)
class Labelled:
    """A text and what is in it: ``(type, first character, character behind the last)``."""

    text: str
    spans: tuple[tuple[str, int, int], ...]
    others: tuple[tuple[int, int], ...] = ()


def sentences() -> list[Labelled]:
    """The sentences as they are."""
    lines = (Path(__file__).parent / "sentences.jsonl").read_text(encoding="utf-8").splitlines()
    found = []
    for line in map(json.loads, lines):
        ours = [
            (KINDS[one["type"]], one["start"], one["end"]) for one in line["spans"] if one["type"] in KINDS
        ]
        others = [(one["start"], one["end"]) for one in line["spans"] if one["type"] not in KINDS]
        found.append(Labelled(line["text"], tuple(sorted(ours, key=lambda span: span[1])), tuple(others)))
    return found


def _full_width(value: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char.isascii() and char.isdigit() else char for char in value)


def _grouped(sign: str) -> Callable[[str], str]:
    def regroup(value: str) -> str:
        digits = "".join(filter(str.isdigit, value))
        return sign.join(digits[at : at + 4] for at in range(0, len(digits), 4))

    return regroup


_ENCODINGS: dict[str, tuple[Callable[[str], str], frozenset[str] | None]] = {
    "no-break spaces": (
        lambda value: value.replace(" ", "\u00a0").replace("-", "\u00a0"),
        frozenset(_NUMBERS),
    ),
    "zero-width": (lambda value: "\u200b".join((value[:5], value[5:])), frozenset(_NUMBERS)),
    "full-width": (_full_width, frozenset(_NUMBERS | {"IBAN"})),
    "dots": (_grouped("."), frozenset({"CREDIT_CARD"})),
    "no separators": (_grouped(""), frozenset({"CREDIT_CARD"})),
    "two spaces": (_grouped("  "), frozenset({"CREDIT_CARD"})),
    "percent": (lambda value: quote(value, safe=""), None),
    "percent, all": (lambda value: "".join(f"%{byte:02X}" for byte in value.encode()), None),
    "html": (lambda value: "".join(f"&#{ord(char)};" for char in value), None),
    "escapes": (lambda value: "".join(f"\\u{ord(char):04x}" for char in value), None),
    "lower case": (str.lower, frozenset({"IBAN", "EMAIL"})),
    "upper case": (str.upper, frozenset({"EMAIL"})),
}

_IBANS = (
    "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606", "NL91ABNA0417164300",
    "ES91 2100 0418 4502 0005 1332", "CH93 0076 2011 6238 5295 7", "PL61109010140000071219812874",
    "SE45 5000 0000 0583 9825 7466", "NO93 8601 1117 947", "IT60 X054 2811 1010 0000 0123 456",
    "BR15 0000 0000 0000 1093 2840 814 P2", "MT84MALT011000012345MTLCAST001S", "SA0380000000608010167519",
)  # fmt: skip
_PHONES = (
    "+49 30 901820-33", "+33 1 42 68 53 00", "+81 3-3224-5000", "+55 11 91234-5678", "+91 98765 43210",
    "+44 20 7946 0018", "+61 2 9374 4000", "+86 10 6552 9988", "+7 495 123-45-67", "+27 21 402 3456",
    "+34 912 345 678", "+39 06 6982 1234",
)  # fmt: skip


def harder() -> Iterator[tuple[str, Labelled]]:
    """The sentences whose values are written in other ways, and what the sentences have too few of."""
    for sentence in sentences():
        for kind, start, end in sentence.spans:
            before, value, behind = sentence.text[:start], sentence.text[start:end], sentence.text[end:]
            for name, (encode, kinds) in _ENCODINGS.items():
                if kinds is not None and kind not in kinds:
                    continue
                written = encode(value)
                yield name, Labelled(before + written + behind, ((kind, start, start + len(written)),))
            yield (
                "json in json",
                _in_json(json.dumps({"a": json.dumps({"note": sentence.text})}), value, kind),
            )
            hidden = base64.b64encode(sentence.text.encode()).decode()
            yield "base64", Labelled(f"see {hidden} for it", ((kind, 4, 4 + len(hidden)),))
            if kind == "EMAIL":
                yield "key", _in_json(json.dumps({value: 1}), value, kind)
            if kind == "CREDIT_CARD" and value.isdigit():
                yield "number", _in_json(json.dumps({"pay": int(value)}), value, kind)
    for iban in _IBANS:
        yield "iban of a country", _said(f"Please transfer it to {iban} today.", iban, "IBAN")
    for phone in _PHONES:
        yield "phone of a country", _said(f"You can ring {phone} at any time.", phone, "PHONE")


def _in_json(text: str, value: str, kind: str) -> Labelled:
    once = json.dumps(value)[1:-1]
    return _said(text, once if once in text else json.dumps(once)[1:-1], kind)


def _said(text: str, value: str, kind: str) -> Labelled:
    start = text.index(value)
    return Labelled(text, ((kind, start, start + len(value)),))


def _luhn(digits: str) -> str:
    """The digits with the one that makes them pass."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        double = int(digit) * (2 if at % 2 == 0 else 1)
        total += double - 9 if double > 9 else double
    return digits + str(-total % 10)


def _isbn(digits: str) -> str:
    """Nine digits as an ISBN of ten, with its check digit."""
    check = sum(place * int(digit) for place, digit in enumerate(digits, 1)) % 11
    return f"{digits[0]}-{digits[1:4]}-{digits[4:]}-{'X' if check == 10 else check}"


def decoys(count: int = 3000) -> list[str]:
    """Texts that hold nothing personal and look as if they did."""
    choose = random.Random(20261122)
    hexadecimal = "0123456789abcdef"

    def some(alphabet: str, length: int) -> str:
        return "".join(choose.choice(alphabet) for _ in range(length))

    makers: tuple[Callable[[], str], ...] = (
        lambda: f"trace {some(hexadecimal, 32)} ended",
        lambda: f"span_id={some(hexadecimal, 16)}",
        lambda: f"{'-'.join(some(hexadecimal, length) for length in (8, 4, 4, 4, 12))}",
        lambda: f"at {choose.randrange(17 * 10**17, 18 * 10**17)} ns",
        lambda: f"ts: {choose.randrange(17 * 10**11, 18 * 10**11)}",
        lambda: f"order {_luhn(some('123456789', 1) + some('0123456789', choose.choice((8, 9, 11))))} shipped",
        lambda: f"Order number {_luhn(choose.choice('123789') + some('0123456789', 14))} is on its way",
        lambda: f"EAN {some('0123456789', 13)}",
        lambda: f"costs ${choose.randrange(1, 10**6):,}.{choose.randrange(100):02d}",
        lambda: f"version {choose.randrange(20)}.{choose.randrange(300)}.{choose.randrange(9999)}",
        lambda: f"Chrome/{choose.randrange(100, 150)}.0.{choose.randrange(9999)}.{choose.randrange(300)} Safari/537.36",
        lambda: f"sha256:{some(hexadecimal, 64)}",
        lambda: f"commit {some(hexadecimal, 40)}",
        lambda: f"on 2026-{choose.randrange(10, 13)}-{choose.randrange(10, 29)}T{choose.randrange(10, 24)}:00:00Z",
        lambda: f"took {choose.random() * 1000:.6f} ms, p99 {choose.random() * 5000:.3f}",
        lambda: f"ISBN 978-3-16-{some('0123456789', 6)}-0",
        lambda: f"{choose.randrange(1024, 8192)}x{choose.randrange(1024, 8192)} px, {choose.randrange(10**9)} bytes",
        lambda: f"[{', '.join(f'{choose.random():.8f}' for _ in range(5))}]",
        lambda: f"build {choose.randrange(10**5, 10**6)}.{choose.randrange(10)} of branch-{choose.randrange(10**4)}",
        lambda: f"ISBN {_isbn(some('0123456789', 9))}",
        lambda: f"CriOS/{choose.randrange(99, 150)}.0.{choose.randrange(7000)}.{choose.randrange(99)} Mobile/15E148",
        lambda: f"rv:1.{choose.randrange(9)}.{choose.randrange(9)}.{choose.randrange(30)}) Gecko/20100101",
        lambda: f"19:31:{choose.randrange(10, 60)}.{some('0123456789', 6)} 200 /items/0{some('0123456789', 7)} 200",
        lambda: f"mean {choose.random() * 10**choose.randrange(1, 6)!r}, sum {choose.randrange(10**8, 10**12):,}",
        lambda: f"tokens: {choose.randrange(10**5)} of {choose.randrange(10**6)}, seed {choose.randrange(10**9)}",
    )  # fmt: skip
    return [makers[at % len(makers)]() for at in range(count)]
