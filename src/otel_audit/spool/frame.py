"""Frames: how a batch of masked records lies in a segment.

A segment is a sequence of frames and nothing else::

    offset  size  field
    0       8     magic FF 6F 74 61 75 64 31 FE
    8       8     length of the payload, bytes
    16      80    writer, ASCII, padded with zero bytes
    96      8     sequence of the first record
    104     4     count of records
    108     4     CRC32C of bytes 0-107 and the payload
    112     …     payload: an Arrow IPC stream of one record batch, without its end-of-stream mark

Rules:

1. Integers are little-endian and unsigned.
2. The payload has the columns of ``record/schema.py`` but ``writer`` and ``sequence``, which the header
   tells, and ``erased``, which is never set here; after them ``recordHash``, fixed 32 bytes.
3. The magic begins and ends with bytes that UTF-8 never has, so that no text of a record can look like a
   frame to a reader that searches for the next one.
4. The payload is not compressed: a segment lives for a minute until it is encoded, and compressing it would
   cost more CPU than all the rest of the spool (``docs/adr/0003-spool-frames-are-not-compressed.md``). A
   reader takes compressed Arrow buffers too.

CRC32C: RFC 3720, appendix B.4. Arrow IPC: https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import google_crc32c
import pyarrow as pa

from otel_audit.errors import SpoolError
from otel_audit.record.schema import SCHEMA

if TYPE_CHECKING:
    from otel_audit.mask.masker import MaskedBatch

__all__ = [
    "HEADER_BYTES",
    "MAGIC",
    "Frame",
    "FrameHeader",
    "NumberedBatch",
    "decode",
    "encode",
    "parse_header",
]

MAGIC: Final = b"\xffotaud1\xfe"

_HEADER: Final = struct.Struct("<8sQ80sQII")
_COVERED: Final = struct.Struct("<8sQ80sQI")
HEADER_BYTES: Final = _HEADER.size

_RECORD_HASH: Final = "recordHash"
_FILLED_ON_READING: Final = ("writer", "sequence", "erased")
_STORED: Final = [field.name for field in SCHEMA if field.name not in _FILLED_ON_READING]
_STORED_INDEXES: Final = [SCHEMA.get_field_index(name) for name in _STORED]
_FILLED_INDEXES: Final = sorted(
    ((name, SCHEMA.get_field_index(name)) for name in _FILLED_ON_READING), key=lambda pair: pair[1]
)
_PAYLOAD_SCHEMA: Final = pa.schema(
    [SCHEMA.field(name) for name in _STORED] + [pa.field(_RECORD_HASH, pa.binary(32))]
)
_PAYLOAD_SCHEMA_MESSAGE: Final = _PAYLOAD_SCHEMA.serialize()
"""First message of the IPC stream: the same in each frame, which is what makes a frame readable alone."""


@dataclass(frozen=True, slots=True)
class NumberedBatch:
    """Records with their place in the log.

    Attributes:
        records: columns of :data:`~otel_audit.record.schema.SCHEMA`, ``writer`` and ``sequence`` filled.
        record_hashes: fixed_size_binary(32), one a row.
    """

    records: pa.RecordBatch
    record_hashes: pa.Array[Any]

    def __len__(self) -> int:
        return int(self.records.num_rows)


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded frame, ready to be written.

    Attributes:
        first_sequence: sequence of its first record.
        count: records in it.
        size: bytes on disk.
        buffers: those bytes, in parts that are not copied together.
    """

    first_sequence: int
    count: int
    size: int
    buffers: tuple[memoryview, ...]


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the first 112 bytes of a frame say. True only once the CRC32C has been checked."""

    payload_bytes: int
    writer: str
    first_sequence: int
    count: int
    crc32c: int
    covered: bytes

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record."""
        return self.first_sequence + self.count - 1

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return HEADER_BYTES + self.payload_bytes

    def matches(self, payload: bytes) -> bool:
        """Whether header and payload are the ones that were written."""
        crc = google_crc32c.extend(google_crc32c.value(self.covered), payload)
        return len(payload) == self.payload_bytes and int(crc) == self.crc32c


