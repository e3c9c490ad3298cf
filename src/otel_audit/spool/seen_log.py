"""Which records were taken a short while ago: a log beside the segments, so that a restart knows copies as before.

::

    seen/log-<10 digits>      blocks and nothing else; a new file at each start, after a failure, and now and then

    offset  size  field of a block
    0       8     magic FF 6F 74 61 75 64 73 FE
    8       8     when, nanoseconds since the epoch
    16      80    writer, ASCII, padded with zero bytes
    96      8     sequence of the first record
    104     4     count of imprints
    108     4     CRC32C of bytes 0-107 and the imprints
    112     …     imprints, 32 bytes each: half of the record's id, half of its content tag

Rules:

1. Integers are little-endian and unsigned. A file is read up to its first bad block: the process ended there, or
   its disk failed and it went on in another file.
2. A block is written after its records are in their segment and is durable before they are, so what is durable in
   a segment is here, or still to be read from the segment itself.
3. A block of 0 imprints is a *mark*: what the writer numbered before that sequence stands in files before this one,
   and what they say of it from there on was never durable. A file begins with a mark for each writer.
4. At a start, the sequences that a writer goes on with decide what counts: an imprint at or after them is of a
   record that is not there. Records behind a writer's last block or mark are read from their segments.
5. A file goes once its newest block is older than the window, or the files behind it hold enough.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import google_crc32c

from otel_audit.errors import SpoolCorrupt
from otel_audit.record.imprints import IMPRINT_BYTES, imprints
from otel_audit.spool.positions import Range
from otel_audit.spool.premises import SEEN, Premises
from otel_audit.spool.writer_state import WriterState

__all__ = ["Seen", "SeenLog"]

_MAGIC: Final = b"\xffotauds\xfe"
_HEADER: Final = struct.Struct("<8sQ80sQII")
_COVERED: Final = struct.Struct("<8sQ80sQI")
_PREFIX: Final = "log-"
_FILES_A_WINDOW: Final = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """Imprints of records of one writer that follow one another.

    Attributes:
        writer: who numbered them.
        first: sequence of the first; of nobody's where there are no imprints.
        at_unix_nano: when they were taken.
        content: their imprints.
    """

    writer: str
    first: int
    at_unix_nano: int
    content: bytes

    @property
    def end(self) -> int:
        """Sequence behind the last."""
        return self.first + len(self.content) // IMPRINT_BYTES

    def before(self, sequence: int) -> Seen:
        """The part of it below a sequence."""
        kept = max(0, sequence - self.first) * IMPRINT_BYTES
        return Seen(self.writer, self.first, self.at_unix_nano, self.content[:kept])


@dataclass(slots=True)
class _File:
    path: Path
    newest_unix_nano: int = 0
    imprints: int = 0
    size: int = 0


class SeenLog:
    """The log of a slot that this process holds. Not thread-safe.

    Args:
        premises: the slot.
        window_ns: how long a record is remembered at least, nanoseconds.
        max_entries: how many are remembered at least, within the window.
    """

    def __init__(self, premises: Premises, *, window_ns: int, max_entries: int) -> None:
        self._premises, self._files, self._folder = premises, premises.files, premises.path / SEEN
        self._window_ns, self._max_entries = window_ns, max_entries
        self._descriptor = -1
        self._began_unix_nano = 0
        self._kept: deque[_File] = deque()
        self._next = 0
        self._noted: dict[str, int] = {}

    def take_up(self, states: Sequence[WriterState]) -> list[Seen]:
        """What is remembered, oldest first. For a slot that nobody has appended to yet.

        Args:
            states: the writers in the slot.

        Raises:
            OSError: it could not be read or written. Calling again begins anew.
        """
        self.abandon()
        self._kept.clear()
        self._files.make_folder(self._folder)
        self._files.fsync_folder(self._folder.parent)
        going_on = {str(state.name): state.next_sequence for state in states}
        found, noted = self._load(going_on)
        now = self._premises.clock_unix_nano()
        tail = [seen for state in states for seen in _tail(state, noted.get(str(state.name), 1), now)]
        self._noted = going_on
        self._begin(now, tail)
        recent = now - self._window_ns
        return [seen for seen in (*found, *tail) if seen.content and seen.at_unix_nano >= recent]

    def note(self, taken: Sequence[tuple[Range, bytes]]) -> None:
        """Remember records that are in their segments: durable on return.

        Args:
            taken: where they are, and their imprints.

        Raises:
            OSError: nothing is known about what is durable of them; note the same again.
        """
        now = self._premises.clock_unix_nano()
        blocks = [Seen(place.writer, place.first, now, content) for place, content in taken]
        file = self._kept[-1] if self._kept else None
        share = self._max_entries // _FILES_A_WINDOW
        is_due = now - self._began_unix_nano > self._window_ns // _FILES_A_WINDOW
        if self._descriptor < 0 or file is None or file.imprints > share or (is_due and file.imprints):
            self._begin(now, blocks)
        else:
            self._append(file, blocks)
        self._noted.update((block.writer, block.end) for block in blocks)

    def abandon(self) -> None:
        """Close the descriptor. What is noted after that begins another file."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            # What counts was made durable before.
            with suppress(OSError):
                self._files.close(descriptor)

    def _begin(self, now: int, blocks: Sequence[Seen]) -> None:
        """A new file with marks and these blocks."""
        self.abandon()
        path = self._folder / f"{_PREFIX}{self._next:010d}"
        # Its name is never used again, whatever becomes of it.
        self._next += 1
        self._descriptor = self._files.create_append(path)
        file = _File(path)
        firsts = {block.writer: block.first for block in reversed(blocks)}
        marks = [
            Seen(writer, firsts.get(writer, sequence), now, b"") for writer, sequence in self._noted.items()
        ]
        self._append(file, [*marks, *blocks])
        try:
            self._files.fsync_folder(self._folder)
        except OSError:
            self.abandon()
            raise
        self._began_unix_nano = now
        self._kept.append(file)
        self._forget(now)

    def _append(self, file: _File, blocks: Sequence[Seen]) -> None:
        content = b"".join(map(_encode, blocks))
        try:
            self._files.append(self._descriptor, [memoryview(content)])
            self._files.fdatasync(self._descriptor)
        except OSError:
            self.abandon()
            raise
        file.size += len(content)
        file.imprints += sum(len(block.content) for block in blocks) // IMPRINT_BYTES
        file.newest_unix_nano = max(file.newest_unix_nano, *(block.at_unix_nano for block in blocks), 0)

    def _forget(self, now: int) -> None:
        while len(self._kept) > 1:
            behind = sum(file.imprints for file in self._kept) - self._kept[0].imprints
            if self._kept[0].newest_unix_nano >= now - self._window_ns and behind < self._max_entries:
                return
            self._files.unlink(self._kept[0].path)
            self._kept.popleft()

    def _load(self, going_on: Mapping[str, int]) -> tuple[list[Seen], dict[str, int]]:
        found: list[Seen] = []
        noted: dict[str, int] = {}
        for name in self._files.names(self._folder):
            number = name.removeprefix(_PREFIX)
            if not number.isdigit():
                continue
            self._next = int(number) + 1
            content = self._files.read(self._folder / name)
            file = _File(self._folder / name, size=len(content))
            for seen in _decode(content):
                if not seen.content:
                    found = [one.before(seen.first) if one.writer == seen.writer else one for one in found]
                noted[seen.writer] = seen.end
                found.append(seen)
                file.imprints += len(seen.content) // IMPRINT_BYTES
                file.newest_unix_nano = max(file.newest_unix_nano, seen.at_unix_nano)
            self._kept.append(file)
        # A writer that is not here any more was closed, and all that it numbered is at its destinations.
        return [seen.before(going_on.get(seen.writer, seen.end)) for seen in found], noted


