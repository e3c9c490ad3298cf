"""Which hour a record is filed under: the key of the Hive partitions ``date=…/hour=…``.

That is the hour of the event, in UTC. Conversion notes in ``attributes`` where it does not believe the
event's time; such a record is filed under the hour in which it was observed.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import Array
from otel_audit.record.json_texts import says_observed

__all__ = ["NANOS_PER_HOUR", "partition_hours"]

NANOS_PER_HOUR: Final = 3_600 * 10**9


def partition_hours(records: pa.RecordBatch) -> Array:
    """Hours since the epoch, rounded down also before 1970.

    Args:
        records: columns of the schema; ``timeUnixNano`` and ``observedTimeUnixNano`` are set.

    Returns:
        int64 array without nulls, one a record.

    Raises:
        ValueError: a record has no time to be filed under.
    """
    times: Any = pc.if_else(
        says_observed(records["attributes"]), records["observedTimeUnixNano"], records["timeUnixNano"]
    )
    if times.null_count:
        raise ValueError("a record has no time to be filed under")
    hours: Array = pa.array(times.to_numpy() // NANOS_PER_HOUR)
    return hours
