"""Rows and bulk parts become one batch of the schema."""

from __future__ import annotations

import pyarrow as pa
import pytest

from otel_audit.convert.bulk import BulkPart
from otel_audit.convert.columns import RowsPart, Section, build_batch
from otel_audit.record.schema import SCHEMA


def test_nothing_becomes_an_empty_batch() -> None:
    batch = build_batch([Section([RowsPart([], [])])])
    assert batch.schema.equals(SCHEMA)
    assert batch.num_rows == 0


def test_structs_are_null_where_all_children_are() -> None:
    rows = [{"user.id": "a"}, {"user.id": None}, {}]
    batch = build_batch([Section([RowsPart(rows, [{}, {}, {}])])])
    batch.validate(full=True)
    assert batch.column("user").is_null().to_pylist() == [False, True, True]
    assert batch.column("server").null_count == 3


def test_own_leaf_beats_the_common_one_even_when_null() -> None:
    common = {"outcome": "success", "tenant": "t"}
    batch = build_batch([Section([RowsPart([{"outcome": "failure"}, {"outcome": None}, {}], [common] * 3)])])
    assert batch.column("outcome").to_pylist() == ["failure", None, "success"]
    assert batch.column("tenant").to_pylist() == ["t"] * 3


def test_maps_are_sorted_and_headers_may_be_missing() -> None:
    headers = (("a", "b"), (["1"], ["2", "3"]))
    rows = [
        {},
        {"requestHeaders": headers, "modelInfo.extra": {"z": "1", "b": "2"}},
        {},
        {"requestHeaders": headers},
    ]
    batch = build_batch([Section([RowsPart(rows, [{}] * 4)])])
    batch.validate(full=True)
    pairs = [("a", ["1"]), ("b", ["2", "3"])]
    assert batch.column("requestHeaders").to_pylist() == [None, pairs, None, pairs]
    assert batch.column("modelInfo")[1].as_py()["extra"] == [("b", "2"), ("z", "1")]


def test_microseconds_follow_from_nanoseconds() -> None:
    batch = build_batch(
        [Section([RowsPart([{"timeUnixNano": 1_999}, {"timeUnixNano": 2**63 - 1}], [{}, {}])])]
    )
    assert batch.column("timestamp").cast(pa.int64()).to_pylist() == [1, (2**63 - 1) // 1000]


def test_parts_are_put_in_the_order_given() -> None:
    bulk = BulkPart({"recordId": pa.array(["a", "d"])}, {"method": "GET"}, 2)
    rows = RowsPart([{"recordId": "b"}, {"recordId": "c", "method": "PUT"}], [{}, {}])
    batch = build_batch([Section([bulk, rows], [0, 3, 1, 2])])
    assert batch.column("recordId").to_pylist() == ["a", "b", "c", "d"]
    assert batch.column("method").to_pylist() == ["GET", None, "PUT", "GET"]


@pytest.mark.parametrize(
    "row", [{"returnCode": 2**31}, {"returnCode": "x"}, {"method": 5}, {"method": "\ud800"}]
)
def test_values_that_do_not_fit_raise(row: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        build_batch([Section([RowsPart([row], [{}])])])