def encode(
    masked: MaskedBatch | NumberedBatch, *, writer: str, first_sequence: int, max_bytes: int
) -> Iterator[Frame]:
    """Turn a batch into frames, numbered from ``first_sequence`` on.

    Args:
        masked: what the masker made, now or before it was numbered for the first time.
        writer: who numbers the records; at most 80 bytes.
        first_sequence: number of the first row.
        max_bytes: a batch of more Arrow data is halved by rows until it fits, or is one record.
    """
    records = masked.records
    columns = records.columns
    payload = pa.RecordBatch.from_arrays(
        [columns[index] for index in _STORED_INDEXES] + [masked.record_hashes], schema=_PAYLOAD_SCHEMA
    )
    yield from _encode_rows(payload, writer, first_sequence, max_bytes)


def _encode_rows(
    payload: pa.RecordBatch, writer: str, first_sequence: int, max_bytes: int
) -> Iterator[Frame]:
    rows = payload.num_rows
    message = payload.serialize()
    if message.size > max_bytes and rows > 1:
        half = rows // 2
        yield from _encode_rows(payload.slice(0, half), writer, first_sequence, max_bytes)
        yield from _encode_rows(payload.slice(half), writer, first_sequence + half, max_bytes)
        return
    length = _PAYLOAD_SCHEMA_MESSAGE.size + message.size
    covered = _COVERED.pack(MAGIC, length, writer.encode("ascii"), first_sequence, rows)
    crc = google_crc32c.value(covered)
    crc = google_crc32c.extend(crc, _PAYLOAD_SCHEMA_MESSAGE)
    crc = google_crc32c.extend(crc, message)
    header = covered + struct.pack("<I", crc)
    yield Frame(
        first_sequence=first_sequence,
        count=rows,
        size=HEADER_BYTES + length,
        buffers=(memoryview(header), memoryview(_PAYLOAD_SCHEMA_MESSAGE), memoryview(message)),
    )


def parse_header(content: bytes) -> FrameHeader | None:
    """Read a header; None if these bytes cannot begin a frame."""
    if len(content) < HEADER_BYTES:
        return None
    magic, length, writer, first, count, crc = _HEADER.unpack_from(content)
    if magic != MAGIC or count == 0:
        return None
    name = writer.rstrip(b"\0")
    if not name.isascii():
        return None
    return FrameHeader(length, name.decode("ascii"), first, count, crc, content[: _COVERED.size])


def decode(header: FrameHeader, payload: bytes) -> NumberedBatch:
    """Turn a frame whose CRC32C matches back into records.

    Columns that this version knows and the frame does not are null.

    Raises:
        SpoolError: the frame has columns that this version does not know: a newer version wrote it.
    """
    with pa.ipc.open_stream(payload) as stream:
        batch = stream.read_next_batch()
    rows = batch.num_rows
    if not batch.schema.equals(_PAYLOAD_SCHEMA):
        batch = _adapt(batch)
    columns = batch.columns
    record_hashes = columns.pop()
    first = header.first_sequence
    filled = {
        "writer": pa.repeat(pa.scalar(header.writer), rows),
        "sequence": pa.array(range(first, first + rows), pa.int64()),
        "erased": pa.nulls(rows, SCHEMA.field("erased").type),
    }
    for name, index in _FILLED_INDEXES:
        columns.insert(index, filled[name])
    return NumberedBatch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA), record_hashes)


def _adapt(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Bring a frame of an older version to this version's columns."""
    stored = dict(zip(batch.schema.names, batch.columns, strict=True))
    if not stored.keys() <= set(_PAYLOAD_SCHEMA.names):
        raise SpoolError("the spool holds a segment that a newer version of otel-audit wrote")
    columns = [
        stored[field.name] if field.name in stored else pa.nulls(batch.num_rows, field.type)
        for field in _PAYLOAD_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_PAYLOAD_SCHEMA)
