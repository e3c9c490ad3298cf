"""Makes batches durable, one after another, and says so to whoever waits for them."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from otel_audit.errors import AuditError, describe_defect
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.saying import Saying
from otel_audit.receive.answers import DEFECT, TAKEN, Answer, Verdict
from otel_audit.receive.delivery import Batch
from otel_audit.receive.options import ReceiveOptions

__all__ = ["Acknowledger"]

_log = logging.getLogger(__name__)

_RETRY_S: Final = 0.5
"""Pause before the rest of a batch is offered again that the spool took a part of."""

_DEFECT_TRIES: Final = 3
"""A defect that trying again does not mend must not hold up everybody for ever."""

_TROUBLE_S: Final = 10.0
"""How long a refusal of the spool is held against it. Who asks before sending would else never find it mended."""


class Acknowledger:
    """Appends batches in the thread that brings them. The properties are for any thread.

    Args:
        pipeline: open.
        options: bounds.

    Attributes:
        not_durable: what a sender is told whose request the spool does not take.
    """

    def __init__(self, pipeline: Pipeline, options: ReceiveOptions) -> None:
        self._pipeline, self._options = pipeline, options
        self._saying = Saying(_log)
        self._abandoned = threading.Event()
        self._trouble: str | None = None
        self._trouble_since_s = 0.0
        self._is_stuck = False
        self.not_durable = Answer(
            Verdict.NOT_DURABLE,
            "the spool takes no records now; send this request again",
            options.retry_spool_s,
        )

    @property
    def trouble(self) -> str | None:
        """Why a batch could not be made durable a moment ago; ``None`` while all is well."""
        return self._trouble if time.monotonic() < self._trouble_since_s + _TROUBLE_S else None

    @property
    def is_stuck(self) -> bool:
        """Whether a batch of which the spool has taken a part holds up everything, so that nothing can be taken."""
        return self._is_stuck

    def abandon(self) -> None:
        """There is no time left: what is not durable is answered so."""
        self._abandoned.set()

    def acknowledge(self, batch: Batch) -> None:
        """Offer a batch until it is durable or refused whole, and answer its senders.

        What the spool has taken a part of is offered until it takes the rest. Whoever waits for that longer than
        ``durable_timeout_s`` is told to send it again: the copies have the same record ids.
        """
        told_at, defects = time.monotonic() + self._options.durable_timeout_s, 0
        while True:
            try:
                self._pipeline.append(batch.prepared)
            except AuditError as error:
                answer = self._refused(str(error))
            except Exception as error:  # noqa: BLE001  (whatever it is, the next batch must have its chance)
                defects += 1
                answer = self._refused(describe_defect(error))
                if batch.prepared.is_untouched:
                    answer = DEFECT
            else:
                self._trouble, self._is_stuck = None, False
                batch.settle(TAKEN)
                return
            if batch.prepared.is_untouched or defects == _DEFECT_TRIES or self._abandoned.is_set():
                self._is_stuck = False
                batch.settle(answer)
                return
            if time.monotonic() >= told_at:
                self._is_stuck = True
                batch.settle(answer)
            self._abandoned.wait(_RETRY_S)

    def _refused(self, cause: str) -> Answer:
        self._trouble, self._trouble_since_s = cause, time.monotonic()
        self._saying.error("%s: received records are not durable: %s", "the spool", cause)
        return self.not_durable
