"""What the holder of a slot leaves to the next one besides records: what is lost and not told of, masking policies,
settings, which records it has taken and which receipts it has given."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.spool.explain import explain
from otel_audit.spool.ledger import Ledger
from otel_audit.spool.plan import Loss
from otel_audit.spool.policies import Policies
from otel_audit.spool.premises import SETTINGS, Premises
from otel_audit.spool.receipt_log import Receipted, ReceiptLog
from otel_audit.spool.seen_log import Seen, SeenLog
from otel_audit.spool.writer_state import WriterState

__all__ = ["Bequest"]


class Bequest:
    """See :attr:`otel_audit.spool.slot.Slot.bequest`.

    Args:
        premises: the slot.
        ledger: how its last holder left it, and what is lost.
        states: what is known of its writers, oldest first.
    """

    def __init__(self, premises: Premises, ledger: Ledger, states: Sequence[WriterState]) -> None:
        self._premises, self._ledger, self._states = premises, ledger, states
        self._policies = Policies(premises)
        self._seen_log: SeenLog | None = None
        self._receipt_log: ReceiptLog | None = None

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What is lost and in no gap record yet: after the slot was taken, what earlier holders left to tell."""
        return self._ledger.losses

    def note_losses(self, losses: Sequence[Loss], *, at_once: bool = False) -> None:
        """Keep losses for the next holder of the slot, in case this one cannot tell the log of them.

        Args:
            losses: everything that is lost and in no gap record, those of :attr:`losses` included; none once
                the gap records are durable.
            at_once: else what is new is written at most once a second.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        with explain("write its ledger"):
            self._ledger.note_losses(losses, at_once=at_once)

    def keep_policy(self, fingerprint: str, content: bytes) -> None:
        """Keep the masking policy of records that are about to be appended: durable on return.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        with explain("keep a masking policy"):
            self._policies.keep(fingerprint, content)

    def policy(self, fingerprint: str) -> bytes | None:
        """A masking policy that was kept in this slot; None if it was not. Raises SpoolError."""
        with explain("read a masking policy"):
            return self._policies.read(fingerprint)

    def remembered(self) -> bytes | None:
        """What a holder of this slot left for the next with :meth:`remember`; None if none did.

        Raises:
            SpoolError: the disk refused.
        """
        with explain("read what its last holder left"):
            try:
                return self._premises.files.read(self._premises.path / SETTINGS)
            except FileNotFoundError:
                return None

    def remember(self, content: bytes) -> None:
        """Leave something for the next holder of this slot, in place of what was there: durable on return.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        with explain("note its settings"):
            self._premises.files.replace(self._premises.path / SETTINGS, content)

    def seen_log(self, *, window_ns: int, max_entries: int) -> tuple[SeenLog, list[Seen]]:
        """Remember which records are taken, before the first of them is appended.

        Args:
            window_ns: for how long at least, nanoseconds.
            max_entries: how many at least, within that.

        Returns:
            Where they are noted, and those that holders of this slot have taken, oldest first.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        if self._seen_log is not None:
            self._seen_log.abandon()
        self._seen_log = SeenLog(self._premises, window_ns=window_ns, max_entries=max_entries)
        with explain("take up which records it has seen"):
            return self._seen_log, self._seen_log.take_up(self._states)

    def receipt_log(self, *, window_ns: int) -> tuple[ReceiptLog, list[Receipted]]:
        """Keep which receipts are given.

        Args:
            window_ns: for how long at least, nanoseconds.

        Returns:
            Where they are kept, and those that holders of this slot have given, oldest first.

        Raises:
            SpoolError: the disk refused.
        """
        self._premises.check_held()
        self._receipt_log = ReceiptLog(self._premises, window_ns=window_ns)
        with explain("take up which receipts it has given"):
            return self._receipt_log, self._receipt_log.load()

    def leave(self) -> None:
        """Close every descriptor. Takes no lock: this also runs in forked children."""
        for log in (self._seen_log, self._receipt_log):
            if log is not None:
                log.abandon()
