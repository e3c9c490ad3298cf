"""National identification numbers of persons: one table, with the check digits of python-stdnum.

Rules:

1. A number counts when its check digits, dates and structure are right **and** it is written in a way that no
   other number is (``strong``), or a word for it stands near: before it, directly behind it, or in its key.
2. What has letters in it has a pattern of its own; bare digits are found in runs of digits once for all.
3. The examples are those of the libraries and registers; they are part of the entry and run as tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Final

__all__ = ["NATIONAL_IDS", "NationalId"]


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
