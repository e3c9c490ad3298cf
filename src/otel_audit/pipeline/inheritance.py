"""Losses that one holder of a slot could not tell the log, handed to the next."""

from __future__ import annotations

import logging
from typing import Final

from otel_audit import spool
from otel_audit.errors import SpoolError
from otel_audit.pipeline.losses import Loss, Losses
from otel_audit.pipeline.saying import Saying
from otel_audit.spool import Slot

_saying: Final = Saying(logging.getLogger(__name__))


def inherited(slot: Slot) -> list[Loss]:
    """What earlier holders of a slot could not tell the log."""
    return [
        Loss(loss.cause, loss.count, loss.from_unix_nano, loss.to_unix_nano, loss.destination)
        for loss in slot.bequest.losses
    ]


def keep(losses: Losses, slot: Slot, *, at_once: bool = False) -> bool:
    """Note in the slot what is owed to the log, in case this process ends before it can write that.

    Args:
        losses: what is owed.
        slot: whose ledger keeps it.
        at_once: else what is new is written at most once a second. What is owed no more goes at once.

    Returns:
        False if the disk refused.
    """
    owed = [
        spool.Loss(loss.cause, loss.count, loss.from_unix_nano, loss.to_unix_nano, loss.destination)
        for loss in losses.owed()
    ]
    try:
        slot.bequest.note_losses(owed, at_once=at_once or not owed)
    except SpoolError as error:
        _saying.error("losses of %s stay counted in memory alone: %s", str(slot.path), error)
        return False
    return True
