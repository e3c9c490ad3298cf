"""Whether the spool can be written, and whether something waits in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_audit.cli.doctor.finding import Finding, Level
from otel_audit.cli.instants import format_instant
from otel_audit.errors import SpoolError
from otel_audit.spool.inventory import WaitingSegments, inventory

_MIB: Final = 2**20


def findings(root: Path) -> Iterator[Finding]:
    """Looks only; makes nothing.

    Args:
        root: folder of the spool, which need not exist yet.
    """
    existing = next((folder for folder in (root, *root.parents) if folder.is_dir()), None)
    if existing is None or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("problem", f"the spool {root} cannot be written: records could not be made durable")
        return
    free = shutil.disk_usage(existing).free / _MIB
    yield Finding("ok", f"the spool {root} can be written; {free:,.0f} MiB are free")
    yield from _waiting(root)


def _waiting(root: Path) -> Iterator[Finding]:
    """What ``otel-audit spool list`` shows in a table, as sentences."""
    try:
        slots = inventory(root)
    except SpoolError as error:
        yield Finding("problem", f"the spool {root} cannot be read: {error}")
        return
    for slot in slots:
        name = f"{slot.service}/{slot.slot}"
        for segments in slot.segments:
            size = f"{segments.size / _MIB:,.1f} MiB"
            yield Finding(
                "note", f"{name}: {size} of {segments.writer} wait to be sealed since {_at(segments)}"
            )
        for owed in slot.commits:
            level: Level = "note" if owed.trouble is None else "warning"
            why = "" if owed.trouble is None else f": {owed.trouble.cause}"
            since = (
                "" if owed.since_unix_nano is None else f" since {format_instant(owed.since_unix_nano, 0)}"
            )
            count = f"{owed.commits} commits with {owed.records:,} records"
            yield Finding(level, f"{name}: {count} wait for {owed.destination}{since}{why}")
        if slot.quarantine:
            count = f"{len(slot.quarantine)} commits were refused"
            yield Finding(
                "warning", f"{name}: {count}; otel-audit spool list says which, spool retry tries again"
            )
        for damaged in slot.damaged:
            yield Finding("warning", f"{name}: {damaged.name} could not be read back whole")


def _at(segments: WaitingSegments) -> str:
    return format_instant(segments.since_unix_nano, 0)
