"""Each kind of value, in each disguise, at each place: nothing of it can be read in what masking lets out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from leaks.artefacts import texts_of_row
from leaks.disguises import CARD_SEPARATORS, DISGUISES, NUMBER_DISGUISES, RARE_DISGUISES
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.planted import Planted
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


_FEW_PLACES = ("requestQuery", "errorMessage", "message", "request header", "attribute", "body key")


def hidden_everywhere(
    sample: Sample, disguises: dict[str, Callable[[str], str]], places: Iterable[str] = PLACES
) -> dict[str, dict[str, Any]]:
    """A row for each disguise at each place: masked together, since most of the time a batch takes is its own."""
    # A server's address is the callee's: the schema keeps it.
    kept = {"server"} if sample.recognizer in ("ipv4", "ipv6") else set()
    hidden = {name: disguise(sample.text) for name, disguise in disguises.items()}
    return {
        f"{place}, {name}": PLACES[place](text)
        for name, text in hidden.items()
        for place in places
        if place not in kept
    }


_BESIDE_OTHER_MARKS: dict[str, Callable[[str], str]] = {
    "query": lambda value: f"https://shop.example/x?q={quote(value)}&r={quote(value)}",
    "path": lambda value: f"https://shop.example/{quote(value, safe='')}/orders?x=41",
    "backslash": lambda value: f"C:\\{quote(value)}",
    "references": lambda value: f"a=1&amp;q={quote(value)}&amp;r=&#38;",
}


_NEEDS_NO_WORD = (
    "email", "credit-card", "iban", "us-ssn", "phone", "ipv4", "national-id", "mac-address", "bitcoin-address",
    "ethereum-address", "ipv6", "jwt", "private-key", "aws-access-key-id", "github-token", "stripe-key", "openai-key",
    "platform-token", "service-token",
)  # fmt: skip


@pytest.mark.parametrize("recognizer", _NEEDS_NO_WORD)
def test_percent_encoding_behind_marks_of_other_encodings(recognizer: str) -> None:
    sample = replace(BY_NAME[recognizer], sentence="{}")
    assert_nothing_of(sample, hidden_everywhere(sample, _BESIDE_OTHER_MARKS, _FEW_PLACES))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recognizer)
def test_every_disguise_at_every_place(sample: Sample) -> None:
    assert_nothing_of(sample, hidden_everywhere(sample, DISGUISES))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recognizer)
def test_every_rare_disguise_at_a_few_places(sample: Sample) -> None:
    assert_nothing_of(sample, hidden_everywhere(sample, RARE_DISGUISES, _FEW_PLACES))


@pytest.mark.parametrize("digits", ["5424 1803 2769 4516", "3782 822463 10005"])
def test_every_sign_between_the_groups_of_a_card(digits: str) -> None:
    card = Sample("parted-credit-card", digits, "pay with {} please", Planted("card", "number", digits))
    separated = {sign: lambda text, sign=sign: text.replace(digits, digits.replace(" ", sign))
                 for sign in CARD_SEPARATORS}  # fmt: skip
    assert_nothing_of(card, hidden_everywhere(card, separated, _FEW_PLACES))


@pytest.mark.parametrize("name", ["credit-card", "iban", "us-ssn", "phone"])
def test_every_disguise_of_digits_at_every_place(name: str) -> None:
    assert_nothing_of(BY_NAME[name], hidden_everywhere(BY_NAME[name], NUMBER_DISGUISES))


@pytest.mark.parametrize("key", ["card", "n", "value", "number"])
def test_numbers_as_numbers(key: str) -> None:
    number = 5424180327694516
    digits = [int(digit) for digit in str(number)]
    groups = [5424, 1803, 2769, 4516]
    body = {
        key: number,
        "list": [number],
        "deep": json.dumps({key: number}),
        "float": float(number),
        "digits": digits,
        "groups": groups,
        "nested": json.dumps({"groups": groups}),
    }
    rows = {
        "body": {"request": json.dumps(body)},
        "attribute": {"attributes": json.dumps({f"app.{key}": number})},
        "attributes": {"attributes": json.dumps({"app.digits": digits, "app.groups": groups})},
    }
    assert_nothing_of(BY_NAME["credit-card"], rows)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


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
        messages = [{"role": "user", "parts": [part]} for part in parts]
        chat = [
            {"role": role, "content": item} for role, item in zip(("user", "assistant"), items, strict=True)
        ]
        empty = {"type": "text", "content": ""}
        chunks = [json.dumps({"choices": [{"delta": {"content": item}}]}) for item in items]
        rows |= {
            f"messages {at}": {"request": _json({"messages": messages})},
            f"chat {at}": {"request": _json({"messages": chat, "model": "m"})},
            f"answer {at}": {
                "response": _json([{**message, "finish_reason": "stop"} for message in messages])
            },
            f"empty part {at}": {"request": _json({"messages": [{"parts": [parts[0], empty, parts[1]]}]})},
            f"empty item {at}": {"request": _json({"stop": [items[0], "", None, items[1]]})},
            f"events {at}": {
                "events": [{"name": "chunk", "attributes": _json({"c": item})} for item in items]
            },
            f"events with JSON {at}": {
                "events": [{"name": "chunk", "attributes": _json({"n": 1, "c": chunk})} for chunk in chunks]
            },
            f"items {at}": {"request": json.dumps({"stop": items}, separators=(",", ":"))},
            f"parts {at}": {"request": json.dumps({"messages": [{"parts": parts}]}, separators=(",", ":"))},
            f"stream {at}": {"response": json.dumps("".join(f"data: {chunk}\n\n" for chunk in chunks))},
            f"stream of text {at}": {
                "attributes": _json({"body": "".join(f"event: delta\ndata: {item}\n\n" for item in items)})
            },
            f"header {at}": {"requestHeaders": {"x-note": items}},
            f"tools {at}": {"modelInfo": {"tools": items}},
        }
    assert_nothing_of(sample, rows)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("password=", "{}"),
        ("the password:", " {}"),
        ('"api_key": "', '{}"'),
        ("my api_key", "={} it is"),
        ("client-secret=", "{} it is"),
        ("Authorization: ApiKey ", "{}"),
    ],
)
def test_the_name_of_a_secret_and_its_value_apart(first: str, second: str) -> None:
    secret = "correct9horse4battery"
    texts = [first, second.format(secret)]
    parts = [{"type": "text", "content": text} for text in texts]
    chunks = [json.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts]
    rows: dict[str, dict[str, Any]] = {
        "parts": {"request": _json({"messages": [{"role": "user", "parts": parts}]})},
        "messages": {"request": _json({"messages": [{"role": "user", "parts": [part]} for part in parts]})},
        "items": {"request": _json({"stop": texts})},
        "stream": {"response": json.dumps("".join(f"data: {chunk}\n\n" for chunk in chunks))},
        "header lines": {"requestHeaders": {"x-note": texts}},
        "tools": {"modelInfo": {"tools": texts}},
    }
    assert_nothing_of(Sample("named-secret", secret, "{}", Planted("named", "secret", secret)), rows)


def test_a_stream_in_which_nothing_is_hidden_stays_as_it_is() -> None:
    stream = 'event: a\ndata: {"x": "Hello",  "n": 1.0}\n\n: note\ndata: [DONE]\n\n'
    (record,) = _MASKER.mask(unmasked({"response": json.dumps(stream)})).records.to_pylist()
    assert json.loads(record["response"]) == stream


def test_the_oracle_reads_what_is_not_masked() -> None:
    """Every disguise is one that the oracle undoes: else the tests above could not fail."""
    every = {**DISGUISES, **RARE_DISGUISES}
    hidden = [(sample, name, disguise) for sample in SAMPLES for name, disguise in every.items()]
    blind = [
        (sample.recognizer, name)
        for sample, name, hide in hidden
        if not sample.can_be_read_in(hide(sample.text))
    ]
    assert not blind
    card = BY_NAME["credit-card"]
    assert all(card.can_be_read_in(disguise(card.text)) for disguise in NUMBER_DISGUISES.values())
