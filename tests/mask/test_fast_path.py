"""The fast path masks exactly what the slow, obvious one masks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mask.batches import unmasked
from mask.slow_judge import SlowJudge
from otel_audit.mask.budget import Budget
from otel_audit.mask.judge import Judge
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.recognizers import RECOGNIZERS

_POLICY = MaskPolicy(field_timeout_s=3600)  # so that a busy machine makes no difference
_FAST, _SLOW = Masker(_POLICY), Masker(_POLICY, judge=SlowJudge())
_JUDGE, _SLOW_JUDGE = Judge(), SlowJudge()
_EXAMPLES = [text for entry in RECOGNIZERS for text in (*entry.matches, *entry.rejects)]


def _example(index: int) -> str:
    return _EXAMPLES[index]


_EXAMPLE = st.integers(0, len(_EXAMPLES) - 1).map(_example)
"""By index: Hypothesis warns of strategies that show as much text as all examples are."""

# What the pieces of texts are glued with: separators, quotes, letters that make ids, disguises.
_GLUE = st.sampled_from(
    ["", " ", "\n", ": ", "-", ".", ",", '"', "'", "\\", "\\n", "\\u0020", "%20", "&nbsp;", "\u00a0", "\u200b", "e",
     "x", "7", "_", "/", "=", " call ", " office", "ssn ", "é", "\u2011", "[", "]", "{", "}", "%", "&", "\u2028", "@",
     "(", ")"]
)  # fmt: skip
_PIECE = st.one_of(
    _EXAMPLE,
    _EXAMPLE.flatmap(lambda text: st.integers(0, len(text)).map(lambda at: text[:at])),
    _EXAMPLE.flatmap(lambda text: st.integers(0, len(text)).map(lambda at: text[at:])),
    st.from_regex(r"[0-9a-f]{1,20}", fullmatch=True),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
_TEXT = st.lists(st.one_of(_PIECE, _GLUE), max_size=6).map("".join)
_NAME = st.sampled_from(
    ["n", "phone", "ssn", "token", "max_tokens", "order_id", "phones", "mobile", "secret (x)", "content"]
)
_JSON = st.recursive(
    st.one_of(
        _TEXT,
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(_NAME, _TEXT), inner, max_size=3),
        st.lists(_TEXT.map(lambda text: {"type": "text", "content": text}), max_size=3),
        inner.map(lambda value: json.dumps(value, ensure_ascii=False)),
    ),
    max_leaves=6,
)


def masked(masker: Masker, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = masker.mask(unmasked(*rows)).records
    return records.select(
        ["masking", *(name for name in records.schema.names if name in rows[0])]
    ).to_pylist()


@given(_TEXT, st.sampled_from([b"", b"phone: ", b"order_id: ", b"n: "]))
@settings(max_examples=300, deadline=None)
def test_text(text: str, before: bytes) -> None:
    data = text.encode()
    fast = _JUDGE.findings(data, Budget(60), before)
    assert fast == _SLOW_JUDGE.findings(data, Budget(60), before)


@given(st.lists(_JSON, min_size=1, max_size=3))
@settings(max_examples=120, deadline=None)
def test_json_columns(values: list[Any]) -> None:
    rows = [{"request": json.dumps(value, ensure_ascii=False, separators=(",", ":"))} for value in values]
    assert masked(_FAST, rows) == masked(_SLOW, rows)


@given(st.lists(st.tuples(_TEXT, _NAME, st.lists(_TEXT, max_size=3)), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_text_columns(rows: list[tuple[str, str, list[str]]]) -> None:
    records = [
        {
            "errorMessage": text,
            "requestQuery": text,
            "requestHeaders": {name: values, "x-other": [text]},
            "modelInfo": {
                "tools": values,
                "extra": [(name, text)],
                "requestParameters": json.dumps({name: text}),
            },
            "events": [{"name": text, "timestamp": None, "attributes": json.dumps({name: values})}],
        }
        for text, name, values in rows
    ]
    assert masked(_FAST, records) == masked(_SLOW, records)


@pytest.mark.parametrize("text", _EXAMPLES)
def test_examples_in_json(text: str) -> None:
    values = (
        text,
        [text, "b"],
        {"k": text},
        {text: 1},
        {text: text},
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": text}]},
        {"messages": [{"role": "user", "content": text}, {"role": "user", "content": text}]},
        {"parts": [{"type": "text", "content": "a"}, {"type": "text", "content": text}]},
        json.dumps({"k": text}),
        json.dumps({"k": [json.dumps(text)]}),
    )
    # Minified, as conversion writes it: other texts take the slow way.
    rows = [
        {"request": json.dumps({"v": value}, ensure_ascii=False, separators=(",", ":"))} for value in values
    ]
    rows.append({"attributes": json.dumps({"a": "b"})})
    assert masked(_FAST, rows) == masked(_SLOW, rows)


@pytest.mark.parametrize(
    "before", ["x\n", "x\t", "x\u000b", "a\\n", "a\\x0a", "a\\u000a", "a%20", "a&#32;", "é"]
)
def test_what_begins_behind_an_escape_is_found(before: str) -> None:
    # The trigger sees the escape and not what it stands for: its last letter or digit is no part of the word.
    texts = [before + text for entry in RECOGNIZERS for text in entry.matches]
    rows = [{"attributes": json.dumps({"note": text}), "errorMessage": text} for text in texts]
    assert masked(_FAST, rows) == masked(_SLOW, rows)
