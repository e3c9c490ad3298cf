"""The batch that conversion hands to masking.

Later stages have their own types: only ``mask/`` makes a ``MaskedBatch``, and the spool accepts nothing
else, so the type checker holds the order of the path.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from otel_audit.record.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class UnmaskedBatch:
    """Converted records that must not reach any disk, log or message.

    Attributes:
        records: one row a record, columns of :data:`~otel_audit.record.schema.SCHEMA` in table order;
            ``masking``, ``salts``, ``digests``, ``erased``, ``writer`` and ``sequence`` are null.
            Keys of every map are unique and sorted within their row. JSON texts are valid and minified.
        cut: texts that may have been cut before they came here and stand somewhere in the records.
    """

    records: pa.RecordBatch
    cut: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.records.schema.equals(SCHEMA):
            raise TypeError("an UnmaskedBatch has exactly the columns of record/schema.py")

    def __len__(self) -> int:
        return int(self.records.num_rows)

    def __repr__(self) -> str:
        return f"UnmaskedBatch({len(self)} records)"
