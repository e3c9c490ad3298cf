"""Masked records between masking and the spool, and how far they have come."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.pipeline.metrics import count_durable, count_masked

if TYPE_CHECKING:
    from otel_audit.mask.masker import MaskedBatch
    from otel_audit.pipeline.copies import Differing
    from otel_audit.record.imprints import Imprints
    from otel_audit.spool import Range, StreamWriter

__all__ = ["Prepared"]


class Prepared:
    """Records that may be written, some of which may have been already. Not thread-safe.

    Attributes:
        count: how many records.
        records: how many by stream.
        service: name of the service of the first, None where it has none.
        durable_unix_nano: when all of them were durable; 0 before.
        masked: the records; None if there are none.
        imprints: theirs, once they were compared with what is known.
        events: what the log is to say of them once they are durable.
        taken: where records are that writers have taken and that are not noted as seen, with their imprints.
        places: where all are that writers have taken.
    """

    def __init__(self, masked: MaskedBatch | None) -> None:
        self.imprints: Imprints | None = None
        self.events: list[Differing] = []
        self.taken: list[tuple[Range, bytes]] = []
        self.places: list[Range] = []
        self.durable_unix_nano = 0
        self._hold(masked)

    def _hold(self, masked: MaskedBatch | None) -> None:
        self.masked = masked
        self._left = {} if masked is None or not len(masked) else masked.by_stream()
        self.records = {stream: len(part) for stream, part in self._left.items()}
        self.count = 0 if masked is None else len(masked)

    def become(self, masked: MaskedBatch, imprints: Imprints, events: Sequence[Differing]) -> None:
        """Go on with other records, before any was offered to a writer.

        Args:
            masked: what is left of them; may be empty.
            imprints: theirs, in their order.
            events: what the log is to say of them.
        """
        self._hold(masked)
        self.imprints, self.events = imprints, list(events)

    @property
    def service(self) -> str | None:
        if self.masked is None:
            return None
        name: str | None = pc.struct_field(self.masked.records.column("service"), "name")[0].as_py()
        return name

    @property
    def is_untouched(self) -> bool:
        """Whether no record of it has been taken by a writer."""
        return len(self._left) == len(self.records)

    def append_to(self, writers: Mapping[str, StreamWriter], *, use_reserve: bool) -> None:
        """Append what no writer has taken yet. What one has taken it keeps, and writes again by itself if
        the disk fails, so it is never offered twice.

        Raises:
            SpoolError: as :meth:`StreamWriter.append`; what is left stays with this object.
        """
        while self._left:
            stream, part = next(iter(self._left.items()))
            place = writers[stream].append(part, use_reserve=use_reserve)
            del self._left[stream]
            self.places.append(place)
            if self.imprints is not None:
                self.taken.append((place, self._imprints_of(stream)))

    def _imprints_of(self, stream: str) -> bytes:
        if self.masked is None or self.imprints is None:
            return b""
        is_theirs: Any = pc.equal(self.masked.records.column("stream"), pa.scalar(stream))
        rows: bytes = self.imprints[is_theirs.to_numpy(zero_copy_only=False)].tobytes()
        return rows

    def became_durable(self) -> None:
        """Note when, and say so in the metrics."""
        self.durable_unix_nano = time.time_ns()
        if self.masked is not None:
            for stream, records in self.records.items():
                count_durable(stream, records)
            count_masked(self.masked)

    def record_hashes(self) -> dict[str, bytes]:
        """Record id → recordHash. A few records only: this makes Python objects."""
        if self.masked is None:
            return {}
        return dict(zip(self.masked.record_ids(), self.masked.record_hashes.to_pylist(), strict=True))
