"""What everything in a slot has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.spool.budget import Budget
from otel_audit.spool.files import Files

__all__ = [
    "LEDGER",
    "OUTBOX",
    "POLICIES",
    "QUARANTINE",
    "RECEIPTS",
    "SEEN",
    "SETTINGS",
    "WRITERS",
    "Premises",
]

WRITERS: Final = "writers"
OUTBOX: Final = "outbox"
QUARANTINE: Final = "quarantine"
LEDGER: Final = "ledger"
POLICIES: Final = "policies"
SETTINGS: Final = "settings"
SEEN: Final = "seen"
RECEIPTS: Final = "receipts"


@dataclass(frozen=True, slots=True)
class Premises:
    """A slot, as its parts see it.

    Attributes:
        files: the file system.
        path: the slot's folder.
        service: name of the service whose slot it is.
        budget: counts its bytes.
        clock_unix_nano: wall clock, nanoseconds since the epoch.
        check_held: raises SpoolError once the slot was left: somebody else may hold it.
    """

    files: Files
    path: Path
    service: str
    budget: Budget
    clock_unix_nano: Callable[[], int]
    check_held: Callable[[], None]
