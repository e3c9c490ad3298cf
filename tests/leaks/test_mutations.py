"""The leak tests can fail: with one recogniser or one decoder switched off, the oracle reads what it misses."""

from __future__ import annotations

import json

import pytest

from leaks.artefacts import texts_of_row
from leaks.disguises import DISGUISES, NUMBER_DISGUISES, RARE_DISGUISES
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.planted import Planted
from leaks.samples import BY_NAME, SAMPLES
from mask.batches import unmasked
from otel_audit.mask.decode import DECODERS
from otel_audit.mask.judge import Judge
from otel_audit.mask.masker import Masker
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.recognizers import RECOGNIZERS

_PLACES = ("message", "request header", "errorMessage", "attribute")
_DISGUISED = {
    "json-escapes": DISGUISES["unicode escapes"],
    "percent": DISGUISES["percent, every byte"],
    "html": DISGUISES["html decimal"],
    "quoted-printable": RARE_DISGUISES["quoted-printable, every byte"],
    "folding": NUMBER_DISGUISES["full-width digits"],
}
_POLICY = MaskPolicy(field_timeout_s=3600)


def readable_places(masker: Masker, planted: Planted, text: str) -> set[str]:
    records = masker.mask(unmasked(*(PLACES[place](text) for place in _PLACES))).records
    read = records.select(["request", "requestHeaders", "errorMessage", "attributes"]).to_pylist()
    oracle = Oracle([planted])
    return {
        place
        for place, record in zip(_PLACES, read, strict=True)
        if any(oracle.leaks(texts_of_row(place, record)))
    }


def test_every_recogniser_has_a_sample() -> None:
    assert {entry.name for entry in RECOGNIZERS} == {sample.recognizer for sample in SAMPLES}


@pytest.mark.parametrize("name", BY_NAME)
def test_without_a_recogniser(name: str) -> None:
    sample = BY_NAME[name]
    rest = tuple(entry for entry in RECOGNIZERS if entry.name != name)
    masker = Masker(_POLICY, judge=Judge(rest, structure=STRUCTURE_TRIGGERS))
    assert readable_places(masker, sample.planted, sample.text) == set(_PLACES)
    assert not readable_places(Masker(_POLICY), sample.planted, sample.text)


@pytest.mark.parametrize("name", [decoder.name for decoder in DECODERS])
def test_without_a_decoder(name: str) -> None:
    sample = BY_NAME["credit-card"]
    rest = tuple(decoder for decoder in DECODERS if decoder.name != name)
    masker = Masker(_POLICY, judge=Judge(decoders=rest, structure=STRUCTURE_TRIGGERS))
    hidden = _DISGUISED[name](sample.text)
    assert readable_places(masker, sample.planted, hidden) == set(_PLACES)
    assert not readable_places(Masker(_POLICY), sample.planted, hidden)


def test_without_base64() -> None:
    sample = BY_NAME["credit-card"]
    masker = Masker(_POLICY, judge=Judge(encoded=False, structure=STRUCTURE_TRIGGERS))
    hidden = DISGUISES["base64"](sample.text)
    assert readable_places(masker, sample.planted, hidden) == set(_PLACES)
    assert not readable_places(Masker(_POLICY), sample.planted, hidden)


def test_without_json_in_strings() -> None:
    planted = Planted("nested", "secret", "topsecretvalue")
    hidden = json.dumps({"credentials": {"of": "x", "value": planted.text}})
    in_json = {"message", "attribute"}
    assert readable_places(Masker(_POLICY, nested_json=False), planted, hidden) >= in_json
    assert not readable_places(Masker(_POLICY), planted, hidden) & in_json
