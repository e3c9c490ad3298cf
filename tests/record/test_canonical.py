"""Canonical form and hashes: the fast path equals a slow obvious one, and both equal the golden vectors."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from golden.canonical import make
from otel_audit.record import buffers
from otel_audit.record.canonical import content_tags, digest, group_json, recompute, record_hashes
from otel_audit.record.schema import SCHEMA, Group
from record import slow_canonical as slow
from record.strategies import batch_of, batches

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "golden/canonical/vectors.json").read_text()
)


def record_of(vector: dict[str, Any]) -> dict[str, Any]:
    record = {name: _typed(value, SCHEMA.field(name).type) for name, value in vector["record"].items()}
    for exact, coarse in (("timeUnixNano", "timestamp"), ("observedTimeUnixNano", "observedTimestamp")):
        if record.get(exact) is not None:
            record[coarse] = record[exact] // 1000
    return record


def _typed(value: Any, kind: Any) -> Any:
    """JSON has no pairs: entries of maps came as lists of two."""
    if isinstance(kind, pa.MapType):
        return [(key, item) for key, item in value]
    if isinstance(kind, pa.StructType) and value is not None:
        return {child.name: _typed(value[child.name], child.type) for child in kind if child.name in value}
    return value


def salts_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["salts"]["identity"] + vector["salts"]["content"])


def test_the_vectors_are_those_of_the_slow_implementation() -> None:
    assert json.loads(make.vectors()) == VECTORS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    found = digest(batch_of([record_of(vector)]), salts_of(vector))
    assert group_json(found.records, Group.IDENTITY)[0].as_py() == vector["identity"]
    assert group_json(found.records, Group.CONTENT)[0].as_py() == vector["content"]
    assert found.records["salts"][0].as_py() == vector["salts"]
    assert found.records["digests"][0].as_py() == vector["digests"]
    assert hashlib.sha256(vector["meta"].encode()).hexdigest() == vector["recordHash"]
    assert found.record_hashes[0].as_py().hex() == vector["recordHash"]
    assert content_tags(found.records)[0].as_py().hex() == vector["contentTag"]


def test_golden_vectors_in_one_batch() -> None:
    salts = b"".join(map(salts_of, VECTORS))
    found = digest(batch_of([record_of(vector) for vector in VECTORS]), salts, tags=True)
    assert found.tags == content_tags(found.records)
    assert [each.as_py().hex() for each in found.record_hashes] == [
        vector["recordHash"] for vector in VECTORS
    ]
    tags = [tag.as_py().hex() for tag in content_tags(found.records)]
    assert tags == [vector["contentTag"] for vector in VECTORS]


def test_a_note_of_ours_makes_no_other_record_and_the_senders_words_do() -> None:
    tags = {vector["name"]: vector["contentTag"] for vector in VECTORS}
    assert tags["attributes"] == tags["attributes with our notes"]
    assert tags["attributes"] != tags["attributes with a note deeper down"]
    assert tags["no attributes"] == tags["nothing but our notes"]


@settings(max_examples=150, deadline=None)
@given(batches(), st.binary(min_size=32, max_size=32))
def test_fast_equals_slow(batch: pa.RecordBatch, salt: bytes) -> None:
    salts = b"".join(hashlib.sha256(salt + bytes([row])).digest() for row in range(len(batch)))
    found = digest(batch, salts, tags=True)
    tags = content_tags(found.records)
    assert found.tags == tags
    for row, record in enumerate(batch.to_pylist()):
        own = salts[row * 32 : row * 32 + 32]
        assert group_json(batch, Group.IDENTITY)[row].as_py().encode() == slow.group_json(
            record, Group.IDENTITY
        )
        assert group_json(found.records, Group.CONTENT)[row].as_py().encode() == slow.group_json(
            record, Group.CONTENT
        )
        assert found.records["digests"][row].as_py() == slow.digests(record, own)
        assert found.record_hashes[row].as_py() == slow.record_hash(record, own)
        assert tags[row].as_py() == slow.content_tag(record)
    assert record_hashes(found.records) == found.record_hashes
    again = recompute(found.records)
    assert again.records == found.records
    assert again.record_hashes == found.record_hashes


@settings(max_examples=30, deadline=None)
@given(batches())
def test_parts_of_a_batch_hash_as_the_whole_does(batch: pa.RecordBatch) -> None:
    salts = os.urandom(32 * len(batch))
    whole = digest(batch, salts, tags=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "PART_BYTES", 1)
        parts = digest(batch, salts, tags=True)
        assert parts.tags == whole.tags
        assert parts.records == whole.records
        assert parts.record_hashes == whole.record_hashes
        assert content_tags(whole.records).to_pylist() == [
            tag for row in range(len(batch)) for tag in content_tags(whole.records.slice(row, 1)).to_pylist()
        ]


@given(st.permutations(["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]))
@example(["\U0001f600", "\ufb33"])
@settings(deadline=None)
def test_map_keys_are_sorted_by_utf16_units(keys: list[str]) -> None:
    # The example of RFC 8785 section 3.2.3; an emoji sorts before U+FB33 there and behind it in UTF-8.
    batch = batch_of([{"requestHeaders": [(key, ["x"]) for key in keys]}])
    expected = [
        key for key in ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"] if key in keys
    ]
    found = json.loads(group_json(batch, Group.CONTENT)[0].as_py())["requestHeaders"]
    assert list(found) == expected


def test_the_same_key_twice_has_no_canonical_form() -> None:
    twice = batch_of([{}, {"requestHeaders": [("a", ["1"]), ("b", []), ("a", ["2"])]}])
    with pytest.raises(ValueError, match="same key twice"):
        group_json(twice, Group.CONTENT)


def test_what_a_null_row_spans_is_not_there() -> None:
    """An Arrow list or map may be null and still point at items."""
    headers = SCHEMA.field("requestHeaders").type
    spanned = pa.Array.from_buffers(
        headers,
        2,
        [pa.py_buffer(b"\x02"), pa.py_buffer(memoryview(pa.array([0, 1, 2], pa.int32()).buffers()[1]))],
        children=[
            pa.StructArray.from_arrays(
                [pa.array(["hidden", "seen"]), pa.array([["1"], ["2"]])],
                fields=[
                    pa.field("key", pa.string(), nullable=False),
                    pa.field("value", pa.list_(pa.string())),
                ],
            )
        ],
    )
    roles = pa.ListArray.from_arrays(
        pa.array([0, 1, 2], pa.int32()), pa.array(["hidden", "seen"]), mask=pa.array([True, False])
    )
    rows = batch_of([{}, {}])
    for name, column in (("requestHeaders", spanned), ("subjects", roles)):
        rows = rows.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    assert group_json(rows, Group.CONTENT).to_pylist() == ["{}", '{"requestHeaders":{"seen":["2"]}}']
    assert group_json(rows, Group.IDENTITY).to_pylist() == ["{}", '{"subjects":["seen"]}']


def test_json_texts_are_made_to_fit_a_line_and_hashed_as_stored() -> None:
    messy = '{\n "a b" : "c\u2028 d\\n",\t"e": [1.0, 1e400,\r\n 12345678901234567890], "f": "raw\nfeed" }'
    found = digest(batch_of([{"request": messy, "response": '"plain"'}]), bytes(32))
    neat = '{"a b":"c\\u2028 d\\n","e":[1.0,1e400,12345678901234567890],"f":"raw\\nfeed"}'
    assert found.records["request"].to_pylist() == [neat]
    assert json.loads(group_json(found.records, Group.CONTENT)[0].as_py()) == {
        "request": neat,
        "response": '"plain"',
    }


def test_each_column_counts() -> None:
    """A change of any field breaks a hash, but of those that are said to stand outside."""
    outside = {"writer", "sequence", "erased"}
    filled: dict[str, Any] = {field.name: None for field in SCHEMA}
    filled |= {"timeUnixNano": 1_000, "timestamp": 1, "observedTimeUnixNano": 1_000, "observedTimestamp": 1}
    before = digest(batch_of([filled]), bytes(32))
    for field in SCHEMA:
        if field.name in {"salts", "digests"}:
            continue
        changed = filled | {field.name: _something(field.type)}
        index = SCHEMA.get_field_index(field.name)
        tampered = before.records.set_column(index, field, batch_of([changed])[field.name])
        same = recompute(tampered).record_hashes == before.record_hashes
        assert same == (field.name in outside), field.name


def _something(kind: Any) -> Any:
    if isinstance(kind, pa.StructType):
        return {kind[0].name: _something(kind[0].type)}
    if isinstance(kind, pa.MapType):
        return [("k", _something(kind.item_type))]
    if isinstance(kind, pa.ListType):
        return [_something(kind.value_type)]
    return "x" if pa.types.is_string(kind) else True if pa.types.is_boolean(kind) else 7


def test_erasing_a_group_leaves_the_record_hash_and_shows_in_nothing_else() -> None:
    before = digest(batch_of([{"user": {"id": "u1"}, "request": "1", "recordId": "r"}]), bytes(range(32)))
    [row] = before.records.to_pylist()
    row |= {"request": None, "salts": row["salts"] | {"content": None}}
    row["erased"] = [{"group": "content", "at": "2026-11-21T00:00:00.000000000Z", "reason": "request"}]
    erased = batch_of([row])
    assert record_hashes(erased) == before.record_hashes
    assert recompute(erased).record_hashes == before.record_hashes
    row["user"] = {"id": "u2"}
    assert recompute(batch_of([row])).record_hashes != before.record_hashes


@pytest.mark.parametrize("salt", ["zz" * 16, "00" * 15, "", "0" * 31 + " ", "é" * 32])
def test_a_salt_that_is_none_makes_another_digest(salt: str) -> None:
    before = digest(batch_of([{"user": {"id": "u1"}}]), b"\x01" * 32)
    [row] = before.records.to_pylist()
    row["salts"]["identity"] = salt
    assert recompute(batch_of([row])).record_hashes != before.record_hashes


def test_salts_must_be_of_the_records() -> None:
    with pytest.raises(ValueError, match="31 bytes of salt for 1 records"):
        digest(batch_of([{}]), bytes(31))


def test_no_records() -> None:
    found = digest(batch_of([]), b"")
    assert found.records.num_rows == 0
    assert len(found.record_hashes) == len(content_tags(found.records)) == 0
    assert group_json(found.records, Group.META).to_pylist() == []


def test_a_column_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        record_hashes(batch_of([{}]).drop_columns(["action"]))
