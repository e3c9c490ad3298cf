"""Reading a segment that nobody vouches for: which of its frames count.

Rules:

1. A frame counts when its CRC32C matches, its writer is the folder's, and its first sequence follows the frame
   before. Frames at or after the first sequence of the *next* segment do not count: they failed, and what they
   held was numbered again (see ``writer.py``).
2. Bad bytes up to the end of the file are a **torn tail**: the frame was being written when the process or the
   machine died, nobody was told that it is durable, and it is cut.
3. Bad bytes before a good frame are **corruption**: they were durable once. What is good is still read; the
   sequences between become a gap of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.spool.files import Files
from otel_audit.spool.frame import HEADER_BYTES, MAGIC, FrameHeader, parse_header

__all__ = ["Corruption", "FramePlace", "Scan", "scan"]

_SEARCH_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FramePlace:
    """Where a good frame lies in its segment."""

    offset: int
    size: int
    first_sequence: int
    count: int

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record in it."""
        return self.first_sequence + self.count - 1


@dataclass(frozen=True, slots=True)
class Corruption:
    """Bytes in the middle of a segment that were durable once and are not a frame now.

    Attributes:
        offset: first bad byte.
        size: bad bytes; 0 if a whole frame is missing without a trace.
        first_sequence: first sequence that is lost with them.
        last_sequence: last one.
    """

    offset: int
    size: int
    first_sequence: int
    last_sequence: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment's file holds.

    Attributes:
        frames: good frames, in order.
        corruptions: what is bad between them, in order.
        torn_bytes: bytes of the torn tail; 0 if the file ends with a good frame.
    """

    frames: tuple[FramePlace, ...]
    corruptions: tuple[Corruption, ...]
    torn_bytes: int


def scan(
    files: Files, path: Path, *, writer: str, first_sequence: int, next_first_sequence: int | None = None
) -> Scan:
    """Read a whole segment and judge each frame.

    Args:
        files: the file system.
        path: the segment.
        writer: whose segment it is.
        first_sequence: the sequence it begins with, by its name.
        next_first_sequence: the same of the writer's next segment, if there is one.

    Returns:
        The good frames, what is corrupt between them and what is torn off. Nothing is changed on disk.
    """
    frames: list[FramePlace] = []
    corruptions: list[Corruption] = []
    descriptor = files.open_read(path)
    try:
        end = files.size(descriptor)
        offset = good_end = 0
        expected = first_sequence
        while offset < end:
            header = _good_frame(files, descriptor, offset, end, writer)
            if header is None or header.first_sequence < expected:
                offset = _next_magic(files, descriptor, offset + 1, end)
                continue
            if next_first_sequence is not None and header.first_sequence >= next_first_sequence:
                break
            if offset > good_end or header.first_sequence > expected:
                lost_to = header.first_sequence - 1
                corruptions.append(Corruption(good_end, offset - good_end, expected, lost_to))
            frames.append(FramePlace(offset, header.size, header.first_sequence, header.count))
            expected = header.last_sequence + 1
            offset = good_end = offset + header.size
    finally:
        files.close(descriptor)
    return Scan(tuple(frames), tuple(corruptions), end - good_end)


def _good_frame(files: Files, descriptor: int, offset: int, end: int, writer: str) -> FrameHeader | None:
    header = parse_header(files.pread(descriptor, HEADER_BYTES, offset))
    if header is None or header.writer != writer or offset + header.size > end:
        return None
    payload = files.pread(descriptor, header.payload_bytes, offset + HEADER_BYTES)
    return header if header.matches(payload) else None


def _next_magic(files: Files, descriptor: int, offset: int, end: int) -> int:
    """Offset of the next magic at or after ``offset``; ``end`` if there is none."""
    while offset < end:
        content = files.pread(descriptor, _SEARCH_BYTES, offset)
        found = content.find(MAGIC)
        if found >= 0:
            return offset + found
        if offset + len(content) >= end:
            return end
        offset += len(content) - len(MAGIC) + 1
    return end
