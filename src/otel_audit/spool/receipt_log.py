"""What receipts were given a short while ago, so that a record which is sent again gets the same one.

::

    receipts/log-<10 digits>   blocks and nothing else; a new file at each start, after a failure, and now and then

    offset  size  field of a block
    0       8     magic FF 6F 74 61 75 64 72 FE
    8       8     when, nanoseconds since the epoch
    16      4     count of receipts
    20      4     CRC32C of bytes 0-19 and the receipts
    24      …     receipts, 64 bytes each: imprint of the record (``record/imprints.py``), its record hash

Rules:

1. Integers are little-endian and unsigned. A file is read up to its first bad block.
2. A block is durable before its records are. So it proves nothing: whether a record is there the log of those that
   were seen says (``seen_log.py``), this one only what its receipt is. Of several with one imprint the last counts.
3. A file goes once its newest block is older than the window.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c

from otel_audit.record.canonical import HASH_BYTES
from otel_audit.record.imprints import IMPRINT_BYTES
from otel_audit.spool.explain import explain
from otel_audit.spool.premises import RECEIPTS, Premises

__all__ = ["ReceiptLog", "Receipted"]

_MAGIC: Final = b"\xffotaudr\xfe"
_HEADER: Final = struct.Struct("<8sQII")
_COVERED: Final = struct.Struct("<8sQI")
_ENTRY_BYTES: Final = IMPRINT_BYTES + HASH_BYTES
_PREFIX: Final = "log-"
_FILES_A_WINDOW: Final = 4


@dataclass(frozen=True, slots=True)
class Receipted:
    """A receipt.

    Attributes:
        imprint: of the record.
        record_hash: of the record as it is stored.
        at_unix_nano: when the sink took it.
    """

    imprint: bytes
    record_hash: bytes
    at_unix_nano: int


class ReceiptLog:
    """The log of a slot that this process holds. Not thread-safe.

    Args:
        premises: the slot.
        window_ns: how long a receipt is kept at least, nanoseconds.
    """

    def __init__(self, premises: Premises, *, window_ns: int) -> None:
        self._premises, self._files, self._folder = premises, premises.files, premises.path / RECEIPTS
        self._window_ns = window_ns
        self._descriptor = -1
        self._began_unix_nano = self._next = 0
        self._kept: deque[tuple[Path, int]] = deque()

    def load(self) -> list[Receipted]:
        """What is within the window, oldest first.

        Raises:
            OSError: it could not be read.
        """
        found: list[Receipted] = []
        recent = self._premises.clock_unix_nano() - self._window_ns
        for name in self._files.names(self._folder):
            number = name.removeprefix(_PREFIX)
            if number.isdigit():
                self._next = int(number) + 1
                receipts = list(_decode(self._files.read(self._folder / name)))
                newest = max((one.at_unix_nano for one in receipts), default=0)
                self._kept.append((self._folder / name, newest))
                found += (one for one in receipts if one.at_unix_nano >= recent)
        return found

    def note(self, receipts: list[tuple[bytes, bytes]], at_unix_nano: int) -> None:
        """Keep receipts of records that are about to be appended: durable on return.

        Args:
            receipts: imprint and record hash of each.
            at_unix_nano: when they were taken.

        Raises:
            SpoolError: the disk refused; nothing is known about what is durable of them.
        """
        self._premises.check_held()
        with explain("keep receipts"):
            if (
                self._descriptor < 0
                or at_unix_nano - self._began_unix_nano > self._window_ns // _FILES_A_WINDOW
            ):
                self._begin(at_unix_nano)
            try:
                self._files.append(self._descriptor, [memoryview(_encode(receipts, at_unix_nano))])
                self._files.fdatasync(self._descriptor)
            except OSError:
                self.abandon()
                raise
            self._kept[-1] = self._kept[-1][0], at_unix_nano

    def abandon(self) -> None:
        """Close the descriptor. What is noted after that begins another file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            # What counts was made durable before.
            with suppress(OSError):
                self._files.close(descriptor)

    def _begin(self, now: int) -> None:
        self.abandon()
        self._files.make_folder(self._folder)
        self._files.fsync_folder(self._folder.parent)
        path = self._folder / f"{_PREFIX}{self._next:010d}"
        # Its name is never used again, whatever becomes of it.
        self._next += 1
        self._descriptor = self._files.create_append(path)
        self._files.fsync_folder(self._folder)
        self._began_unix_nano = now
        self._kept.append((path, now))
        while self._kept[0][1] < now - self._window_ns:
            self._files.unlink(self._kept.popleft()[0])


def _encode(receipts: list[tuple[bytes, bytes]], at_unix_nano: int) -> bytes:
    content = b"".join(imprint + record_hash for imprint, record_hash in receipts)
    covered = _COVERED.pack(_MAGIC, at_unix_nano, len(receipts))
    return covered + struct.pack("<I", google_crc32c.value(covered + content)) + content


def _decode(content: bytes) -> Iterator[Receipted]:
    offset = 0
    while offset + _HEADER.size <= len(content):
        magic, at_unix_nano, count, crc = _HEADER.unpack_from(content, offset)
        body = content[offset + _HEADER.size : offset + _HEADER.size + count * _ENTRY_BYTES]
        covered = content[offset : offset + _COVERED.size]
        if magic != _MAGIC or len(body) != count * _ENTRY_BYTES or google_crc32c.value(covered + body) != crc:
            return
        for start in range(0, len(body), _ENTRY_BYTES):
            middle = start + IMPRINT_BYTES
            yield Receipted(body[start:middle], body[middle : start + _ENTRY_BYTES], at_unix_nano)
        offset += _HEADER.size + len(body)
