"""Records to files and back: the same records, with equal hashes, whichever format."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings

from otel_audit.encode import EXTENSIONS, EncodeOptions, open_writer
from otel_audit.errors import InputError
from otel_audit.record import decompressed
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


def test_columns_of_the_future_are_passed_over_and_those_of_the_past_are_null() -> None:
    older = batch_of([HARD]).drop_columns(["sequence", "requestQuery"])
    table = pa.Table.from_batches([older]).append_column("fromTheFuture", pa.array([{"x": 1}]))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert read("parquet", "zstd", sink.getvalue()) == batch_of([HARD])
    line = b'{"fromTheFuture":{"x":[1,{"y":null}]},"recordId":"r","user":{"id":"u","shoeSize":43}}\n'
    assert read("ndjson", "none", line) == batch_of([{"recordId": "r", "user": {"id": "u"}}])


def test_a_files_strings_may_be_large_ones() -> None:
    # What a table engine writes when it rewrites our files.
    sink = io.BytesIO()
    large = pa.schema([pa.field("recordId", pa.large_string()), pa.field("durationNs", pa.int32())])
    pq.write_table(pa.Table.from_pylist([{"recordId": "r", "durationNs": 5}], schema=large), sink)
    assert read("parquet", "zstd", sink.getvalue()) == batch_of([{"recordId": "r", "durationNs": 5}])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_streams_of_several_members_and_frames(compression: str) -> None:
    one = written("ndjson", compression, PLAIN)
    assert read("ndjson", compression, one * 3) == pa.concat_batches([PLAIN] * 3)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_that_ends_early_is_an_error(compression: str) -> None:
    content = written("ndjson", compression, batch_of([HARD] * 50))
    for cut in (1, 5, len(content) // 2):
        with pytest.raises(InputError, match="ends early"):
            list(read_ndjson(content[:-cut], compression))
    with pytest.raises(InputError, match="broken"):
        list(read_ndjson(b"no such stream, and never was one", compression))
    with pytest.raises(InputError, match="broken"):
        list(read_ndjson(content + b"something else", compression))


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b'{"durationNs":"7"}', b'{"user":[]}', b'{"subjects":{"a":1}}',
     b'{"recordId":"\xff"}', b'{"masking":{"entities":["EMAIL"]}}', b'{"sampled":1}', b'{"request":{"a":}}'],
)  # fmt: skip
def test_a_line_that_is_no_record_is_named(line: bytes) -> None:
    good = b'{"recordId":"r"}\n\n'
    with pytest.raises(InputError, match="line 5: is not an audit record"):
        list(read_ndjson(good * 2 + line + b"\n" + good, "none"))


@pytest.mark.parametrize(
    "line",
    [b'{"returnCode":3000000000}', b'{"timestamp":"yesterday"}', b'{"durationNs":99999999999999999999}'],
)
def test_a_value_outside_of_its_type_is_an_error(line: bytes) -> None:
    with pytest.raises(InputError, match=r"lines 1 to 2: a value is outside"):
        list(read_ndjson(b'{"recordId":"r"}\n' + line, "none"))


def test_lines_longer_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    records = digest(batch_of([HARD | {"errorMessage": "x" * 5_000}] * 20), bytes(32 * 20)).records
    content = written("ndjson", "zstd", records)
    monkeypatch.setattr(decompressed, "CHUNK_BYTES", 100)
    assert read("ndjson", "zstd", content) == records
    monkeypatch.setattr(decompressed, "MAX_LINE_BYTES", 1_000)
    monkeypatch.setattr(decompressed, "READ_BYTES", 10)
    with pytest.raises(InputError, match="longer than"):
        list(read_ndjson(b'{"recordId":"' + b"x" * 2_000, "none"))


def test_what_is_no_parquet_is_an_error() -> None:
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(read_parquet(b"PAR1 not at all PAR1"))
    sink = io.BytesIO()
    pq.write_table(pa.table({"user": ["not a struct"]}), sink)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(read_parquet(sink.getvalue()))


def test_readers_take_files_and_arrows_own(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(written("parquet", "zstd", batch_of([HARD])))
    with path.open("rb") as file, pa.OSFile(str(path)) as native:
        assert list(read_parquet(file)) == list(read_parquet(native)) == [batch_of([HARD])]
