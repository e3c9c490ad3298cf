"""What is planned for a destination beside records: signs of life, and that some are given up."""

from __future__ import annotations

import time
from typing import Final

from otel_audit.spool.explain import explain
from otel_audit.spool.outbox import Outbox

__all__ = ["give_up_oldest", "plan_heartbeats"]

LOSS_OUTBOX_FULL: Final = "outbox-full"
"""Cause of a loss: more waits for a destination than may."""


def plan_heartbeats(outbox: Outbox, idle_s: float) -> None:
    """Plan a commit without records for each writer of which nothing was heard for some time, so that readers can
    tell one that is idle from one that is gone. For the thread that drafts.

    Args:
        outbox: of one destination.
        idle_s: seconds since a writer's last commit there.

    Raises:
        SpoolError: the disk refused.
    """
    for state in tuple(outbox.states):
        chain = outbox.chains.get(str(state.name))
        if chain is None or state.closed_at is not None or chain.is_abandoned or chain.pending:
            continue
        has_drafts = any(segment.last_sequence > chain.planned_sequence for segment in tuple(state.segments))
        if chain.planned_commit and not has_drafts and time.monotonic() - chain.moved_s >= idle_s:
            with explain("plan a heartbeat"):
                folder = chain.make_folder()
            outbox.plan(chain, state, folder, kind="heartbeat", last_sequence=chain.planned_sequence)


def give_up_oldest(outbox: Outbox, stream: str, max_bytes: int) -> int:
    """Give up the oldest commits of a stream until what waits for a destination fits a bound.

    Each becomes a gap of its chain there, and nowhere else. For the thread that carries out commits.

    Args:
        outbox: of the destination.
        stream: ``platform`` or ``model-io``.
        max_bytes: what its planned commits may hold together.

    Returns:
        How many records were given up.

    Raises:
        SpoolError: the disk refused; what was given up is.
    """
    waiting = [
        commit
        for chain in outbox.chains_in_order()
        for commit in tuple(chain.pending)
        if commit.plan.stream == stream
    ]
    size = sum(commit.size for commit in waiting)
    records = 0
    for commit in waiting:
        if size <= max_bytes:
            break
        if commit.can_be_given_up:
            size -= commit.size
            records += commit.give_up(LOSS_OUTBOX_FULL)
    return records
