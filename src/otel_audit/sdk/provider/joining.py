"""One receipt out of those of several sinks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from otel_audit.sdk.audit_logger import AuditReceipt

__all__ = ["first_of"]


def first_of(receipts: Sequence[Future[AuditReceipt]]) -> Future[AuditReceipt]:
    """The first receipt, once all are there; the first error, if there is one."""
    if len(receipts) == 1:
        return receipts[0]
    whole: Future[AuditReceipt] = Future()
    lock, left = threading.Lock(), list(receipts)

    def look(one: Future[AuditReceipt]) -> None:
        with lock:
            left.remove(one)
            if whole.done():
                return
            if (error := one.exception()) is not None:
                whole.set_exception(error)
            elif not left:
                whole.set_result(receipts[0].result())

    for receipt in receipts:
        receipt.add_done_callback(look)
    return whole
