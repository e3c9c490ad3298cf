"""The ledger of a slot: whether its last holder ended well, and which losses are not in the log yet.

A file of 4 KiB that is made whole when the slot is first taken, so that a full disk cannot keep it from being
written. It has two halves that are written alternately; each is::

    offset  size  field
    0       8     magic "otaledg1"
    8       8     generation, counts up with each write
    16      4     length of the content, bytes
    20      4     CRC32C of bytes 0-19 and the content
    24      …     content, JSON

Rules:

1. Integers are little-endian and unsigned. The valid half with the higher generation counts: a write that is
   cut off leaves the one before.
2. The clean mark is taken away before the first append of a holder and set again when all it appended is
   durable and it leaves. Nothing is written for any other append.
3. Who finds no clean mark notes a loss of unknown count before going on, so that it is told even if this
   process dies too.
4. Losses stay until they are in a gap record that is durable.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import google_crc32c
import msgspec

from otel_audit.shapes import ready_to_read
from otel_audit.spool.files import Files
from otel_audit.spool.horizon import SLACK_NS
from otel_audit.spool.plan import Loss

__all__ = ["Ledger", "LedgerState", "read_state"]

LOSS_UNCLEAN_END: Final = "unclean-end"
"""Cause of a loss: the process ended without leaving the slot; what it held in memory is gone."""

_MANY_CAUSES: Final = "several"
"""Stands for the causes that have no room in a half."""

_SIZE: Final = 4096
_HALF: Final = _SIZE // 2
_MAGIC: Final = b"otaledg1"
_HEADER: Final = struct.Struct("<8sQII")
_COVERED: Final = struct.Struct("<8sQI")
_WRITE_EVERY_S: Final = 1.0
"""While records are being lost the disk is in trouble already."""


@ready_to_read
class LedgerState(msgspec.Struct, frozen=True, rename="camel"):
    """Content of a ledger.

    Attributes:
        is_clean: nothing was appended since the last holder left, or since the slot was taken.
        last_append_unix_nano: an instant before which no record was ended that a crash can have taken from
            memory; 0 if nothing was ever appended.
        losses: what is lost and in no gap record yet.
    """

    is_clean: bool = True
    last_append_unix_nano: int = 0
    losses: tuple[Loss, ...] = ()


def read_state(content: bytes) -> tuple[int, LedgerState]:
    """Generation and content of the half that counts.

    A ledger of another length, or in which no half is valid, gives a state without a clean mark.
    """
    halves = [content[:_HALF], content[_HALF:]] if len(content) == _SIZE else []
    found = [valid for half in halves if (valid := _read_half(half))]
    return max(found, key=lambda half: half[0], default=(0, LedgerState(is_clean=False)))


class Ledger:
    """The ledger of a slot that this process holds. Thread-safe.

    Args:
        files: the file system.
        path: the ledger's file.
    """

    def __init__(self, files: Files, path: Path) -> None:
        self._files, self._path = files, path
        self._lock = threading.Lock()
        self._generation = 0
        self._written_s = float("-inf")
        self._state = LedgerState()

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What is lost and in no gap record yet."""
        return self._state.losses

    def take_up(self, *, last_append_unix_nano: int, now_unix_nano: int) -> None:
        """Read what the last holder left; make the file if there is none.

        Args:
            last_append_unix_nano: what the segments tell of the last durable append; 0 if there are none.
            now_unix_nano: end of the interval in which something may be lost.

        Raises:
            OSError: it could not be read or written.
        """
        try:
            content = self._files.read(self._path)
        except FileNotFoundError:
            content = _new()
            self._files.replace(self._path, content)
        self._generation, self._state = read_state(content)
        if self._state.is_clean:
            return
        if len(content) != _SIZE:
            self._files.replace(self._path, _new())
        since = max(self._state.last_append_unix_nano, last_append_unix_nano)
        unclean = Loss(LOSS_UNCLEAN_END, None, max(0, min(since - SLACK_NS, now_unix_nano)), now_unix_nano)
        self._write(LedgerState(True, since, _merge((*self._state.losses, unclean))))

    @property
    def is_clean(self) -> bool:
        """Whether nothing was appended since the slot was taken."""
        return self._state.is_clean

    def begin(self, last_append_unix_nano: int) -> None:
        """Take the clean mark away, if it is there: durable on return.

        Args:
            last_append_unix_nano: when the earliest record ended that is about to be appended.

        Raises:
            OSError: it could not be written; nothing may be appended.
        """
        with self._lock:
            if self._state.is_clean:
                self._write(LedgerState(False, last_append_unix_nano, self._state.losses))

    def note_append(self, last_append_unix_nano: int) -> None:
        """Note how far the records reach that are in a sealed segment, which may go: durable on return.

        Raises:
            OSError: it could not be written; the interval of a loss would begin earlier.
        """
        with self._lock:
            if last_append_unix_nano > self._state.last_append_unix_nano:
                self._write(LedgerState(self._state.is_clean, last_append_unix_nano, self._state.losses))

    def note_losses(self, losses: Sequence[Loss], *, at_once: bool = False) -> None:
        """Note all that is lost and in no gap record yet: durable on return, if it was time to write.

        Args:
            losses: all of it, whoever lost it; none once the gap records are durable.
            at_once: even if the last write was less than a second ago.

        Raises:
            OSError: it could not be written.
        """
        with self._lock:
            told = _merge(losses)
            if told == self._state.losses:
                return
            if at_once or time.monotonic() - self._written_s >= _WRITE_EVERY_S:
                self._write(LedgerState(self._state.is_clean, self._state.last_append_unix_nano, told))

    def end(self) -> None:
        """Set the clean mark: durable on return. Everything that was appended is durable before the call.

        Raises:
            OSError: it could not be written; the next holder reports a loss of unknown count.
        """
        with self._lock:
            if not self._state.is_clean:
                self._write(LedgerState(True, self._state.last_append_unix_nano, self._state.losses))

    def _write(self, state: LedgerState) -> None:
        generation = self._generation + 1
        content = msgspec.json.encode(state)
        while _HEADER.size + len(content) > _HALF:
            state = msgspec.structs.replace(state, losses=_fold_two(state.losses))
            content = msgspec.json.encode(state)
        self._files.overwrite(self._path, generation % 2 * _HALF, _half(generation, content))
        self._files.fsync(self._path)
        self._generation, self._state, self._written_s = generation, state, time.monotonic()


