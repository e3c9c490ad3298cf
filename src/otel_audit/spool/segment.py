"""Segments: files of frames that are appended to (``open_segment.py``), sealed, read back, and then go.

A segment's name tells its place among the writer's segments and the sequence that it begins with:
``segment-<ordinal, 10 digits>-<first sequence, 16 digits>.seg``. An ordinal is used once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.errors import SpoolCorrupt
from otel_audit.spool.files import Files
from otel_audit.spool.frame import HEADER_BYTES, NumberedBatch, decode, parse_header
from otel_audit.spool.horizon import earliest_end
from otel_audit.spool.scan import Corruption, FramePlace, Scan, scan

__all__ = ["Run", "SealedSegment", "parse_segment_name", "segment_name"]

_NAME: Final = re.compile(r"segment-(\d{10})-(\d{16})\.seg")


def segment_name(ordinal: int, first_sequence: int) -> str:
    """File name of a segment."""
    return f"segment-{ordinal:010d}-{first_sequence:016d}.seg"


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """Ordinal and first sequence of a segment's file name; None for any other name."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of a segment whose sequences follow one another."""

    frames: tuple[FramePlace, ...]

    @property
    def first_sequence(self) -> int:
        """Sequence of the first record."""
        return self.frames[0].first_sequence

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record."""
        return self.frames[-1].last_sequence


class SealedSegment:
    """A segment that nobody appends to any more.

    Attributes:
        path: its file.
        writer: who numbered its records.
        ordinal: its place among the writer's segments.
        first_sequence: sequence of the first record that was durable in it.
        last_sequence: sequence of the last one.
        size: bytes of the file.
        frames: its good frames, in order.
        corruptions: what is bad between them.
    """

    def __init__(
        self,
        files: Files,
        path: Path,
        *,
        writer: str,
        ordinal: int,
        first_sequence: int,
        last_sequence: int,
        size: int,
        frames: Sequence[FramePlace],
        corruptions: Sequence[Corruption] = (),
    ) -> None:
        self._files = files
        self.path = path
        self.writer = writer
        self.ordinal = ordinal
        self.first_sequence = first_sequence
        self.last_sequence = last_sequence
        self.size = size
        self.frames = tuple(frames)
        self.corruptions = tuple(corruptions)

    @property
    def records(self) -> int:
        """Records that can be read."""
        return sum(frame.count for frame in self.frames)

    @property
    def is_whole(self) -> bool:
        """Whether every record that was durable in it can be read."""
        return self.records == self.last_sequence - self.first_sequence + 1

    def runs(self, *, after: int = 0) -> list[Run]:
        """The good frames in runs without a gap, leaving out those up to sequence ``after``."""
        runs: list[list[FramePlace]] = []
        for frame in self.frames:
            if frame.first_sequence <= after:
                continue
            if runs and runs[-1][-1].last_sequence + 1 == frame.first_sequence:
                runs[-1].append(frame)
            else:
                runs.append([frame])
        return [Run(tuple(frames)) for frames in runs]

    def batches(self, run: Run | None = None) -> Iterator[NumberedBatch]:
        """Read records back, a frame at a time, each checked against its CRC32C.

        Args:
            run: the frames to read; None for all that are good.

        Raises:
            SpoolCorrupt: the file is gone, or a frame is not what was written.
        """
        try:
            descriptor = self._files.open_read(self.path)
        except FileNotFoundError as error:
            raise SpoolCorrupt("the segment is gone", path=str(self.path)) from error
        try:
            for place in self.frames if run is None else run.frames:
                content = self._files.pread(descriptor, HEADER_BYTES, place.offset)
                header = parse_header(content)
                if header is None or (header.first_sequence, header.count, header.size) != (
                    place.first_sequence,
                    place.count,
                    place.size,
                ):
                    raise SpoolCorrupt(f"the frame at byte {place.offset} has changed", path=str(self.path))
                payload = self._files.pread(descriptor, header.payload_bytes, place.offset + HEADER_BYTES)
                if not header.matches(payload):
                    raise SpoolCorrupt(
                        f"the frame at byte {place.offset} fails its CRC32C", path=str(self.path)
                    )
                yield decode(header, payload)
        finally:
            self._files.close(descriptor)

    def last_append(self) -> int | None:
        """When the earliest record of its last append ended, nanoseconds since the epoch.

        Returns:
            None if that cannot be read back; :meth:`batches` says why.
        """
        try:
            for batch in self.batches(Run(self.frames[-1:])):
                return earliest_end(batch.records)
        except SpoolCorrupt:
            return None
        return None

    def rescan(self) -> None:
        """Judge the file again and keep what is good now.

        Bytes beyond the last frame that was good before are not taken in.
        """
        try:
            found = scan(
                self._files,
                self.path,
                writer=self.writer,
                first_sequence=self.first_sequence,
                next_first_sequence=self.last_sequence + 1,
            )
        except FileNotFoundError:
            found = Scan((), (), 0)
        self.frames, self.corruptions = found.frames, found.corruptions
