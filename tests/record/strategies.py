"""Records of any shape that the schema allows, for property tests."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from otel_audit.record.schema import EXACT_TIMES, FIELDS, JSON_COLUMNS, SCHEMA

_HARD = (
    "".join(map(chr, range(0x20))) + '"\\/\x7f\x80\u2028\u2029\ud7ff\ue000\ufb33\uffff\U00010000\U0001f600é€'
)

texts = st.text(st.one_of(st.sampled_from(_HARD), st.characters(exclude_categories=["Cs"])), max_size=12)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
nanos = st.integers(-(2**63) + 1, 2**63 - 1)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def _minified(value: Any, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


json_texts = st.builds(_minified, json_values, st.booleans())
json_objects = st.builds(_minified, st.dictionaries(texts, json_values, max_size=3), st.booleans())


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Values of an Arrow type as Python, nulls and empty containers among them at every depth."""
    if isinstance(kind, pa.StructType):
        return st.fixed_dictionaries({}, optional={child.name: optional(child.type) for child in kind})
    if isinstance(kind, pa.MapType):
        entries = st.dictionaries(texts, optional(kind.item_type), max_size=4)
        return entries.map(lambda found: list(found.items()))
    if isinstance(kind, pa.ListType):
        return st.lists(optional(kind.value_type), max_size=3)
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_boolean(kind):
        return st.booleans()
    return integers if kind == pa.int64() else st.integers(-(2**31), 2**31 - 1)


def optional(kind: pa.DataType) -> st.SearchStrategy[Any]:
    return st.none() | values(kind)


_JSON = {"attributes": json_objects, "resource": json_objects}
_FREE = {
    field.name: _JSON.get(field.name, json_texts if field.name in JSON_COLUMNS else values(field.type))
    for field in FIELDS
    if field.name not in {*EXACT_TIMES, *EXACT_TIMES.values(), "salts", "digests"}
}


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """One record; a few of its fields are set."""
    names = draw(st.lists(st.sampled_from(sorted(_FREE)), unique=True, max_size=12))
    record = {name: draw(_FREE[name]) for name in names}
    for coarse, exact in EXACT_TIMES.items():
        record[exact] = draw(nanos)
        record[coarse] = record[exact] // 1000
    return record


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """The rows as a batch of the schema."""
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    """Some records, as a batch of their own or as a slice of a larger one."""
    rows = draw(st.lists(records(), min_size=1, max_size=5))
    before, after = draw(st.integers(0, 9)), draw(st.integers(0, 2))
    padding = [{"recordId": "another", "user": {"id": "x"}, "timeUnixNano": 1, "timestamp": 0}]
    whole = batch_of(padding * before + rows + padding * after)
    return whole.slice(before, len(rows))
