"""The sentences with other values, which nobody has seen before: of Faker, by a seed of one's own.

Phone numbers, accounts and addresses are those of 32 countries, cards those of every network that Faker knows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from faker import Faker
from sets import Labelled, sentences

__all__ = ["fresh"]

LOCALES = (
    "en_US", "en_GB", "de_DE", "fr_FR", "it_IT", "es_ES", "nl_NL", "sv_SE", "pl_PL", "pt_BR", "ja_JP", "en_AU", "en_CA",
    "en_IN", "en_NZ", "da_DK", "no_NO", "fi_FI", "cs_CZ", "tr_TR", "ru_RU", "he_IL", "el_GR", "hu_HU", "ro_RO", "es_MX",
    "en_IE", "de_CH", "de_AT", "fr_CH", "zh_CN", "ko_KR",
)  # fmt: skip
_GROUP = 4


def fresh(seed: int, times: int = 4) -> Iterator[Labelled]:
    """Each sentence with a value, so many times, with other values in their places."""
    choose = random.Random(seed)
    fakers = {locale: Faker(locale) for locale in LOCALES}
    for number, faker in enumerate(fakers.values()):
        faker.seed_instance(seed + number)
    for one in sentences():
        if one.spans:
            for _ in range(times):
                yield _with_others(one, choose, fakers)


def _with_others(one: Labelled, choose: random.Random, fakers: dict[str, Faker]) -> Labelled:
    places = sorted([*one.spans, *(("", start, end) for start, end in one.others)], key=lambda span: span[1])
    text, copied = "", 0
    spans: list[tuple[str, int, int]] = []
    others: list[tuple[int, int]] = []
    for kind, start, end in places:
        if start < copied:
            continue  # a label within another
        text += one.text[copied:start]
        value = _value(kind, choose, fakers) if kind else one.text[start:end]
        at = (len(text), len(text) + len(value))
        if kind:
            spans.append((kind, *at))
        else:
            others.append(at)
        text, copied = text + value, end
    return Labelled(text + one.text[copied:], tuple(spans), tuple(others))


def _value(kind: str, choose: random.Random, fakers: dict[str, Faker]) -> str:
    faker, american = fakers[choose.choice(LOCALES)], fakers["en_US"]
    match kind:
        case "PHONE":
            return faker.phone_number()
        case "EMAIL":
            return choose.choice((faker.email, faker.ascii_company_email, american.free_email))()
        case "US_SSN":
            return american.ssn()
        case "IP_ADDRESS":
            return choose.choice((american.ipv4_public, american.ipv6))()
        case "IBAN":
            return _grouped(faker.iban(), choose.choice(("", " ")))
        case _:
            return _grouped(american.credit_card_number(), choose.choice(("", " ", "-")))


def _grouped(value: str, sign: str) -> str:
    return sign.join(value[at : at + _GROUP] for at in range(0, len(value), _GROUP))
