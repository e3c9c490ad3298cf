"""JSON in attributes: read without loss or not at all, written one way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.convert import notes
from otel_audit.convert.inference.json_text import (
    UNREADABLE,
    container,
    dump,
    is_lossless,
    parse,
    plain_json,
    python_literal,
)

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(TREES, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_what_any_writer_wrote_is_read_whole(
    tree: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    found: list[str] = []
    text = json.dumps(tree, separators=separators, ensure_ascii=ascii_only)
    assert parse(text, found) == tree
    assert found == []


@given(TREES)
def test_minified_text_is_known_to_be_whole_without_another_look(tree: Any) -> None:
    assert is_lossless(json.dumps(tree, separators=(",", ":"), ensure_ascii=False), tree)


@given(TREES)
def test_written_text_is_minified_and_one_line_for_everybody(tree: Any) -> None:
    text = dump(tree)
    assert json.loads(text) == tree
    assert not {"\n", "\r", "\u2028", "\u2029"} & set(text)
    plain = json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
    assert text == plain.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x7f", "\x7f")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1,"a":2}', '{"a":1,"a":2}'),
        ('{"x": {"a": "evil", "a": "good"}, "b": 2}', {"x": '{"a":"evil","a":"good"}', "b": 2}),
        ('[{"a":1,"b":[],"a":1}]', ['{"a":1,"b":[],"a":1}']),
    ],
)
def test_an_object_with_a_member_twice_passes_as_text(text: str, expected: Any) -> None:
    found: list[str] = []
    assert parse(text, found) == expected
    assert found == [notes.DUPLICATE_KEY]


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("9007199254740991", 9007199254740991),
        ("-9007199254740991", -9007199254740991),
        ("9007199254740992", "9007199254740992"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("-18446744073709551616", "-18446744073709551616"),
        ("0.1", 0.1),
        ("1.10", 1.1),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("1e400", "1e400"),
        ("1e5", 100000.0),
        ("-0", 0),
        ("4111111111111111", 4111111111111111),
    ],
)
def test_a_number_that_would_change_passes_as_text(digits: str, expected: Any) -> None:
    found: list[str] = []
    assert parse(f'{{"n":{digits}}}', found) == {"n": expected}
    assert found == ([notes.NUMBER_AS_TEXT] if isinstance(expected, str) else [])


def test_what_is_no_number_is_text_and_noted() -> None:
    found: list[str] = []
    assert parse("[NaN,Infinity,-Infinity]", found) == ["NaN", "Infinity", "-Infinity"]
    assert set(found) == {notes.NON_FINITE}
    assert plain_json([float("nan"), float("-inf"), 2**60, b"ab"], found) == [
        "NaN",
        "-Infinity",
        str(2**60),
        {"base64": "YWI="},
    ]


def test_lone_surrogates_are_replaced() -> None:
    found: list[str] = []
    assert parse(r'{"a\udc00":"x\ud800y","b":"\ud83d\ude00"}', found) == {"a\ufffd": "x\ufffdy", "b": "😀"}
    assert notes.SURROGATES in found
    assert dump({"a": "x\ud800"}) == '{"a":"x\ufffd"}'


@pytest.mark.parametrize(
    "text", ["", "{", '[{"a":"b', "{'a': 1}", "[1,]", "hello", '{"a":1}}', "[" * 100_000]
)
def test_what_is_no_json_is_unreadable(text: str) -> None:
    assert parse(text, []) is UNREADABLE
    assert container(text, []) == text


@pytest.mark.parametrize("text", ["42", "true", "null", '"quoted"', " 7 ", "[not json", "{name}"])
def test_a_word_or_number_stays_text(text: str) -> None:
    assert container(text, []) == text


def test_containers_are_read() -> None:
    assert container(' {"a": [1]}', []) == {"a": [1]}


def test_a_python_repr_is_read() -> None:
    assert python_literal("{'content': \"it's\", 'n': None, 'parts': ('a', True)}", []) == {
        "content": "it's",
        "n": None,
        "parts": ["a", True],
    }


@pytest.mark.parametrize(
    "text", ["", "x", "{'a': open('x')}", "[" * 5000, "{" + "'a'," * 100_000 + "}", "{1: {}[0]}"]
)
def test_any_other_expression_is_not(text: str) -> None:
    assert python_literal(text, []) is UNREADABLE


@settings(max_examples=50)
@given(st.text(alphabet='{}[]",:\\ue0123456789abtrufalsn ', max_size=60))
def test_no_text_raises(text: str) -> None:
    for read in (parse, container, python_literal):
        dump(None if (tree := read(text, [])) is UNREADABLE else tree)
