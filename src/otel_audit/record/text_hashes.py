"""SHA-256 over the rows of string arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import pyarrow as pa

from otel_audit.record.buffers import Array, data, offsets

__all__ = ["HASH_BYTES", "hash_array", "hashes_of", "sha256_each"]

HASH_BYTES: Final = 32


def sha256_each(texts: Array) -> list[bytes]:
    """SHA-256 of each text; none of them is null."""
    if not len(texts):
        return []
    sha256, text, bounds = hashlib.sha256, data(texts), offsets(texts)
    return [sha256(text[start:end]).digest() for start, end in pairwise((bounds - bounds[0]).tolist())]


def hashes_of(texts: Iterable[Array]) -> Array:
    """SHA-256 of each text, fixed_size_binary(32)."""
    return hash_array([each for part in texts for each in sha256_each(part)])


def hash_array(hashes: Sequence[bytes]) -> Array:
    """These hashes as fixed_size_binary(32)."""
    buffers = [None, pa.py_buffer(b"".join(hashes))]
    array: Array = pa.Array.from_buffers(pa.binary(HASH_BYTES), len(hashes), buffers)
    return array
