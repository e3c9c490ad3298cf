"""Masked records between masking and the spool, and how far they have come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from otel_audit.pipeline.metrics import count_durable, count_masked

if TYPE_CHECKING:
    from otel_audit.mask.masker import MaskedBatch
    from otel_audit.spool import StreamWriter

__all__ = ["Prepared"]


class Prepared:
    """Records that may be written, some of which may have been already. Not thread-safe.

    Attributes:
        count: how many records.
        records: how many by stream.
        service: name of the service of the first, None where it has none.
        durable_unix_nano: when all of them were durable; 0 before.
    """

    def __init__(self, masked: MaskedBatch | None) -> None:
        self._masked = masked
        self._left = {} if masked is None else masked.by_stream()
        self.records = {stream: len(part) for stream, part in self._left.items()}
        self.count = 0 if masked is None else len(masked)
        self.durable_unix_nano = 0

    @property
    def service(self) -> str | None:
        if self._masked is None:
            return None
        name: str | None = pc.struct_field(self._masked.records.column("service"), "name")[0].as_py()
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
            writers[stream].append(part, use_reserve=use_reserve)
            del self._left[stream]

    def became_durable(self) -> None:
        """Note when, and say so in the metrics."""
        self.durable_unix_nano = time.time_ns()
        if self._masked is not None:
            for stream, records in self.records.items():
                count_durable(stream, records)
            count_masked(self._masked)

    def record_hashes(self) -> dict[str, bytes]:
        """Record id → recordHash. A few records only: this makes Python objects."""
        if self._masked is None:
            return {}
        return dict(zip(self._masked.record_ids(), self._masked.record_hashes.to_pylist(), strict=True))
