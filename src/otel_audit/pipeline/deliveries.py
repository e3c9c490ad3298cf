"""How far a record is on its way to one destination, in the words of the draft audit signal."""

from __future__ import annotations

from typing import Literal, TypeAlias

from otel_audit.spool import Range, Slot

__all__ = ["DeliveryStatus", "status_at"]

DeliveryStatus: TypeAlias = Literal["success", "retrying", "queued"]
"""The draft has no word for what was not tried yet: ``queued`` is ours."""


def status_at(slot: Slot, destination: str, place: Range | None, *, is_away: bool) -> DeliveryStatus:
    """Looks at the outbox of a destination.

    Args:
        slot: that the record was appended to.
        destination: its id.
        place: of the record; None where that is not known.
        is_away: whether the destination takes nothing now.
    """
    if place is None:
        backlog = slot.backlog().get(destination)
        is_there = (
            backlog is not None and not backlog.segments and not backlog.commits and not slot.has_pending
        )
    else:
        committed = slot.outbox(destination).committed_sequence(place.writer)
        is_there = committed is None or committed >= place.last
    if is_there:
        return "success"
    return "retrying" if is_away else "queued"