def _tail(state: WriterState, noted: int, now: int) -> Iterator[Seen]:
    """Records that are in segments and in no block."""
    for segment in state.segments:
        for run in segment.runs(after=noted - 1):
            # What cannot be read back becomes a gap of the log, and a copy of it is no copy.
            with suppress(SpoolCorrupt):
                first = run.first_sequence
                for batch in segment.batches(run):
                    yield Seen(str(state.name), first, now, imprints(batch.records).tobytes())
                    first += len(batch)


def _encode(seen: Seen) -> bytes:
    count = len(seen.content) // IMPRINT_BYTES
    covered = _COVERED.pack(_MAGIC, seen.at_unix_nano, seen.writer.encode("ascii"), seen.first, count)
    return covered + struct.pack("<I", google_crc32c.value(covered + seen.content)) + seen.content


def _decode(content: bytes) -> Iterator[Seen]:
    offset = 0
    while offset + _HEADER.size <= len(content):
        magic, at_unix_nano, writer, first, count, crc = _HEADER.unpack_from(content, offset)
        body = content[offset + _HEADER.size : offset + _HEADER.size + count * IMPRINT_BYTES]
        covered = content[offset : offset + _COVERED.size]
        if magic != _MAGIC or len(body) != count * IMPRINT_BYTES:
            return
        if google_crc32c.value(covered + body) != crc:
            return
        yield Seen(writer.rstrip(b"\0").decode("ascii"), first, at_unix_nano, body)
        offset += _HEADER.size + len(body)
