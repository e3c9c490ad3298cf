"""What only the structure of a JSON text shows: texts cut within it, and values over several short items."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

MASKER = Masker(MaskPolicy())


def masked(column: str, value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    batch = MASKER.mask(unmasked({column: text}, {"attributes": '{"a":"b"}'}))
    written: str = batch.records.column(column)[0].as_py()
    json.loads(written)
    return written


@pytest.mark.parametrize(
    "half",
    ["of 123-45-678", "my mail is jane.doe", "charged card 4111 1111", "charged card 4111 1111 1111 1"],
)
def test_the_open_leaf_of_a_cut_text_is_withheld(half):
    nested = json.dumps([{"parts": [{"content": half}]}])[: -len('"}]}]')]
    written = masked("attributes", {"gen_ai.input.messages": nested})
    assert half not in written
    assert half.split()[-1] not in written


@pytest.mark.parametrize(
    "items",
    [["4111", "1111", "1111", "1111"], ["4111 ", "1111 ", "1111 ", "1111"], ["123-", "45-6", "789"]],
)
def test_a_value_over_short_items_is_found(items):
    for value in (
        {"a": items},
        {"messages": [{"parts": [{"type": "text", "content": item} for item in items]}]},
    ):
        written = masked("request", value)
        for item in items:
            assert f'"{item}"' not in written


@pytest.mark.parametrize(
    "numbers",
    [[61, 38, 22, 118, 217, 163, 1, 121], [101, 2023, 2003, 1037], [1024, 2048, 4096, 8192], [5, 4, 2]],
)
def test_numbers_beside_each_other_are_what_they_are(numbers):
    assert json.loads(masked("request", {"a": numbers})) == {"a": numbers}


def test_messages_that_only_stand_beside_each_other():
    messages = [
        {"role": "user", "content": "Hello, my address is"},
        {"role": "user", "content": "jane.doe@example.com and I want 4111"},
        {"role": "assistant", "content": "items of 1111 in 1111 orders"},
    ]
    written = json.loads(masked("request", {"messages": messages}))["messages"]
    assert [message["content"] for message in written] == [
        "Hello, my address is",
        "[EMAIL] and I want 4111",
        "items of 1111 in 1111 orders",
    ]


def test_events_that_only_stand_beside_each_other():
    events = [
        {"name": "exception", "attributes": json.dumps({"exception.message": text, "n": 1})}
        for text in ("line 4111", "line 1111", "column 1111 of 1111")
    ]
    records = MASKER.mask(unmasked({"events": events})).records
    assert [event["attributes"] for event in records.column("events")[0].as_py()] == [
        event["attributes"] for event in events
    ]


@pytest.mark.parametrize(
    "beside", [{}, {"note": "to jane.doe@example.com"}, {"messages": [{"content": "a@b.example"}]}]
)
def test_a_value_in_a_key_is_found_beside_one_in_a_leaf(beside):
    key = "note jane.doe@example.com"
    for value in ({key: "a", **beside}, {**beside, key: ["a"]}, {"deep": {key: 1}, **beside}):
        for column in ("request", "attributes", "resource"):
            assert "jane" not in masked(column, value)


def test_a_fraction_is_judged_by_its_name():
    place = {"where": {"lat": 48.858370, "lng": 2.294481}, "latency": 12.34567, "score": 0.858370}
    assert json.loads(masked("request", place)) == {
        "where": {"lat": "[GPS]", "lng": "[GPS]"},
        "latency": 12.34567,
        "score": 0.858370,
    }


_SPLIT = [
    ("pass", "word=Tr0ub4dor"),
    ("passw", "ord: Tr0ub4dor"),
    ("my client_sec", "ret=Tr0ub4dor"),
    ("api_", "key=Tr0ub4dor"),
    ("tok", "en: Tr0ub4dor"),
    ("pass", "word", "=Tr0ub4dor"),
    ("to", "ken", ": ", "Tr0ub4dor"),
    ("password", "=", "Tr0ub4dor"),
    ("Bearer", "Tr0ub4dor"),
    ("Authorization: Bear", "er Tr0ub4dor"),
]


@pytest.mark.parametrize("items", _SPLIT, ids="|".join)
def test_a_name_may_be_split_within_itself(items):
    parts = [{"type": "text", "content": item} for item in items]
    for value in (
        {"a": list(items)},
        {"a": json.dumps({"b": list(items)}, separators=(",", ":"))},
        {"messages": [{"role": "user", "parts": parts}]},
        {"messages": [{"role": "user", "parts": [part]} for part in parts]},
    ):
        assert "Tr0ub" not in masked("request", value)
    stream = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': item}}]})}\n\n" for item in items)
    assert "Tr0ub" not in masked("response", stream)
    (record,) = MASKER.mask(unmasked({"requestHeaders": {"x-note": list(items)}})).records.to_pylist()
    assert "Tr0ub" not in str(record["requestHeaders"])


@pytest.mark.parametrize(
    "items",
    [
        ["pass", "word by word"],
        ["the key", "id: 7 of them"],
        ["Bearer", "bonds"],
        ["a", "b"],
        ["to", "do: nothing"],
    ],
)
def test_texts_beside_each_other_that_name_no_secret(items):
    assert json.loads(masked("request", {"a": items})) == {"a": items}
