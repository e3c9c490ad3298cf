"""Audit records that are masked: which of them are new, and the receipts of all.

Whoever sends a record again gets the receipt that it got before. So a receipt is on disk before its record is
durable (``pipeline/receipts.py``), and one of a record that is known is found there: by its content without its
sender, since who sends again may have moved meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from otel_audit.pipeline.copies import Copies, masked_of
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.prepared import Prepared
from otel_audit.pipeline.receipts import Receipt, Receipts
from otel_audit.receive.audit_request import AuditItem
from otel_audit.record.ids import given_record_id
from otel_audit.record.imprints import Imprints, imprints
from otel_audit.spool import Range

__all__ = ["AuditBatch"]


class AuditBatch:
    """Records of one sender. For one thread.

    Args:
        pipeline: open, and knows copies.
        items: used up; their ids differ.
        tenant: whose records they are.

    Raises:
        ValueError: they do not become one record each: a defect.

    Attributes:
        prepared: after :meth:`keep` only the new ones.
        differing: ids, as given, under which another record is known.
        is_known: whether any of them was seen before, as it is or otherwise.
    """

    def __init__(self, pipeline: Pipeline, items: Sequence[AuditItem], tenant: str) -> None:
        self._pipeline = pipeline
        self._copies, self._receipts = _logs_of(pipeline)
        given = {given_record_id(tenant, item.given_id): item.given_id for item in items}
        logs = [item.log for item in items]
        self.prepared: Prepared = pipeline.prepare((), logs, observed_unix_nano=time.time_ns(), tenant=tenant)
        masked = masked_of(self.prepared)
        record_ids = masked.record_ids()
        if len(given) != len(items) or sorted(record_ids) != sorted(given):
            raise ValueError("audit records do not become one record each")
        self._ids = [given[record_id] for record_id in record_ids]
        self._hashes: list[bytes] = masked.record_hashes.to_pylist()
        with pipeline.appending:
            self._found: Imprints
            self._found, same, differing = self._copies.compare(self.prepared)
            self._imprints = [row.tobytes() for row in imprints(_without_sender(masked.records))]
            seen = np.flatnonzero(same | differing).tolist()
            known = {row: self._receipts.find(self._imprints[row]) for row in seen}
        self._given = {self._ids[row]: receipt for row, receipt in known.items() if receipt is not None}
        others = np.flatnonzero(differing).tolist()
        self.differing = [self._ids[row] for row in others if known[row] is None]
        self.is_known = bool(seen)
        self._new = [row for row in range(len(self._ids)) if self._ids[row] not in self._given]
        self._at_unix_nano = 0

    @property
    def new_ids(self) -> frozenset[str]:
        """Ids, as given, of the records that are to be written."""
        return frozenset(self._ids[row] for row in self._new)

    def keep(self) -> None:
        """Keep the receipts of new records, before these are appended.

        Raises:
            SpoolError: the disk refused; nothing was taken.
        """
        self._at_unix_nano = time.time_ns()
        with self._pipeline.appending:
            if self._new:
                noted = [(self._imprints[row], self._hashes[row]) for row in self._new]
                self._receipts.note(noted, self._at_unix_nano)
            self._copies.keep(self.prepared, self._found, self._new)

    def receipts(self) -> dict[str, Receipt]:
        """The receipts of all records by id as given, once the new ones are durable."""
        streams: list[str] = [] if self.prepared.masked is None else _streams(self.prepared)
        ranges = dict(zip(self.prepared.records, self.prepared.places, strict=True))
        numbered = dict.fromkeys(ranges, 0)
        with self._pipeline.appending:
            for row, stream in zip(self._new, streams, strict=True):
                sequence = ranges[stream].first + numbered[stream]
                numbered[stream] += 1
                place = Range(ranges[stream].writer, sequence, sequence)
                receipt = Receipt(self._hashes[row], self._at_unix_nano, place)
                self._given[self._ids[row]] = receipt
                self._receipts.give(self._imprints[row], receipt)
        return self._given


def _without_sender(records: pa.RecordBatch) -> pa.RecordBatch:
    place = records.schema.get_field_index("sender")
    field = records.schema.field(place)
    return records.set_column(place, field, pa.nulls(records.num_rows, field.type))


def _streams(prepared: Prepared) -> list[str]:
    streams: list[str] = masked_of(prepared).records.column("stream").to_pylist()  # type: ignore[assignment]
    return streams


def _logs_of(pipeline: Pipeline) -> tuple[Copies, Receipts]:
    if pipeline.copies is None or pipeline.receipts is None:
        raise ValueError("the pipeline does not know copies")
    return pipeline.copies, pipeline.receipts
