"""The write path, from top to bottom.

::

    write()   convert ─► mask ─► append to the spool ─► fdatasync              durable, in the caller's thread
    ship()    seal ─► encode ─► plan ─► create the objects ─► the manifest     committed, in the shipper's thread

``write`` returns when its records are durable on the local disk. The shipper follows behind: it seals what is
large or old enough, and tries each destination for as long as it takes. Whatever a crash leaves in the spool,
the next process that opens it ships in the same way. ``docs/format.md`` numbers the steps.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Final

import pyarrow.compute as pc

from otel_audit.convert.converter import Converter
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.encode.options import EncodeOptions
from otel_audit.errors import SpoolError
from otel_audit.mask.masker import MaskedBatch, Masker
from otel_audit.pipeline.destination import Destination, destination_id
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.shipper import Shipper
from otel_audit.spool import Slot, SpoolOptions, StreamWriter

_UNNAMED_SERVICE: Final = "unknown-service"

_pipelines: Final[weakref.WeakSet[Pipeline]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    for pipeline in tuple(_pipelines):
        pipeline._reset()


os.register_at_fork(after_in_child=_start_over_in_child)


class Pipeline:
    """One write path of one process. Thread-safe; touches neither disk nor network before the first record.

    A forked child that writes takes a slot of the spool of its own.

    Args:
        options: what to write where.
        losses: records that were given up before they came here; the log says so in a gap record.
    """

    def __init__(self, options: PipelineOptions, losses: Losses | None = None) -> None:
        self._options = options
        self._converter = Converter(options.convert)
        self._masker = Masker(options.mask)
        self.losses = losses if losses is not None else Losses()
        self._reset()
        _pipelines.add(self)

    def _reset(self) -> None:
        self._opening = threading.Lock()
        self._service = self._options.service or ""
        self._slot: Slot | None = None
        self._writers: dict[str, StreamWriter] = {}
        self._taken: set[str] = set()
        self._shipper: Shipper | None = None

    def write(
        self, spans: Sequence[SpanData], logs: Sequence[LogData] = (), *, observed_unix_nano: int
    ) -> int:
        """Make records of spans and log events durable.

        Args:
            spans: ended spans; what is no record is left out.
            logs: log events.
            observed_unix_nano: when they reached us.

        Returns:
            How many records were written. They survive a crash of the machine from now on, and are at their
            destinations after the next rotation.

        Raises:
            SpoolError: the disk refused or a bound of the spool is reached. Give the same spans again: what
                was taken of them already is not taken twice.
            ConfigurationError: the spool's folder is unsafe.
        """
        batch = self._converter.convert(spans, logs, observed_unix_nano=observed_unix_nano)
        if not len(batch):
            return 0
        masked = self._masker.mask(batch)
        self._append(masked)
        if self.losses:
            self._record_losses()
        return len(batch)

    def flush(self, timeout_s: float) -> bool:
        """Seal what is pending and bring it to the destinations.

        Returns:
            False if something is still owed when the time is over. It stays durable and is shipped later.
        """
        shipper = self._shipper
        return shipper is None or shipper.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then give the slot of the spool back. Returns as :meth:`flush`."""
        if self.losses and self._slot is not None:
            self._record_losses()
        shipper, slot = self._shipper, self._slot
        complete = shipper is None or shipper.close(timeout_s)
        if slot is not None:
            slot.close()
        self._reset()
        return complete

    def _append(self, masked: MaskedBatch, *, use_reserve: bool = False) -> None:
        shipper = self._shipper or self._open(masked)
        if self._taken:
            masked = masked.without(self._taken)
        taken: list[str] = []
        try:
            for stream, part in masked.by_stream().items():
                self._writers[stream].append(part, use_reserve=use_reserve)
                taken += part.record_ids()
            for writer in self._writers.values():
                writer.sync()
        except SpoolError:
            # Whoever sees this offers the batch again. What a writer has taken it keeps and writes again by
            # itself, so it must not be numbered twice.
            self._taken |= set(taken)
            raise
        self._taken.clear()
        shipper.notice()

    def _open(self, first: MaskedBatch) -> Shipper:
        with self._opening:
            if self._shipper is not None:
                return self._shipper
            options = self._options
            named = options.service or pc.struct_field(first.records.column("service"), "name")[0].as_py()
            self._service = named or _UNNAMED_SERVICE
            slot = Slot.acquire(
                options.spool_root, self._service, SpoolOptions(max_bytes=options.spool_max_bytes)
            )
            opens = {**options.opens, "service": self._service}
            writers = {
                stream.name: slot.writer(
                    stream.name,
                    destinations=[destination_id(url) for url in stream.destinations],
                    opens=opens,
                )
                for stream in options.streams
            }
            shipper = Shipper(slot, writers, options.streams, _destinations(options))
            self._slot, self._writers, self._shipper = slot, writers, shipper
            return shipper

    def _record_losses(self) -> None:
        """Say in the log what is missing from it. What cannot be said now is said later."""
        owed = self.losses.take()
        now = time.time_ns()
        events = [loss.event(self._service) for loss in owed]
        try:
            batch = self._converter.convert((), events, observed_unix_nano=now)
            self._append(self._masker.mask(batch), use_reserve=True)
        except SpoolError:
            self.losses.owe(owed)


def _destinations(options: PipelineOptions) -> list[Destination]:
    """Every place that some stream goes to, once."""
    formats: dict[str, dict[str, EncodeOptions]] = {}
    for stream in options.streams:
        for url in stream.destinations:
            formats.setdefault(url, {})[stream.name] = stream.files
    return [Destination(url, by_stream, options.mask) for url, by_stream in formats.items()]
