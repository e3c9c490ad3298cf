"""Records to files and back: the same records, with equal hashes, whichever format."""

from __future__ import annotations

import gzip
import io
import json
import os
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings

from otel_audit.encode.options import EXTENSIONS, EncodeOptions
from otel_audit.encode.partitions import open_writer
from otel_audit.record.canonical import digest, recompute, record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.record.schema import EXACT_TIMES, JSON_COLUMNS, SCHEMA
from record.slow_canonical import compact
from record.strategies import batch_of, batches

FORMATS = sorted(EXTENSIONS)


def written(
    form: str, compression: str, *parts: pa.RecordBatch, options: EncodeOptions | None = None
) -> bytes:
    sink = io.BytesIO()
    with open_writer(form, compression, sink, options) as writer:
        for part in parts:
            writer.write(part)
    return sink.getvalue()


def read(form: str, compression: str, content: bytes, schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    found = (
        read_parquet(content, schema=schema)
        if form == "parquet"
        else read_ndjson(content, compression, schema=schema)
    )
    return pa.Table.from_batches(found, schema).combine_chunks().to_batches()[0]


def plain(records: pa.RecordBatch) -> list[Any]:
    """What records say, without nulls and empty containers, which NDJSON does not write."""
    return [compact(row) for row in records.to_pylist()]


@settings(max_examples=60, deadline=None)
@given(batches())
@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_there_and_back(form: str, compression: str, batch: pa.RecordBatch) -> None:
    whole = digest(batch, os.urandom(32 * len(batch)))
    back = read(form, compression, written(form, compression, whole.records))
    assert back.schema.equals(SCHEMA)
    assert plain(back) == plain(whole.records)
    assert record_hashes(back) == whole.record_hashes
    assert recompute(back).record_hashes == whole.record_hashes
    if form == "parquet":
        assert back == whole.records


HARD = {
    "timeUnixNano": 1_795_284_256_394_044_809,
    "timestamp": 1_795_284_256_394_044,
    "spanName": "a\u2028b\u2029c\nd\x00\U0001f600",
    "request": '{"n":1.50,"big":12345678901234567890,"s":"x\u2028y","e":1e400}',
    "attributes": '{"k":{"base64":"AA=="},"u":"\\ud83d\\ude00"}',
}


PLAIN = digest(batch_of([HARD]), bytes(32)).records


def lines_of(content: bytes, compression: str) -> list[str]:
    text = (
        gzip.decompress(content)
        if compression == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(content)
    )
    return text.decode().split("\n")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_record_is_one_line_by_any_reading(compression: str) -> None:
    records = digest(batch_of([HARD, HARD]), bytes(64)).records
    first, second, rest = lines_of(written("ndjson", compression, records), compression)
    assert rest == ""
    assert first == second
    assert first.splitlines() == [first]
    assert json.loads(first)["spanName"] == HARD["spanName"]
    assert '"request":{"n":1.50,"big":12345678901234567890,"s":"x\\u2028y","e":1e400}' in first
    assert '"timestamp":"2026-11-21T18:04:16.394044809Z"' in first
    assert not any(exact in first for exact in EXACT_TIMES.values())


def test_members_come_in_the_order_of_the_table() -> None:
    row: dict[str, Any] = dict.fromkeys(JSON_COLUMNS, '"x"')
    row |= {"recordId": "r", "timeUnixNano": 1_000, "timestamp": 1, "stream": "s"}
    row |= {"user": {"assurance": "none", "id": "u"}, "capture": {"state": "none"}}
    [line, _] = lines_of(written("ndjson", "gzip", batch_of([row])), "gzip")
    found = json.loads(line)
    assert list(found) == [field.name for field in SCHEMA if field.name in found]
    assert list(found["user"]) == ["id", "assurance"]


def test_a_record_of_nothing_is_a_line_all_the_same() -> None:
    records = batch_of([{}, {"timeUnixNano": 1_000, "timestamp": 1}, {}])
    assert lines_of(written("ndjson", "zstd", records), "zstd")[::2] == ["{}", "{}"]


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_only_the_columns_wanted(form: str, compression: str) -> None:
    wanted = pa.schema(
        [
            SCHEMA.field("timeUnixNano"),
            pa.field("user", pa.struct([("id", pa.string())])),
            pa.field("modelInfo", pa.struct([("extra", pa.map_(pa.string(), pa.string()))])),
            SCHEMA.field("attributes"),
        ]
    )
    row = HARD | {"user": {"id": "u", "name": "n"}, "modelInfo": {"modelName": "m", "extra": [("k", "v")]}}
    back = read(form, compression, written(form, compression, batch_of([row, HARD])), wanted)
    assert back.schema == wanted
    assert back.to_pylist() == [
        {
            "timeUnixNano": HARD["timeUnixNano"],
            "user": {"id": "u"},
            "modelInfo": {"extra": [("k", "v")]},
            "attributes": HARD["attributes"],
        },
        {
            "timeUnixNano": HARD["timeUnixNano"],
            "user": None,
            "modelInfo": None,
            "attributes": HARD["attributes"],
        },
    ]
