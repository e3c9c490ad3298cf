"""Settings of the spool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SpoolOptions"]

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SpoolOptions:
    """Bounds and safety of a spool.

    Attributes:
        max_bytes: bytes that all slots of the service may hold: segments, outboxes and quarantine together.
            None: 4 GiB or half of what is free when the slot is taken, whichever is less.
        min_free_fraction: part of the disk that appends always leave free.
        reserve_bytes: part of ``max_bytes`` that only records about losses may use, so that a full spool can
            still say that it is full.
        max_frame_bytes: longest frame, in bytes of Arrow data; a larger batch becomes several frames. Bounds
            the memory of reading back.
        max_commits_per_writer: after so many segments a writer is closed and succeeded, which bounds the
            length of the chain that a verifier has to walk.
        max_slots: processes of one service that may use the spool at a time.
        force: take a folder that is writable by others, owned by somebody else or on a network file system.
            Locks and fsync may then not hold what they promise.
    """

    max_bytes: int | None = None
    min_free_fraction: float = 0.05
    reserve_bytes: int = MIB
    max_frame_bytes: int = 8 * MIB
    max_commits_per_writer: int = 10_000
    max_slots: int = 256
    force: bool = False
