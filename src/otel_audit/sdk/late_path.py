"""The path to the log, loaded and built with the first batch: an application that starts must not pay for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.convert.spans import LogData
from otel_audit.errors import describe_defect
from otel_audit.forks import importing
from otel_audit.pipeline.losses import UNCLEAN_END, Loss, Losses
from otel_audit.sdk.capture import active
from otel_audit.sdk.log_events import logs_of
from otel_audit.sdk.presence import Presence
from otel_audit.sdk.rests import Rest, forget_bodies, read_rests

if TYPE_CHECKING:
    from otel_audit.pipeline.options import PipelineOptions
    from otel_audit.pipeline.path import Pipeline
    from otel_audit.pipeline.prepared import Prepared

_log = logging.getLogger(__name__)


class LatePath:
    """Prepares and appends for a queue, on its threads.

    Args:
        options: of the pipeline.
        losses: told by the pipeline, and to it.
        presence: the sign of this process beside its spool.
        has_bodies: whether spans may come with captured bodies, and these after them.
    """

    def __init__(
        self, options: PipelineOptions, losses: Losses, presence: Presence, *, has_bodies: bool
    ) -> None:
        self._options, self._losses, self._presence, self._has_bodies = options, losses, presence, has_bodies
        self._pipeline: Pipeline | None = None
        self._receipts: dict[str, tuple[bytes, int] | None] = {}

    def prepare(self, items: Sequence[ReadableSpan | LogData | Rest]) -> Prepared:
        """Make a batch ready to be appended."""
        if self._pipeline is not None:
            return self._prepare_by(self._pipeline, items)
        with importing():
            # Arrow, RE2 and the rest of the path are loaded here, on our thread, at the first span. Some of
            # them load more when they are first used.
            from otel_audit.pipeline.path import Pipeline  # noqa: PLC0415

            pipeline = Pipeline(self._options, self._losses)
            self._losses.owe([Loss(UNCLEAN_END, None, *when) for when in self._presence.left_by_the_dead()])
        # Not under the lock: a thread that reads the registry of models loads the client of its store.
        pipeline.know_models()
        with importing():
            prepared = self._prepare_by(pipeline, items)
        self._pipeline = pipeline
        return prepared

    def append(self, prepared: Prepared) -> None:
        """Make a prepared batch durable; raises what the pipeline raises when it must be offered again."""
        pipeline = self._pipeline
        assert pipeline is not None  # noqa: S101  it prepared this
        pipeline.append(prepared)
        if prepared.count:
            self._presence.take_down()
        if self._receipts:
            for record_id, record_hash in prepared.record_hashes().items():
                if record_id in self._receipts:
                    self._receipts[record_id] = (record_hash, prepared.durable_unix_nano)

    def expect(self, record_id: str) -> None:
        """Keep the receipt of a record that is to come."""
        self._receipts[record_id] = None

    def receipt(self, record_id: str) -> tuple[bytes, int] | None:
        """The hash of an expected record and the time it was durable, if it is."""
        return self._receipts[record_id]

    def expect_no_more(self, record_id: str) -> None:
        self._receipts.pop(record_id, None)

    def flush(self, timeout_s: float) -> bool:
        """Bring what is in the spool to the destinations. Returns False if not all is there in time."""
        return self._quietly("flush", timeout_s)

    def finish(self, timeout_s: float) -> bool:
        """:meth:`flush`, and the log says that it is left in order."""
        return self._quietly("finish", timeout_s)

    def close(self, timeout_s: float) -> bool:
        """:meth:`finish` for good."""
        return self._quietly("close", max(0.5, timeout_s))

    def troubles(self) -> tuple[Any, ...]:
        """Of destinations."""
        return () if self._pipeline is None else self._pipeline.troubles()

    def spool_bytes(self) -> int:
        """Bytes of the spool that this process uses; 0 before its first record."""
        return 0 if self._pipeline is None else self._pipeline.spool_bytes()

    def _quietly(self, step: str, timeout_s: float) -> bool:
        """A step that the application asked for: a defect in it is said, and never raised there."""
        if self._pipeline is None:
            return True
        take: Callable[[float], bool] = getattr(self._pipeline, step)
        try:
            return take(max(0.0, timeout_s))
        except Exception as error:  # noqa: BLE001  (nothing of ours reaches the application)
            _log.error("a defect in the audit path: %s", describe_defect(error))
            return False

    def _prepare_by(self, pipeline: Pipeline, items: Sequence[ReadableSpan | LogData | Rest]) -> Prepared:
        from otel_audit.convert.from_sdk import read_spans  # noqa: PLC0415

        events = [item for item in items if isinstance(item, LogData)]
        rests = [item for item in items if isinstance(item, Rest)] if self._has_bodies else []
        spans: Any = items
        if events or rests:
            spans = [item for item in items if not isinstance(item, LogData | Rest)]
        events += logs_of(spans)
        read = read_spans(spans)
        if rests:
            read += read_rests(rests)
        prepared = pipeline.prepare(read, events, observed_unix_nano=time.time_ns())
        if self._has_bodies and active.is_sole():
            forget_bodies(spans)
        return prepared
