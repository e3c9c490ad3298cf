"""Masked batches to spool."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from otel_audit.record.schema import SCHEMA

BASE_UNIX_NANO = 1_795_284_000_000_000_000


@dataclass(frozen=True)
class MaskedBatch:
    records: pa.RecordBatch
    record_hashes: pa.Array


def masked(texts: list[str | None], *, tag: str = "r") -> MaskedBatch:
    """One record a text: the text is its request, its hash that of tag, place and text."""
    rows = len(texts)
    given = {
        "recordId": [f"{tag}-{row}" for row in range(rows)],
        "request": texts,
        "user": [{"id": f"u{row}"} for row in range(rows)],
        "requestHeaders": [[("x", [text])] if text else None for text in texts],
        "timeUnixNano": [BASE_UNIX_NANO + row for row in range(rows)],
    }
    columns = [pa.array(given.get(field.name, [None] * rows), field.type) for field in SCHEMA]
    hashes = [hashlib.sha256(f"{tag}-{row}-{text}".encode()).digest() for row, text in enumerate(texts)]
    return MaskedBatch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA), pa.array(hashes, pa.binary(32)))
