"""The hash of a stored record, made anew of what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from otel_audit.record.canonical import recompute, record_hashes
from otel_audit.record.schema import SCHEMA

__all__ = ["FoundHash", "hashes_of"]


@dataclass(frozen=True, slots=True)
class FoundHash:
    """What a record's fields hash to.

    Attributes:
        text: ``sha256:<hex>``, as a receipt has it.
        fits: whether the digests that are stored with it are those of its fields.
    """

    text: str
    fits: bool


def hashes_of(records: pa.Table) -> Iterator[FoundHash]:
    """One hash a record, in their order.

    Args:
        records: with every column of the schema.
    """
    for batch in records.select(SCHEMA.names).cast(SCHEMA).to_batches():
        made: list[Any] = recompute(batch).record_hashes.to_pylist()
        kept: list[Any] = record_hashes(batch).to_pylist()
        for ours, stored in zip(made, kept, strict=True):
            yield FoundHash(f"sha256:{ours.hex()}", ours == stored)
