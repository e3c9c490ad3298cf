"""Frames: what goes in comes out, and nothing else passes for a frame."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch
from otel_audit.record.schema import SCHEMA
from otel_audit.spool.frame import HEADER_BYTES, MAGIC, Frame, NumberedBatch, decode, encode, parse_header
from spool.masked import masked

WRITER = "shop-20261121-5f2c91ab"
ROOMY = 1 << 30

TEXTS = st.lists(
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=12
)


def frames_of(batch: MaskedBatch, *, first: int = 1, max_bytes: int = ROOMY) -> list[Frame]:
    return list(encode(batch, writer=WRITER, first_sequence=first, max_bytes=max_bytes))


def read(frame: Frame) -> NumberedBatch:
    content = b"".join(frame.buffers)
    assert len(content) == frame.size
    header = parse_header(content)
    assert header is not None
    payload = content[HEADER_BYTES:]
    assert header.matches(payload)
    assert (header.writer, header.first_sequence, header.count) == (WRITER, frame.first_sequence, frame.count)
    return decode(header, payload)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 2**60), st.sampled_from([1, 30_000, ROOMY]))
def test_records_come_back_numbered(texts: list[str | None], first: int, max_bytes: int) -> None:
    batch = masked(texts)
    read_back = [read(frame) for frame in frames_of(batch, first=first, max_bytes=max_bytes)]
    records = pa.Table.from_batches([each.records for each in read_back])
    assert records.schema.equals(SCHEMA)
    records.validate(full=True)
    assert records["writer"].to_pylist() == [WRITER] * len(texts)
    assert records["sequence"].to_pylist() == list(range(first, first + len(texts)))
    untouched = [name for name in SCHEMA.names if name not in {"writer", "sequence"}]
    assert records.select(untouched).equals(pa.Table.from_batches([batch.records]).select(untouched))
    hashes = pa.chunked_array([each.record_hashes for each in read_back])
    assert hashes.to_pylist() == batch.record_hashes.to_pylist()


def test_a_slice_of_a_batch_is_written_without_the_rest() -> None:
    batch = masked([f"text {number}" for number in range(100)])
    frames = frames_of(batch, max_bytes=60_000)
    assert len(frames) > 1
    assert all(frame.size < 60_000 + frames_of(masked([None]))[0].size for frame in frames)
    read_back = [text for frame in frames for text in read(frame).records["errorMessage"].to_pylist()]
    assert read_back == batch.records["errorMessage"].to_pylist()


def test_a_large_batch_becomes_several_frames() -> None:
    frames = frames_of(masked(["x" * 100_000] * 8), first=5, max_bytes=300_000)
    assert [(frame.first_sequence, frame.count) for frame in frames] == [(5, 2), (7, 2), (9, 2), (11, 2)]
    alone = frames_of(masked(["x" * 100_000] * 2), max_bytes=1)
    assert [frame.count for frame in alone] == [1, 1]


def test_any_changed_byte_is_noticed() -> None:
    (frame,) = frames_of(masked(["text"]))
    content = b"".join(frame.buffers)
    for offset in [*range(HEADER_BYTES), *range(HEADER_BYTES, len(content), 97), len(content) - 1]:
        damaged = content[:offset] + bytes([content[offset] ^ 0x10]) + content[offset + 1 :]
        header = parse_header(damaged)
        assert header is None or not header.matches(damaged[HEADER_BYTES:])


def test_what_is_too_short_is_no_frame() -> None:
    (frame,) = frames_of(masked(["text"]))
    content = b"".join(frame.buffers)
    assert parse_header(content[: HEADER_BYTES - 1]) is None
    header = parse_header(content)
    assert header is not None
    assert not header.matches(content[HEADER_BYTES:-1])


def test_a_frame_of_nothing_is_no_frame() -> None:
    content = bytearray(b"".join(frames_of(masked(["text"]))[0].buffers))
    content[104:108] = bytes(4)
    assert parse_header(bytes(content)) is None


def test_no_text_holds_the_magic() -> None:
    with pytest.raises(UnicodeDecodeError):
        MAGIC.decode()
    for at in range(len(MAGIC) - 1):
        assert MAGIC[at + 1 :] + MAGIC[: at + 1] != MAGIC


def payload_of(columns: dict[str, pa.Array]) -> bytes:
    batch = pa.RecordBatch.from_pydict(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_an_older_frame_gets_the_columns_it_did_not_know() -> None:
    header = parse_header(b"".join(frames_of(masked(["text"]))[0].buffers))
    assert header is not None
    older = payload_of({"recordId": pa.array(["r"]), "recordHash": pa.array([b"h" * 32], pa.binary(32))})
    batch = decode(header, older)
    assert batch.records.schema.equals(SCHEMA)
    assert batch.records["recordId"].to_pylist() == ["r"]
    assert batch.records["errorMessage"].to_pylist() == [None]
    assert batch.records["sequence"].to_pylist() == [1]
    assert batch.record_hashes.to_pylist() == [b"h" * 32]


def test_a_newer_frame_is_refused() -> None:
    header = parse_header(b"".join(frames_of(masked(["text"]))[0].buffers))
    assert header is not None
    newer = payload_of({"later": pa.array(["r"]), "recordHash": pa.array([b"h" * 32], pa.binary(32))})
    with pytest.raises(SpoolError, match="newer version"):
        decode(header, newer)
