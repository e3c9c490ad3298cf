"""A batch from the queue becomes work for the appender, whole or, where something in it is bad, in parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from otel_audit.errors import describe_defect
from otel_audit.sdk.appender import Work
from otel_audit.sdk.ticket import Ticket

__all__ = ["works"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


def works(
    prepare: Callable[[Sequence[Item]], Prepared], items: list[Item], tickets: list[Ticket]
) -> Iterator[Work[Prepared]]:
    """Prepare a batch.

    Args:
        prepare: raises where an item of a batch is bad; then it is asked again with halves, so that one bad
            item costs only itself.
        items: the batch.
        tickets: of those who wait for one of the items, or for all before.
    """
    parts = _parts(prepare, items)
    for number, (prepared, of) in enumerate(parts):
        is_last = number == len(parts) - 1
        mine = tickets if len(parts) == 1 else _tickets_of(of, tickets, is_last=is_last)
        yield Work(prepared, len(of), mine, "internal-error" if prepared is None and of else None)


def _parts(
    prepare: Callable[[Sequence[Item]], Prepared], items: list[Item]
) -> list[tuple[Prepared | None, list[Item]]]:
    if not items:
        return [(None, items)]
    try:
        return [(prepare(items), items)]
    except Exception as error:  # noqa: BLE001  (whatever it is, the others must have their chance)
        if len(items) == 1:
            _log.error("a defect in the audit path: %s", describe_defect(error))
            return [(None, items)]
    half = len(items) // 2
    return _parts(prepare, items[:half]) + _parts(prepare, items[half:])


def _tickets_of(items: list[Any], tickets: list[Ticket], *, is_last: bool) -> list[Ticket]:
    """Who waits for one of these items; whoever waits for all before waits for the last part."""
    among = {id(item) for item in items}
    return [ticket for ticket in tickets if (is_last if ticket.item is None else id(ticket.item) in among)]
