"""Batches of hand-made rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.schema import SCHEMA

DEFAULTS: dict[str, Any] = {
    "recordId": "9d0c6c1e-6b0f-8a35-9a5e-2f3b7a1c4e90",
    "schemaVersion": "1",
    "stream": "platform",
    "eventName": "http.server",
    "timestamp": 1_795_284_941_000_000,
    "timeUnixNano": 1_795_284_941_000_000_000,
    "observedTimestamp": 1_795_284_942_000_000,
    "observedTimeUnixNano": 1_795_284_942_000_000_000,
    "tenant": "default",
    "action": "GET",
    "outcome": "success",
}


def unmasked(*rows: dict[str, Any]) -> UnmaskedBatch:
    """A batch of rows given by column; maps as dicts."""
    full = []
    for row in rows:
        values = {**DEFAULTS, **row}
        for name in ("requestHeaders", "responseHeaders"):
            if name in values:
                values[name] = sorted(values[name].items())
        full.append(values)
    return UnmaskedBatch(pa.RecordBatch.from_pylist(full, schema=SCHEMA))
