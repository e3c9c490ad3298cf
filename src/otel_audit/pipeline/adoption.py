"""Slots that dead processes left: an idle process ships what waits there, and leaves them.

Without it they would wait until as many processes run at a time as then did.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otel_audit import threads
from otel_audit.errors import AuditError, StoreError, describe_defect
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.inheritance import inherited, keep
from otel_audit.pipeline.losses import Losses
from otel_audit.spool import Slot

_log = logging.getLogger(__name__)


class Adopter:
    """Ships higher slots that nobody holds, in a thread that lives as long as that takes.

    Args:
        slot: the process's own.
        destinations: makes those that are shipped to; they are closed afterwards.
        losses: takes over what the dead ones could not tell.
        opens: what the first manifest of a writer says of its opening.
    """

    def __init__(
        self,
        slot: Slot,
        destinations: Callable[[], Sequence[Destination]],
        *,
        losses: Losses,
        opens: Mapping[str, Any],
    ) -> None:
        self._slot, self._destinations = slot, destinations
        self._losses, self._opens = losses, opens
        self._thread: threading.Thread | None = None
        self._open: Sequence[Destination] = ()
        self._closing = False

    def look(self) -> None:
        """Start, if there are higher slots. Does not wait."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._closing or is_busy or not self._slot.has_higher:
            return
        # Where none can be started the process ends, and the next one looks.
        self._thread = threads.start(self._run, "otel-audit-adopter")

    def close(self, timeout_s: float) -> None:
        """End; a call under way is cut off, and what is left waits for the next process."""
        self._closing = True
        for destination in self._open:
            destination.close()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            number = self._slot.number
            while not self._closing and (left := self._slot.acquire_left(above=number)) is not None:
                # Once each: what is owed to destinations of other settings waits for a process that has them.
                number = left.number
                with left:
                    if not self._ship(left):
                        return
        except Exception as error:  # noqa: BLE001  (a defect must not end in a thread's traceback: it may hold values)
            why = str(error) if isinstance(error, AuditError) else f"a defect ({describe_defect(error)})"
            _log.error("what a process left in the spool waits: %s", why)
        finally:
            for destination in self._open:
                destination.close()
            self._open = ()

    def _ship(self, slot: Slot) -> bool:
        """Ship all that a slot holds. Returns False if some of it has to wait for the next look."""
        self._take_over_losses(slot)
        slot.moves.redeem(self._opens)
        self._open = self._open or self._destinations()
        answers = [self._ship_to(destination, slot) for destination in self._open]
        return all(answers)

    def _take_over_losses(self, slot: Slot) -> None:
        """Owe what the dead process could not tell, and forget it there once it is kept here."""
        losses = inherited(slot)
        if losses:
            self._losses.owe(losses)
            if keep(self._losses, self._slot, at_once=True):
                slot.bequest.note_losses((), at_once=True)

    def _ship_to(self, destination: Destination, slot: Slot) -> bool:
        if self._closing:
            return False
        try:
            # Again: a chain is closed once all that its writer numbered is committed.
            for _ in range(3):
                self._losses.owe(destination.clones.settle(slot, self._opens))
                destination.encode(slot)
                destination.commit(slot)
        except StoreError as error:
            _log.info("what a process left in the spool waits for %s: %s", destination.url, error)
            return False
        return True
