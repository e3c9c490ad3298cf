"""How far back a crash can have taken records from memory.

Records reach the spool in the order in which their spans ended, so what is lost ended after the oldest record
of the last durable append did. Times of senders are believed for an hour; a record that says it ended earlier,
or after it was seen, counts from when it was seen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

__all__ = ["SLACK_NS", "earliest_end"]

SLACK_NS: Final = 10**9
"""Threads that end spans at one moment hand them over in any order, within this time."""

_BELIEVED_NS: Final = 3_600 * 10**9


def earliest_end(records: pa.RecordBatch) -> int:
    """The earliest instant at which one of the records ended, nanoseconds since the epoch.

    Args:
        records: columns of :data:`~otel_audit.record.schema.SCHEMA`, at least one row.
    """
    observed, started, lasted = (
        records.column(name).fill_null(0).to_numpy()
        for name in ("observedTimeUnixNano", "timeUnixNano", "durationNs")
    )
    age = observed - started - lasted
    is_believed = (age >= 0) & (age <= _BELIEVED_NS)
    return int(np.where(is_believed, observed - age, observed).min())
