"""Audit records on their way into the spool, each with a receipt.

Rules (the draft's ``sdk.md``, "OTLP transport requirements"; ``collector.md``):

1. A request is taken whole or not at all.
2. The same id with the same content gets the same receipt, and makes no second record; with other content the
   request is refused, and the log tells of it.
3. A receipt is given when its record is durable in the spool.
4. Requests are taken in the order in which they came, by one thread. Those of one sender that wait at the same time
   go on together, unless one of them was seen before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit import threads
from otel_audit.convert.spans import Attributes
from otel_audit.errors import InputError, SpoolError, TooLarge, describe_defect
from otel_audit.pipeline.cloning import CONFLICT_EVENT
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.receipts import Receipt
from otel_audit.pipeline.saying import Saying
from otel_audit.receive.acknowledger import Acknowledger
from otel_audit.receive.answers import DEFECT, TAKEN, Answer, Verdict
from otel_audit.receive.audit_answers import AuditRefused, Receipted, acknowledge, refuse
from otel_audit.receive.audit_batch import AuditBatch
from otel_audit.receive.audit_request import AuditItem, read_audit
from otel_audit.receive.chains import BREAK_EVENT, Chains, SecurityEvent
from otel_audit.receive.delivery import Batch, Delivery
from otel_audit.receive.options import ReceiveOptions

__all__ = ["AuditSink"]

_log = logging.getLogger(__name__)

_GONE: Final = Answer(Verdict.GONE, "nobody waits for the answer any more")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A request that may be taken.

    Attributes:
        delivery: it, and whoever waits.
        items: its records.
    """

    delivery: Delivery
    items: list[AuditItem]


