"""One pipeline and one queue per process and configuration, whatever doors are open.

A processor, an exporter and ``install()`` with the same settings share a :class:`Recorder`, and a span that one
of them has taken carries that recorder's mark, so that the others leave it alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.config import Settings
from otel_audit.config.build import pipeline_options
from otel_audit.errors import ConfigurationError, StoreError
from otel_audit.pipeline.losses import Losses
from otel_audit.sdk.queue import QueueOptions, SpanQueue

if TYPE_CHECKING:
    from otel_audit.pipeline.options import PipelineOptions
    from otel_audit.pipeline.path import Pipeline

CLOSE_TIMEOUT_S: Final = 10.0
"""How long an ending process may take to hand on what waits; the rest stays in the spool."""

_MARK: Final = "_otel_audit_recorders"


class Recorder:
    """Spans of this process on their way to one log. Use :func:`acquire`, never the constructor."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.users = 0
        self._is_shared = False
        self._options = pipeline_options(settings)
        if settings.log.preflight:
            _try_destinations(self._options)
        self._pipeline: Pipeline | None = None
        self._losses = Losses()
        waits = settings.log.delivery == "blocking"
        self._queue: SpanQueue[ReadableSpan] = SpanQueue(
            self._write,
            self._losses.add,
            QueueOptions(
                max_records=settings.log.queue_max_records,
                wait_budget_s=5.0 if waits else 0.0,
                wait_budget_loop_s=0.05 if waits else 0.0,
            ),
        )
        self._put = self._queue.put

    def record(self, span: ReadableSpan) -> None:
        """Take one ended span, unless a door with the same settings has it already. Never raises."""
        try:
            if self._is_shared and not self._mark(span):
                return
            self._put(span)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self._losses.add("internal-error", 1)

    def _mark(self, span: ReadableSpan) -> bool:
        """Mark a span as ours. Returns False if another door has done so."""
        marks = span.__dict__
        taken = marks.get(_MARK, frozenset())
        if self in taken:
            return False
        marks[_MARK] = taken | {self}
        return True

    def record_all(self, spans: Iterable[ReadableSpan]) -> None:
        """Take spans that come as a batch."""
        for span in spans:
            self.record(span)

    def flush(self, timeout_s: float) -> bool:
        """Make everything recorded before durable, and written at the destinations if they can be reached.

        Returns:
            False if the time ran out; what is durable in the spool is written later by itself.
        """
        deadline = time.monotonic() + timeout_s
        if not self._queue.flush(timeout_s):
            return False
        return self._pipeline is None or self._pipeline.flush(max(0.0, deadline - time.monotonic()))

    def close(self, timeout_s: float) -> bool:
        """Flush, then refuse what comes."""
        deadline = time.monotonic() + timeout_s
        complete = self._queue.close(timeout_s)
        if self._pipeline is None:
            return complete
        return self._pipeline.close(max(0.5, deadline - time.monotonic())) and complete

    def _write(self, spans: Sequence[ReadableSpan]) -> None:
        # Arrow, RE2 and the rest of the path are loaded here, on our thread, at the first span: an application
        # that starts must not pay for them.
        from otel_audit.convert.from_sdk import read_spans  # noqa: PLC0415
        from otel_audit.pipeline.path import Pipeline  # noqa: PLC0415

        if self._pipeline is None:
            self._pipeline = Pipeline(self._options, self._losses)
        self._pipeline.write(read_spans(spans), observed_unix_nano=time.time_ns())


def _try_destinations(options: PipelineOptions) -> None:
    """Create a probe at every destination; this loads the stores' clients, which is why it must be asked for."""
    from otel_audit.store.open import open_store  # noqa: PLC0415
    from otel_audit.store.probing import try_create  # noqa: PLC0415

    for url in dict.fromkeys(url for stream in options.streams for url in stream.destinations):
        with closing(open_store(url)) as store:
            try:
                try_create(store)
            except StoreError as error:
                raise ConfigurationError(
                    f"the destination {store.url} does not take records: {error.cause}"
                ) from error


_shared: dict[Settings, Recorder] = {}
_lock = threading.Lock()


def acquire(settings: Settings) -> Recorder:
    """The process's recorder for these settings. Each call is answered by one :func:`release`."""
    with _lock:
        recorder = _shared.get(settings)
        if recorder is None:
            recorder = _shared[settings] = Recorder(settings)
        recorder.users += 1
        # Marks cost as much as the rest of the hand-over; with one door there is nobody to tell.
        recorder._is_shared = recorder.users > 1
        return recorder


def release(recorder: Recorder, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
    """Give a recorder back; the last one to do so closes it. Returns False if something is left in the spool."""
    with _lock:
        recorder.users -= 1
        if recorder.users > 0:
            return True
        _shared.pop(recorder.settings, None)
    return recorder.close(timeout_s)
