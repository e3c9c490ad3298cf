"""National identification numbers of persons: one table, with the check digits of python-stdnum.

Rules:

1. A number counts when its check digits, dates and structure are right **and** it is written in a way that no
   other number is (``strong``), or a word for it stands near: before it, directly behind it, or in its key.
2. What has letters in it has a pattern of its own; bare digits are found in runs of digits once for all.
3. The examples are those of the libraries and registers; they are part of the entry and run as tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
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
from otel_audit.mask.patterns import compile_pattern

__all__ = [
    "LETTERED",
    "LETTERED_TRIGGERS",
    "NATIONAL_IDS",
    "NationalId",
    "lettered",
    "may_be_lettered",
    "numbered",
]


@dataclass(frozen=True, slots=True)
class NationalId:
    """One country's number.

    Attributes:
        name: country and local name.
        stdnum: module of python-stdnum that knows its check digits; "" where there are none.
        words: what it is called; near one of these it needs no form of its own.
        matches: texts in which it is found.
        rejects: texts in which it is not.
        digits: how many digits it has, where it is all digits.
        strong: signatures, groups of digits with the signs between them, that nothing else has.
        pattern: RE2, where it has letters in it.
        needs_word: whether the pattern alone is too common.
    """

    name: str
    stdnum: str
    words: tuple[str, ...]
    matches: tuple[str, ...]
    rejects: tuple[str, ...]
    digits: tuple[int, ...] = ()
    strong: tuple[str, ...] = ()
    pattern: bytes = b""
    needs_word: bool = False

    def is_valid(self, number: str) -> bool:
        """Whether structure and check digits are right."""
        return not self.stdnum or _validator(self.stdnum)(number)


@lru_cache(maxsize=64)
def _validator(module: str) -> Callable[[str], bool]:
    valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return valid


NATIONAL_IDS: Final[tuple[NationalId, ...]] = (
    NationalId("at-svnr", "at.vnr", ("sozialversicherungsnummer", "svnr", "sv-nummer"),
               ("SVNR: 1237 010180",), ("SVNR: 1237 010181", "1237 010180"), (10,)),
    NationalId("au-tfn", "au.tfn", ("tfn", "tax file"), ("TFN 123 456 782",), ("TFN 123 456 783",), (8, 9)),
    NationalId("be-nn", "be.nn", ("rijksregister", "registre national", "national number", "insz", "niss"),
               ("85.07.30-033.28", "rijksregisternummer 85073003328"), ("85.07.30-033.29", "85073003328"),
               (11,), ("2.2.2-3.2",)),
    NationalId("bg-egn", "bg.egn", ("egn", "егн"), ("EGN 7523169263",), ("EGN 7523169264",), (10,)),
    NationalId("br-cpf", "br.cpf", ("cpf",), ("390.533.447-05", "cpf: 39053344705"), ("390.533.447-06", "39053344705"),
               (11,), ("3.3.3-2",)),
    NationalId("ca-sin", "ca.sin", ("sin", "social insurance"),
               ("SIN 123-456-782", "social insurance number 123456782"), ("SIN 123-456-783", "123-456-782"), (9,)),
    NationalId("ch-ahv", "ch.ssn", ("ahv", "avs"), ("756.9217.0769.85", "AHV 7569217076985"),
               ("756.9217.0769.84", "7569217076985"), (13,), ("3.4.4.2",)),
    NationalId("cl-rut", "cl.rut", ("rut", "run"), ("12.531.909-2", "RUT 125319092"), ("12.531.909-3",),
               (8, 9), ("2.3.3-1", "1.3.3-1"), rb"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[Kk]"),
    NationalId("cn-ric", "cn.ric", (), ("360426199101010071", "id 11010519491231002X"), ("360426199101010072",),
               (18,), ("18",), rb"[1-9][0-9]{16}[Xx]"),
    NationalId("co-nit", "co.nit", ("nit", "cedula"), ("NIT 213.123.432-1",), ("NIT 213.123.432-2",), (10,)),
    NationalId("cz-rc", "cz.rc", ("rodné číslo", "rodne cislo", "rc"), ("710319/2745",), ("710319/2746", "202611/2112"),
               (10,), ("6/4",)),
    NationalId("de-idnr", "de.idnr", ("steuer-id", "steueridentifikationsnummer", "idnr", "tax id", "tin"),
               ("Steuer-ID: 36 574 261 809", "tax id 36574261809"),
               ("Steuer-ID: 36 574 261 808", "36574261809"), (11,)),
    NationalId("dk-cpr", "dk.cpr", ("cpr",), ("CPR 211062-5629",), ("CPR 319062-5629", "211062-5629"), (10,)),
    NationalId("ee-ik", "ee.ik", ("isikukood",), ("isikukood 36805280109",), ("isikukood 36805280108",), (11,)),
    NationalId("es-nif", "es.nif", ("dni", "nif", "nie"), ("DNI 54362315K", "X-2482300W", "54362315-K"),
               ("DNI 54362315A", "54362315X"), pattern=rb"(?:[0-9]{8}|[XYZxyz][ -]?[0-9]{7})[ -]?[A-Za-z]"),
    NationalId("fi-hetu", "fi.hetu", (), ("131052-308T", "131052A308T"), ("131052-308U",),
               pattern=rb"[0-3][0-9][01][0-9]{3}[-+ABCDEFUVWXY][0-9]{3}[0-9A-FHJ-NPR-Y]"),
    NationalId("fr-nir", "fr.nir", ("nir", "sécurité sociale", "securite sociale", "insee", "social security"),
               ("2 95 10 99 126 111 93", "NIR 295109912611193"), ("2 95 10 99 126 111 92", "295109912611193"),
               (15,), ("1 2 2 2 3 3 2",), rb"[12][0-9]{4}2[ABab][0-9]{8}"),
    NationalId("gb-nhs", "gb.nhs", ("nhs",), ("NHS number 943 476 5870",),
               ("NHS number 9434765871", "order 9434765870"), (10,)),
    NationalId("gb-nino", "", ("national insurance", "nino"), ("AB 12 34 56 C", "NINO: JG121316A"),
               ("GB123456A", "AB123456E", "ab123456c7"),
               pattern=rb"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"),
    NationalId("gr-amka", "gr.amka", ("amka", "αμκα"), ("AMKA 01013099997",), ("AMKA 01013099998",), (11,)),
    NationalId("hr-oib", "hr.oib", ("oib",), ("OIB 33392005961",), ("OIB 33392005962",), (11,)),
    NationalId("ie-pps", "ie.pps", ("pps", "ppsn"), ("PPS 6433435F", "PPSN: 6433435FT"), ("PPS 6433435G", "6433435F"),
               pattern=rb"[0-9]{7}[A-Wa-w][AHTWXahtwx]?", needs_word=True),
    NationalId("il-idnr", "il.idnr", ("teudat zehut", "israeli id", "תעודת זהות"), ("teudat zehut 039337423",),
               ("teudat zehut 039337424",), (9,)),
    NationalId("in-aadhaar", "in_.aadhaar", ("aadhaar", "aadhar", "uidai"), ("Aadhaar 2341 2341 2346",),
               ("Aadhaar 2341 2341 2347", "2341 2341 2346"), (12,)),
    NationalId("in-pan", "in_.pan", ("pan", "permanent account"), ("PAN ACUPA7085R", "ACUPA7085R"), ("ACUXA7085R",),
               pattern=rb"[A-Z]{3}P[A-Z][0-9]{4}[A-Z]"),
    NationalId("it-codice-fiscale", "it.codicefiscale", (), ("RCCMNL83S18D969H", "rccmnl83s18d969h"),
               ("RCCMNL83S18D969G",),
               pattern=rb"(?i:[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z])"),
    NationalId("kr-rrn", "kr.rrn", ("주민등록번호", "rrn", "resident registration"), ("971013-9019902",),
               ("971013-9019903",), (13,), ("6-7",)),
    NationalId("lt-ak", "lt.asmens", ("asmens kodas",), ("asmens kodas 33309240064",),
               ("asmens kodas 33309240065",), (11,)),
    NationalId("mx-curp", "mx.curp", (), ("BOXW310820HNERXN09",), ("BOXW310820HNERXN08",),
               pattern=rb"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]"),
    NationalId("my-nric", "my.nric", ("mykad", "nric", "kad pengenalan"), ("MyKad 770305-02-1234",),
               ("MyKad 771305-02-1234", "770305-02-1234"), (12,)),
    NationalId("nl-bsn", "nl.bsn", ("bsn", "burgerservicenummer", "sofinummer"), ("BSN 111222333", "bsn: 1112.22.333"),
               ("BSN 111222334", "111222333"), (9,)),
    NationalId("no-fnr", "no.fodselsnummer", ("fødselsnummer", "fodselsnummer", "fnr", "personnummer"),
               ("fødselsnummer 151086 95088", "fnr 15108695088"), ("fnr 15108695089", "15108695088"), (11,)),
    NationalId("pl-pesel", "pl.pesel", ("pesel",), ("PESEL 44051401359",), ("PESEL 44051401358", "44051401359"), (11,)),
    NationalId("pt-nif", "pt.nif", ("nif", "contribuinte"), ("NIF 501 964 843",), ("NIF 501 964 842",), (9,)),
    NationalId("ro-cnp", "ro.cnp", ("cnp", "cod numeric personal"), ("CNP 1630615123457",),
               ("CNP 1630615123458",), (13,)),
    NationalId("se-personnummer", "se.personnummer", ("personnummer", "samordningsnummer"),
               ("880320-0016", "personnummer 19880320-0016"), ("880320-0017", "8803200016"), (10, 12), ("6-4", "8-4")),
    NationalId("sg-nric", "", ("nric", "fin"), ("NRIC S1234567D",), ("S1234567D",),
               pattern=rb"[STFGMstfgm][0-9]{7}[A-Za-z]", needs_word=True),
    NationalId("th-pin", "th.pin", ("thai id", "เลขประจำตัวประชาชน"), ("3-1006-00445-63-5",), ("3-1006-00445-63-6",),
               (13,), ("1-4-5-2-1",)),
    NationalId("tr-tckn", "tr.tckimlik", ("tc kimlik", "tckn", "t.c. kimlik"), ("TCKN 17291716060",),
               ("TCKN 17291716061", "17291716060"), (11,)),
    NationalId("za-id", "za.idnr", ("sa id", "south african id", "id number", "identity number"),
               ("SA ID 7503305044089",), ("SA ID 7503305044088", "7503305044089"), (13,)),
)  # fmt: skip

_NUMBERED: Final = tuple(entry for entry in NATIONAL_IDS if entry.digits)
_LENGTHS: Final = frozenset(length for entry in _NUMBERED for length in entry.digits)
_STRONG: Final = {form: entry for entry in NATIONAL_IDS for form in entry.strong}

_WORDS: Final = sorted({word for entry in NATIONAL_IDS for word in entry.words}, key=len, reverse=True)
_GENERAL: Final = (
    "national id", "nationalid", "national identification", "identification number", "personal id",
    "personal number", "citizen id", "identity number", "id card", "id number", "personalausweis",
)  # fmt: skip
"""Words for the number of any country."""


def _spelled(word: str) -> bytes:
    return re.escape(word).replace(r"\ ", "[ _-]?").replace(r"\-", "[ _-]?").encode()


_PLAIN: Final = b"0123456789" + GAP_SIGNS
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
    names: frozenset[str] | None = None
    first = 0
    while first < len(groups):
        found = None
        digits = 0
        for last in range(first, min(first + 7, len(groups))):
            digits += groups[last][1] - groups[last][0]
            if digits > max(_LENGTHS):
                break
            if digits not in _LENGTHS:
                continue
            start, end = groups[first][0], groups[last][1]
            if is_glued(text, start, end) or is_fraction(text, start) or not _stands_alone(text, start, end):
                continue
            entry = _STRONG.get(_signature(text, run, first, last))
            number = text[start:end].decode("latin-1")
            if entry is not None and entry.is_valid(number):
                found = last
                break
            if names is None:
                names = _named(text, groups[0][0], groups[-1][1])
            if names and any(
                digits in candidate.digits
                and (names.intersection(candidate.words) or names.intersection(_GENERAL))
                and candidate.is_valid(_bare(number) if digits else number)
                for candidate in _NUMBERED
            ):
                found = last
                break
        if found is None:
            first += 1
        else:
            yield groups[first][0], groups[found][1]
            first = found + 1


def _bare(number: str) -> str:
    return "".join(filter(str.isdigit, number))


def _signature(text: bytes, run: Run, first: int, last: int) -> str:
    parts = [str(run.groups[first][1] - run.groups[first][0])]
    for index in range(first, last):
        low, high = run.groups[index + 1]
        parts += (run.gap(index).decode("latin-1"), str(high - low))
    return "".join(parts)


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether no sign in front or behind makes the digits a part of a longer number or word."""
    in_front = text[start - 2 : start] if start > 1 else b""
    behind = text[end : end + 2]
    return not (
        (in_front[1:] in (b"-", b".", b"/") and in_front[:1].isalnum())
        or (behind[:1] in (b"-", b"/") and behind[1:].isalnum())
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