class AuditSink:
    """Brings requests of the audit signal into a pipeline that knows copies. Its thread starts with :meth:`start`.

    Args:
        pipeline: open.
        options: bounds, and what judges proofs.

    Attributes:
        breaks: records that broke the chain of their stream.
        conflicts: requests that were refused since a record has the id of another.
    """

    def __init__(self, pipeline: Pipeline, options: ReceiveOptions) -> None:
        self._pipeline, self._options = pipeline, options
        self._acknowledger = Acknowledger(pipeline, options)
        self._chains = Chains()
        self._saying = Saying(_log)
        self._state = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self.breaks = self.conflicts = 0

    @property
    def trouble(self) -> str | None:
        """Why a batch could not be made durable a moment ago; ``None`` while all is well."""
        return self._acknowledger.trouble

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the system has none left.
        """
        self._thread = threads.start(self._run, "otel-audit-signal")
        if self._thread is None:
            raise RuntimeError("no thread can be started")

    def take(self, delivery: Delivery) -> None:
        """Take a request, which is answered later."""
        with self._state:
            is_closing, is_stuck = self._is_closing, self._acknowledger.is_stuck
            if not is_closing and not is_stuck:
                self._waiting.append(delivery)
                self._state.notify()
                return
        if is_stuck and not is_closing:
            delivery.settle(self._acknowledger.not_durable)
            return
        stopping = "the sink is stopping; send this request again"
        delivery.settle(Answer(Verdict.STOPPING, stopping, self._options.retry_overload_s))

    def close(self, timeout_s: float) -> bool:
        """Take nothing more; answer what waits. Returns False if the time ran out."""
        with self._state:
            self._is_closing = True
            self._state.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        self._acknowledger.abandon()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while deliveries := self._gather():
            self._bring(deliveries)

    def _gather(self) -> list[Delivery]:
        """Requests of one sender that wait; none at the end."""
        with self._state:
            self._state.wait_for(lambda: self._waiting or self._is_closing)
            together: list[Delivery] = []
            while self._waiting and len(together) < self._options.max_batch_items:
                if together and self._waiting[0].request.sender != together[0].request.sender:
                    break
                together.append(self._waiting.popleft())
            return together

    def _bring(self, deliveries: Sequence[Delivery]) -> None:
        """Bring requests to their answers. Whatever one of them does, the next has its chance."""
        judged = [one for delivery in deliveries if (one := self._judge(delivery)) is not None]
        if not judged:
            return
        try:
            done = self._take_together(judged)
        except Exception as error:  # noqa: BLE001  (whatever it is: nothing of it was appended)
            self._saying.error(
                "%s: a defect in the audit path: %s", "received audit records", describe_defect(error)
            )
            done = False
            if len(judged) == 1:
                judged[0].delivery.settle(DEFECT)
                return
        if not done:
            # Records are used up by conversion, so each request is read again.
            for one in judged:
                self._bring([one.delivery])

    def _judge(self, delivery: Delivery) -> _Judged | None:
        if delivery.is_abandoned():
            delivery.settle(_GONE)
            return None
        try:
            return _Judged(delivery, read_audit(delivery.request, self._options))
        except AuditRefused as refused:
            if refused.answer.verdict is Verdict.CONFLICT:
                self._tell_conflict(delivery, refused.record_id)
            delivery.settle(refused.answer)
        except TooLarge as error:
            delivery.settle(Answer(Verdict.TOO_LARGE, str(error)))
        except InputError as error:
            delivery.settle(Answer(Verdict.MALFORMED, str(error)))
        except Exception as error:  # noqa: BLE001  (likewise)
            self._saying.error(
                "%s: a defect in the audit path: %s", "a received audit record", describe_defect(error)
            )
            delivery.settle(DEFECT)
        return None

    def _take_together(self, judged: Sequence[_Judged]) -> bool:
        """Take requests at once. Returns False if each has to go by itself, since one of them was seen before."""
        items = [item for one in judged for item in one.items]
        if len({item.key for item in items}) < len(items):
            return False
        request = judged[0].delivery.request
        batch = AuditBatch(self._pipeline, items, request.sender.tenant or self._pipeline.tenant)
        if batch.is_known and len(judged) > 1:
            return False
        if batch.differing:
            refused = refuse(
                "rejected_conflict",
                "another record has this audit.record.id",
                batch.differing[0],
                verdict=Verdict.CONFLICT,
            )
            self._tell_conflict(judged[0].delivery, refused.record_id)
            judged[0].delivery.settle(refused.answer)
            return True
        try:
            batch.keep()
        except SpoolError:
            for one in judged:
                one.delivery.settle(self._acknowledger.not_durable)
            return True
        whole = Delivery(request, lambda answer: self._answer(judged, batch, answer))
        if batch.new_ids:
            self._acknowledger.acknowledge(Batch([whole], batch.prepared))
        else:
            whole.settle(TAKEN)
        return True

    def _answer(self, judged: Sequence[_Judged], batch: AuditBatch, answer: Answer) -> None:
        if answer.verdict is not Verdict.TAKEN:
            for one in judged:
                one.delivery.settle(answer)
            return
        new, receipts = batch.new_ids, batch.receipts()
        answers = []
        for one in judged:
            told = []
            for item in one.items:
                receipt = receipts[item.given_id]
                warning = self._follow(one.delivery, item, receipt) if item.given_id in new else ""
                far = self._pipeline.deliveries(receipt.place)
                told.append(Receipted(item.given_id, receipt, item.verify_status, far, warning))
            answers.append(acknowledge(told))
        # Each once: when there is an answer for all of them.
        for one, whole in zip(judged, answers, strict=True):
            one.delivery.settle(whole)

    def _follow(self, delivery: Delivery, item: AuditItem, receipt: Receipt) -> str:
        """Whether a new record follows the one before it in its chain; if not, what its sender is told."""
        wrong = "" if item.link is None else self._chains.follow(item.link, receipt.record_hash)
        if not wrong:
            return ""
        self.breaks += 1
        _log.warning("a received audit record breaks the hash chain of its stream: %s", wrong)
        self._tell(delivery, BREAK_EVENT, "DETECT", {"audit.sequence.break.reason": wrong}, item.given_id)
        return f"the hash chain is broken: {wrong}"

    def _tell_conflict(self, delivery: Delivery, given_id: str) -> None:
        self.conflicts += 1
        _log.warning("a received audit record has the id of another one, and was refused")
        self._tell(delivery, CONFLICT_EVENT, "REFUSE", {"audit.conflict.kind": "record"}, given_id)

    def _tell(self, delivery: Delivery, name: str, action: str, said: Attributes, given_id: str) -> None:
        """Have the log tell of it, now if it can, else as soon as it can."""
        told: Attributes = {"audit.target.type": "audit_record", "audit.target.id": given_id, **said}
        address = delivery.request.sender.address
        self._pipeline.tell(SecurityEvent(name, action, time.time_ns(), address, told))
