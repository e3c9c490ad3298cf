"""Each kind of value, in each disguise, at each place: nothing of it can be read in what masking lets out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from leaks.artefacts import texts_of_row
from leaks.disguises import DISGUISES, NUMBER_DISGUISES
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.samples import BY_NAME, SAMPLES, Sample
from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.schema import SCHEMA

_MASKER = Masker(MaskPolicy(field_timeout_s=3600))
_READ = [name for name in SCHEMA.names if name not in ("digests", "salts", "recordId")]


def assert_nothing_of(sample: Sample, rows: dict[str, dict[str, Any]]) -> None:
    """Masks the rows and reads what comes out, field by field."""
    records = _MASKER.mask(unmasked(*rows.values())).records.select(_READ)
    oracle = Oracle([sample.planted])
    readable = {
        place: [str(leak) for leak in oracle.leaks(texts_of_row(place, record))]
        for place, record in zip(rows, records.to_pylist(), strict=True)
    }
    assert not {place: found for place, found in readable.items() if found}


def hidden_everywhere(
    sample: Sample, disguises: dict[str, Callable[[str], str]]
) -> dict[str, dict[str, Any]]:
    """A row for each disguise at each place: masked together, since most of the time a batch takes is its own."""
    # A server's address is the callee's: the schema keeps it.
    kept = {"server"} if sample.recognizer in ("ipv4", "ipv6") else set()
    hidden = {name: disguise(sample.text) for name, disguise in disguises.items()}
    return {
        f"{place}, {name}": make(text)
        for name, text in hidden.items()
        for place, make in PLACES.items()
        if place not in kept
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recognizer)
def test_every_disguise_at_every_place(sample: Sample) -> None:
    assert_nothing_of(sample, hidden_everywhere(sample, DISGUISES))


@pytest.mark.parametrize("name", ["credit-card", "iban", "us-ssn", "phone"])
def test_every_disguise_of_digits_at_every_place(name: str) -> None:
    assert_nothing_of(BY_NAME[name], hidden_everywhere(BY_NAME[name], NUMBER_DISGUISES))


@pytest.mark.parametrize("key", ["card", "n", "value", "number"])
def test_numbers_as_numbers(key: str) -> None:
    number = 5424180327694516
    body = {key: number, "list": [number], "deep": json.dumps({key: number}), "float": float(number)}
    rows = {
        "body": {"request": json.dumps(body)},
        "attribute": {"attributes": json.dumps({f"app.{key}": number})},
    }
    assert_nothing_of(BY_NAME["credit-card"], rows)


_SPLITTABLE = [
    BY_NAME[name]
    for name in ("email", "credit-card", "iban", "us-ssn", "phone", "github-token", "openai-key")
]


@pytest.mark.parametrize("sample", _SPLITTABLE, ids=lambda sample: sample.recognizer)
def test_split_over_items_and_parts(sample: Sample) -> None:
    text, start = sample.text, sample.sentence.index("{")
    rows: dict[str, dict[str, Any]] = {}
    # A secret is known by its beginning, which the first piece then has to hold.
    first = 8 if sample.planted.kind == "secret" else 1
    for at in range(start + first, start + len(sample.value)):
        items = [text[:at], text[at:]]
        parts = [{"type": "text", "content": item} for item in items]
        rows |= {
            f"items {at}": {"request": json.dumps({"stop": items}, separators=(",", ":"))},
            f"parts {at}": {"request": json.dumps({"messages": [{"parts": parts}]}, separators=(",", ":"))},
            f"header {at}": {"requestHeaders": {"x-note": items}},
            f"tools {at}": {"modelInfo": {"tools": items}},
        }
    assert_nothing_of(sample, rows)


def test_the_oracle_reads_what_is_not_masked() -> None:
    """Every disguise is one that the oracle undoes: else the tests above could not fail."""
    hidden = [(sample, name, disguise) for sample in SAMPLES for name, disguise in DISGUISES.items()]
    blind = [
        (sample.recognizer, name)
        for sample, name, hide in hidden
        if not sample.can_be_read_in(hide(sample.text))
    ]
    assert not blind
    card = BY_NAME["credit-card"]
    assert all(card.can_be_read_in(disguise(card.text)) for disguise in NUMBER_DISGUISES.values())
