"""Records as JSON, byte for byte as an NDJSON file holds them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from otel_audit.record.buffers import parts
from otel_audit.record.record_lines import record_lines


def json_lines(records: pa.Table) -> Iterator[str]:
    """A JSON object a record, in order, without line ends.

    Args:
        records: all columns of the record's schema.
    """
    for batch in records.to_batches():
        for part in parts(batch):
            # Line feeds end records and stand nowhere within one.
            yield from bytes(record_lines(part)).decode().removesuffix("\n").split("\n")
