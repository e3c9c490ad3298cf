"""Masked batches to spool, made by the real masker."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from otel_audit.mask.masker import MaskedBatch, Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.schema import SCHEMA

BASE_UNIX_NANO = 1_795_284_000_000_000_000
"""2026-11-21T18:00:00Z."""


@cache
def _masker() -> Masker:
    return Masker(MaskPolicy())


def masked(texts: list[str | None], *, tag: str = "r", stream: str = "platform") -> MaskedBatch:
    """One record a text, which is its ``errorMessage``; its ``recordId`` is tag and place."""
    rows = len(texts)
    times = [BASE_UNIX_NANO + row for row in range(rows)]
    given = {
        "recordId": [f"{tag}-{row}" for row in range(rows)],
        "schemaVersion": ["1"] * rows,
        "stream": [stream] * rows,
        "eventName": ["http.server"] * rows,
        "timestamp": [time // 1000 for time in times],
        "timeUnixNano": times,
        "observedTimestamp": [time // 1000 for time in times],
        "observedTimeUnixNano": times,
        "tenant": ["default"] * rows,
        "user": [{"id": f"u{row}"} for row in range(rows)],
        "errorMessage": texts,
    }
    columns = [pa.array(given.get(field.name, [None] * rows), field.type) for field in SCHEMA]
    return _masker().mask(UnmaskedBatch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA)))
