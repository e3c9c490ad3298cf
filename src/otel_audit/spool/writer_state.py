"""What is known of a writer, in memory and on disk; ``writers.py`` has the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from otel_audit.errors import InputError
from otel_audit.shapes import ready_to_read
from otel_audit.spool.segment import SealedSegment
from otel_audit.store.names import WriterName

__all__ = ["Closed", "Identity", "Origin", "WriterState", "is_writer"]


def is_writer(name: str) -> bool:
    """Whether a file's name is a writer's."""
    try:
        WriterName.parse(name)
    except InputError:
        return False
    return True


class Origin(msgspec.Struct, frozen=True, rename="camel"):
    """Where the records of a writer come from that has them from another.

    Attributes:
        cause: ``refused``: from a commit in quarantine. ``cloned``: from a writer of which a copy goes on.
        destination: the one destination where they were not committed.
        writer: who numbered them first.
        commit: the first commit that is replaced.
    """

    cause: Literal["refused", "cloned"]
    destination: str
    writer: str
    commit: int


@ready_to_read
class Identity(msgspec.Struct, frozen=True, rename="camel"):
    """Content of ``writer.json``."""

    writer: str
    stream: str
    destinations: tuple[str, ...]
    opened_at_unix_nano: int
    opens: dict[str, Any]
    origin: Origin | None = None


@ready_to_read
class Closed(msgspec.Struct, frozen=True, rename="camel"):
    """Content of ``closed``."""

    last_sequence: int
    is_cloned: bool = False


@dataclass(slots=True)
class WriterState:
    """One writer of a slot.

    Attributes:
        name: its identity.
        stream: the one stream whose records it numbers.
        destinations: ids of the outboxes that get each of its segments.
        opened_at_unix_nano: when it was opened, nanoseconds since the epoch.
        opens: what its first manifest says of its opening.
        folder: where its segments are.
        closed_at: its last sequence, once it is closed.
        segments: sealed segments that some destination still has no plan for, in order.
        next_sequence: number of the next record.
        next_ordinal: number of the next segment.
        is_retired: its folder is gone; nothing is planned for it any more.
        is_cloned: another process numbers records under the same name, so its chains are left open.
        origin: where its records come from, if another writer had them first.
    """

    name: WriterName
    stream: str
    destinations: tuple[str, ...]
    opened_at_unix_nano: int
    opens: Mapping[str, Any]
    folder: Path
    closed_at: int | None = None
    segments: list[SealedSegment] = field(default_factory=list)
    next_sequence: int = 1
    next_ordinal: int = 1
    is_retired: bool = False
    is_cloned: bool = False
    origin: Origin | None = None
