"""What a record is known by when it comes again: its id and its content tag, 16 bytes each.

Two deliveries are the same record when both are equal (``canonical.py``, rule 8). Of the tag, a SHA-256, the first
half is kept: nobody finds two contents with the same one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from otel_audit.record.buffers import Array, data
from otel_audit.record.canonical import HASH_BYTES, content_tags

__all__ = ["IMPRINT_BYTES", "Imprints", "imprints", "parse_imprints"]

IMPRINT_BYTES: Final = 32

Imprints: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
"""One row a record, of four numbers: two of the id, two of the tag."""

_HALF: Final = 16
_DASHED: Final = 36
_DIGITS: Final = re.compile("[0-9a-fA-F]{32}")


def imprints(records: pa.RecordBatch, tags: Array | None = None) -> Imprints:
    """Imprints of masked records, in their order.

    Args:
        records: columns of the schema.
        tags: their content tags, where they are known.

    Raises:
        ValueError: a map has the same key twice.
    """
    rows = records.num_rows
    made = np.empty((rows, IMPRINT_BYTES), np.uint8)
    made[:, :_HALF] = np.frombuffer(_ids(records), np.uint8).reshape(rows, _HALF)
    if rows:
        whole = np.frombuffer(data(content_tags(records) if tags is None else tags), np.uint8)
        made[:, _HALF:] = whole.reshape(rows, HASH_BYTES)[:, :_HALF]
    return made.view(np.uint64)


def parse_imprints(content: bytes) -> Imprints:
    """Imprints from their bytes."""
    return np.frombuffer(content, np.uint64).reshape(-1, IMPRINT_BYTES // 8)


def _ids(records: pa.RecordBatch) -> bytes:
    texts: list[str] = records.column("recordId").to_pylist()  # type: ignore[assignment]  # never null
    try:
        ids = bytes.fromhex("".join(texts).replace("-", ""))
    except ValueError:
        ids = b""
    if len(ids) == _HALF * len(texts) and {_DASHED}.issuperset(map(len, texts)):
        return ids
    # Conversion makes UUIDs only; whatever else is an id has an imprint as well, the same in every batch.
    return b"".join(_id(text) for text in texts)


def _id(text: str) -> bytes:
    digits = text.replace("-", "")
    if len(text) == _DASHED and _DIGITS.fullmatch(digits):
        return bytes.fromhex(digits)
    return hashlib.sha256(text.encode()).digest()[:_HALF]
