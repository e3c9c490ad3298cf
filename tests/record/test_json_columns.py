"""Columns as JSON text, where the hashes do not look: leaves, objects, and who sorts."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.record.json_columns import json_object, json_text, json_time
from otel_audit.record.json_pieces import JsonText, joined
from record.strategies import texts


def lines(column: pa.Array, **options: bool) -> list[str | None]:
    return joined(json_text(column, **options), len(column)).to_pylist()


@given(st.lists(st.none() | texts, min_size=1, max_size=6), st.integers(0, 5))
@settings(deadline=None)
def test_strings(values: list[str | None], start: int) -> None:
    column = pa.array(["before"] * start + values, pa.string())[start:]
    assert lines(column) == [None if value is None else orjson.dumps(value).decode() for value in values]


@pytest.mark.parametrize(
    ("value", "kind"),
    [("same", pa.string()), ('"', pa.string()), ("", pa.string()), (7, pa.int64()), (-1, pa.int32()),
     (True, pa.bool_()), (False, pa.bool_())],
)  # fmt: skip
def test_a_column_that_repeats_itself_is_a_literal(value: Any, kind: pa.DataType) -> None:
    column = pa.array([value] * 9, kind)
    text = json_text(column)
    assert text == JsonText([json.dumps(value)])
    assert lines(column) == [json.dumps(value)] * 9


@pytest.mark.parametrize("values", [["aa", "a", "aaa"], ["", "a"], ["ab", "ab", "abab", ""], ["a", "b"]])
def test_rows_that_only_look_the_same_are_none(values: list[str]) -> None:
    assert lines(pa.array(values)) == [json.dumps(value) for value in values]


def test_members_are_sorted_or_in_the_order_of_the_type() -> None:
    column = pa.array(
        [{"b": 1, "a": {"d": None, "c": True}}, {"b": None, "a": {"d": "x", "c": None}}, None, {}]
    )
    assert lines(column) == ['{"a":{"c":true},"b":1}', '{"a":{"d":"x"}}', None, None]
    kind = pa.struct([("b", pa.int64()), ("a", pa.struct([("d", pa.string()), ("c", pa.bool_())]))])
    assert lines(column.cast(kind), sort_keys=False)[:2] == ['{"b":1,"a":{"c":true}}', '{"a":{"d":"x"}}']


@given(st.lists(st.lists(st.sampled_from([None, 1]), min_size=4, max_size=4), min_size=1, max_size=9))
@settings(deadline=None)
def test_commas_whichever_members_a_row_has(rows: list[list[int | None]]) -> None:
    columns = {name: pa.array([row[i] for row in rows], pa.int64()) for i, name in enumerate("abcd")}
    text = json_object((name, json_text(column)) for name, column in columns.items())
    expected = [
        json.dumps({k: v for k, v in zip("abcd", row, strict=True) if v}, separators=(",", ":"))
        for row in rows
    ]
    assert joined(text, len(rows)).to_pylist() == [None if text == "{}" else text for text in expected]


def test_an_object_of_constants_and_options_keeps_its_rows() -> None:
    # The join kernel drops a row in which all inputs are null; a literal beside them must prevent that.
    optional = json_text(pa.array(["x", None, None]))
    text = json_object(
        [("a", optional), ("b", JsonText(["1"])), ("c", json_text(pa.array([None, None, "y"])))]
    )
    assert joined(text, 3).to_pylist() == ['{"a":"x","b":1}', '{"b":1}', '{"b":1,"c":"y"}']
    struct = pa.array(
        [{"a": "x", "b": 1, "c": None}, {"a": None, "b": 1, "c": None}, {"a": None, "b": 1, "c": "y"}]
    )
    listed = pa.ListArray.from_arrays(pa.array([0, 0, 2, 3], pa.int32()), struct)
    assert lines(listed) == [None, '[{"a":"x","b":1},{"b":1}]', '[{"b":1,"c":"y"}]']


def test_items_that_are_left_out_leave_no_comma() -> None:
    assert lines(pa.array([["a", None, "b"], [None], [], None, [None, "c"]])) == [
        '["a","b"]',
        None,
        None,
        None,
        '["c"]',
    ]
    entries = pa.array(
        [[("a", None), ("b", []), ("c", ["x"])], [("d", None)]], pa.map_(pa.string(), pa.list_(pa.string()))
    )
    assert lines(entries) == ['{"c":["x"]}', None]
    assert json_text(pa.array([[None], []], pa.list_(pa.string()))) is None


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_795_284_256_394_044_809, "2026-11-21T18:04:16.394044809Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (-(2**63) + 1, "1677-09-21T00:12:43.145224193Z"),
    ],
)
def test_times_have_nine_digits(nanos: int, text: str) -> None:
    column = pa.array([nanos, None, nanos // 2, nanos], pa.int64())
    found = joined(json_time(column), 4).to_pylist()
    assert [found[0], found[1], found[3]] == [f'"{text}"', None, f'"{text}"']
    assert joined(json_time(pa.array([nanos, nanos])), 2).to_pylist() == [f'"{text}"'] * 2
    assert json_time(pa.array([None], pa.int64())) is None


def test_floats_have_no_form() -> None:
    with pytest.raises(TypeError, match="no JSON form for double"):
        json_text(pa.array([1.5]))
