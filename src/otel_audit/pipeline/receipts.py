"""Receipts of the last while, so that a record which is sent again gets the same one.

Rules:

1. A receipt is on disk before its record is durable, so whoever knows the record also has its receipt.
2. Of several for one id the last counts: none is kept for a record whose id another one has.
3. Whether a record is there is not for this module to say: :class:`~otel_audit.pipeline.copies.Copies` knows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit.pipeline.options import DedupeOptions
from otel_audit.record.imprints import IMPRINT_BYTES
from otel_audit.spool import Range, Slot

__all__ = ["Receipt", "Receipts"]

_ID_BYTES: Final = IMPRINT_BYTES // 2

_MOST: Final = 100_000
"""About 40 MB. Whoever sends an older record again makes a copy with a receipt of its own, which readers fold."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sink says of a record that it has taken.

    Attributes:
        record_hash: of the record as it is stored.
        at_unix_nano: when it was taken.
        place: in the log; None where a process before this one took it.
    """

    record_hash: bytes
    at_unix_nano: int
    place: Range | None = None


class Receipts:
    """The receipts of one slot. Not thread-safe.

    Args:
        slot: where they are kept.
        options: for how long.

    Raises:
        SpoolError: the disk refused.
    """

    def __init__(self, slot: Slot, options: DedupeOptions) -> None:
        self._given: OrderedDict[bytes, tuple[bytes, Receipt]] = OrderedDict()
        self._log, given = slot.bequest.receipt_log(window_ns=int(options.window_s * 10**9))
        for one in given:
            self.give(one.imprint, Receipt(one.record_hash, one.at_unix_nano))

    def find(self, imprint: bytes) -> Receipt | None:
        """The receipt of a record; None where it is not known any more, or the last one of its id is another's."""
        found = self._given.get(imprint[:_ID_BYTES])
        return found[1] if found is not None and found[0] == imprint else None

    def note(self, receipts: Sequence[tuple[bytes, bytes]], at_unix_nano: int) -> None:
        """Keep receipts of records that are about to be appended: durable on return.

        Args:
            receipts: imprint and record hash of each.
            at_unix_nano: when they were taken.

        Raises:
            SpoolError: the disk refused.
        """
        self._log.note(list(receipts), at_unix_nano)

    def give(self, imprint: bytes, receipt: Receipt) -> None:
        """Remember the receipt of a record that is durable."""
        record_id = imprint[:_ID_BYTES]
        self._given.pop(record_id, None)
        self._given[record_id] = imprint, receipt
        if len(self._given) > _MOST:
            self._given.popitem(last=False)