def _new() -> bytes:
    """A ledger that says nothing. A write that is cut off always leaves a valid half."""
    return bytes(_HALF) + _half(1, msgspec.json.encode(LedgerState())).ljust(_HALF, b"\0")


def _half(generation: int, content: bytes) -> bytes:
    covered = _COVERED.pack(_MAGIC, generation, len(content))
    return covered + struct.pack("<I", google_crc32c.value(covered + content)) + content


def _read_half(half: bytes) -> tuple[int, LedgerState] | None:
    magic, generation, length, crc = _HEADER.unpack_from(half)
    content = half[_HEADER.size : _HEADER.size + length]
    if magic != _MAGIC or google_crc32c.value(half[: _COVERED.size] + content) != crc:
        return None
    return generation, msgspec.json.decode(content, type=LedgerState)


def _merge(losses: Sequence[Loss]) -> tuple[Loss, ...]:
    """One loss a cause and destination."""
    merged: dict[tuple[str, str | None], Loss] = {}
    for loss in losses:
        key = loss.cause, loss.destination
        merged[key] = merged[key].plus(loss) if key in merged else loss
    return tuple(merged.values())


def _fold_two(losses: tuple[Loss, ...]) -> tuple[Loss, ...]:
    """The same losses with two causes made one."""
    if len(losses) < 2:
        raise ValueError("the content of a ledger has no room in its half")
    *first, one, other = losses
    return (*first, msgspec.structs.replace(one.plus(other), cause=_MANY_CAUSES, destination=None))
