"""The write path, from top to bottom.

::

    prepare()   convert ─► mask                                                  in a caller's thread
    append()    append to the spool ─► fdatasync                                 durable; in another, if it likes
    (shipper)   seal ─► encode ─► plan ─► create the objects ─► the manifest     committed, in the shipper's thread

``append`` returns when its records are durable on the local disk. The shipper follows behind: it seals what is
large or old enough, and tries each destination for as long as it takes. Whatever a crash leaves in the spool,
the next process that opens it ships in the same way. ``docs/format.md`` numbers the steps.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from otel_audit.convert.spans import LogData, SpanData
from otel_audit.errors import SpoolError
from otel_audit.pipeline.adoption import Adopter
from otel_audit.pipeline.copies import Copies
from otel_audit.pipeline.deliveries import DeliveryStatus, status_at
from otel_audit.pipeline.destination import destination_id
from otel_audit.pipeline.destinations import destinations_of
from otel_audit.pipeline.first_stages import FirstStages
from otel_audit.pipeline.inheritance import inherited, keep
from otel_audit.pipeline.life import Life
from otel_audit.pipeline.losses import Event, Losses
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.prepared import Prepared
from otel_audit.pipeline.receipts import Receipts
from otel_audit.pipeline.shipper import Shipper
from otel_audit.pipeline.teller import Teller
from otel_audit.spool import Range, Slot, SpoolOptions, StreamWriter

_log = logging.getLogger(__name__)

_UNNAMED_SERVICE: Final = "unknown-service"

_pipelines: Final[weakref.WeakSet[Pipeline]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    for pipeline in tuple(_pipelines):
        pipeline._start_over()


os.register_at_fork(after_in_child=_start_over_in_child)


class Pipeline:
    """One write path of one process. Thread-safe; touches neither disk nor network before the first record.

    A forked child that writes takes a slot of the spool of its own.

    Args:
        options: what to write where.
        losses: records that were given up before they came here; the log says so in a gap record.

    Attributes:
        copies: knows records that come again; None before the slot is taken, and where nobody asked for it.
        receipts: those that were given for them, likewise.
        appending: held while records are appended, and by whoever asks what is known of some.
    """

    def __init__(self, options: PipelineOptions, losses: Losses | None = None) -> None:
        self._options = options
        self._first_stages = FirstStages(options)
        self.losses = losses if losses is not None else Losses()
        self._reset()
        _pipelines.add(self)

    def _start_over(self) -> None:
        """In a forked child."""
        self.losses.start_over()
        self._first_stages.start_over()
        self._reset()

    def _reset(self) -> None:
        self._opening = threading.Lock()
        self._service = self._options.service or ""
        self._slot: Slot | None = None
        self._writers: dict[str, StreamWriter] = {}
        self._shipper: Shipper | None = None
        self.copies: Copies | None = None
        self.receipts: Receipts | None = None
        self.appending = threading.RLock()
        self._life = Life(self._options)
        self._teller = Teller(
            self.losses,
            self._life,
            prepare=lambda events, at: self.prepare((), events, observed_unix_nano=at),
            append=lambda prepared: self.append(prepared, use_reserve=True),
        )

    def prepare(
        self,
        spans: Sequence[SpanData],
        logs: Sequence[LogData] = (),
        *,
        observed_unix_nano: int,
        tenant: str | None = None,
    ) -> Prepared:
        """Make masked records of spans and log events. Touches neither disk nor network, but for the registry of
        models before the first.

        Args:
            spans: ended spans, which are used up; what is no record is left out.
            logs: log events, likewise.
            observed_unix_nano: when they reached us.
            tenant: whose records they are; None for that of the options.
        """
        return Prepared(
            self._first_stages.run(spans, logs, observed_unix_nano=observed_unix_nano, tenant=tenant)
        )

    def know_models(self) -> None:
        """Go by what is known of the registries of models, before the first batch; it may take a moment."""
        self._first_stages.know_models()

    def append(self, prepared: Prepared, *, use_reserve: bool = False) -> None:
        """Make records durable: they survive a crash of the machine from now on, and are at their destinations
        after the next rotation.

        Raises:
            SpoolError: the disk refused or a bound of the spool is reached. Append the same again until it
                goes through: what was taken of it already is not taken twice.
            ConfigurationError: the spool's folder is unsafe.
        """
        # What is known of copies is for one thread at a time; where nothing is, those that wait share an fsync.
        with self.appending if self.copies is not None and not use_reserve else nullcontext():
            self._append(prepared, use_reserve=use_reserve)

    def _append(self, prepared: Prepared, *, use_reserve: bool) -> None:
        if prepared.count:
            shipper = self._shipper or self._open(prepared.service)
            copies = None if use_reserve else self.copies
            if copies is not None:
                copies.sift(prepared)
            prepared.append_to(self._writers, use_reserve=use_reserve)
            if copies is not None:
                copies.note(prepared)
            for writer in self._writers.values():
                writer.sync()
            prepared.became_durable()
            if copies is not None:
                copies.know(prepared)
                self.losses.owe(prepared.events)
            shipper.notice()
            if not use_reserve and self._slot is not None:
                self.losses.owe(self._life.wrote(prepared.records, self._slot))
        if not use_reserve:
            self._tell()

    def write(
        self, spans: Sequence[SpanData], logs: Sequence[LogData] = (), *, observed_unix_nano: int
    ) -> int:
        """:meth:`prepare` and :meth:`append` in one. Returns how many records were made durable."""
        prepared = self.prepare(spans, logs, observed_unix_nano=observed_unix_nano)
        self.append(prepared)
        return prepared.count

    def open(self) -> None:
        """Take a slot with nothing to write: what a dead process left in it is shipped, and its losses are told.

        Raises:
            SpoolError: as :meth:`append`.
            ConfigurationError: likewise.
        """
        self._open(None)
        self._tell()

    def flush(self, timeout_s: float) -> bool:
        """Seal what is pending and bring it to the destinations.

        Returns:
            False if something is still owed when the time is over. It stays durable and is shipped later.
        """
        shipper = self._shipper
        return shipper is None or shipper.flush(timeout_s)

    def finish(self, timeout_s: float) -> bool:
        """:meth:`flush`, after the last record that this process is expected to write: the log says so.

        Whatever is written later is taken all the same, and the log says it again.
        """
        self._record_end()
        return self.flush(timeout_s)

    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Destinations that do not take records now, each with its cause."""
        shipper = self._shipper
        return () if shipper is None else shipper.troubles()

    @property
    def tenant(self) -> str:
        """Whose records are written, unless a sender says otherwise."""
        return self._options.convert.tenant

    def tell(self, event: Event) -> None:
        """Have the log tell of something: at once if it can, else with what is appended next."""
        self.losses.owe([event])
        self._tell()

    def deliveries(self, place: Range | None) -> dict[str, DeliveryStatus]:
        """How far a record is at each destination of its stream, by the id of the destination.

        Args:
            place: of the record; None where it is not known any more: then nothing may wait for a destination that
                is said to have it.
        """
        slot, troubles = self._slot, dict(self.troubles())
        if slot is None:
            return {}
        platform = next(stream for stream in self._options.streams if stream.name == "platform")
        return {
            destination_id(url): status_at(slot, destination_id(url), place, is_away=url in troubles)
            for url in platform.destinations
        }

    def spool_bytes(self) -> int:
        """What the slot uses of its disk."""
        slot = self._slot
        return 0 if slot is None else slot.usage().used_bytes

    def close(self, timeout_s: float) -> bool:
        """Flush, then give the slot of the spool back. Returns as :meth:`flush`."""
        deadline_s = time.monotonic() + timeout_s
        self._record_end()
        self.flush(timeout_s)
        # What came up meanwhile: a record that was refused, a writer that was cloned.
        self._tell()
        self._first_stages.close()
        shipper, slot = self._shipper, self._slot
        complete = shipper is None or shipper.close(max(0.0, deadline_s - time.monotonic()))
        if slot is not None:
            keep(self.losses, slot, at_once=True)
            try:
                slot.close()
            except SpoolError as error:
                # The slot is left all the same; whoever opens it next tells of an end that was not orderly.
                _log.error("the spool could not be left in order: %s", error)
                complete = False
        self._reset()
        return complete

    def _open(self, service: str | None) -> Shipper:
        with self._opening:
            if self._shipper is not None:
                return self._shipper
            options = self._options
            self._service = options.service or service or _UNNAMED_SERVICE
            slot = Slot.acquire(
                options.spool_root, self._service, SpoolOptions(max_bytes=options.spool_max_bytes)
            )
            slot.bequest.keep_policy(options.mask.fingerprint, options.mask.content)
            opens = {**options.opens, "service": self._service}
            writers = {
                stream.name: slot.writer(
                    stream.name,
                    destinations=[destination_id(url) for url in stream.destinations],
                    opens=opens,
                )
                for stream in options.streams
            }
            if options.dedupe is not None:
                self.copies = Copies(slot, options.dedupe)
                self.receipts = Receipts(slot, options.dedupe)
            self.losses.owe(inherited(slot))
            shipper = Shipper(
                slot,
                writers,
                options.streams,
                destinations_of(options, self.losses),
                losses=self.losses,
                opens=opens,
                options=options.shipping,
                adopter=Adopter(
                    slot, lambda: destinations_of(options, self.losses), losses=self.losses, opens=opens
                ),
                tell=self._tell,
            )
            self._slot, self._writers, self._shipper = slot, writers, shipper
            return shipper

    def _record_end(self) -> None:
        """Say in the log that it is left in order, and what is missing from it."""
        if self._slot is not None:
            self.losses.owe(self._life.stop(sum(self.losses.total.values())))
            self._tell()

    def _tell(self) -> None:
        """Say in the log what is owed to it, if it has begun."""
        slot = self._slot
        if slot is not None and self.losses:
            self._teller.tell(slot, self._service)
