"""Segments: files of frames that are appended to, sealed, read back, and then go.

A segment's name tells its place among the writer's segments and the sequence that it begins with:
``segment-<ordinal, 10 digits>-<first sequence, 16 digits>.seg``. An ordinal is used once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_audit.errors import SpoolCorrupt
from otel_audit.spool.files import Files
from otel_audit.spool.frame import HEADER_BYTES, Frame, NumberedBatch, decode, parse_header
from otel_audit.spool.horizon import earliest_end
from otel_audit.spool.scan import Corruption, FramePlace, Scan, scan

__all__ = ["OpenSegment", "Run", "SealedSegment", "parse_segment_name", "segment_name"]

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


class OpenSegment:
    """A segment being appended to. Not thread-safe: ``writer.py`` holds the lock.

    Attributes:
        path: its file.
        ordinal: its place among the writer's segments.
        first_sequence: the sequence it begins with.
        size: bytes appended.
        failed: a write or an fsync failed: it must never be touched again.
        syncing: an fsync is on its way, so that the descriptor must stay open.
    """

    def __init__(self, files: Files, folder: Path, *, ordinal: int, first_sequence: int) -> None:
        """Create the file. It is not durable before :meth:`sync` returns.

        Raises:
            OSError: it could not be created.
        """
        self._files = files
        self.path = folder / segment_name(ordinal, first_sequence)
        self.ordinal = ordinal
        self.first_sequence = first_sequence
        self.size = 0
        self.failed = False
        self.syncing = False
        self._frames: list[FramePlace] = []
        self._durable_frames = 0
        self._name_durable = False
        self._descriptor = files.create_append(self.path)

    def append(self, frames: Sequence[Frame]) -> None:
        """Write frames at the end.

        Raises:
            OSError: some of the bytes may be in the file.
        """
        self._files.append(self._descriptor, [part for frame in frames for part in frame.buffers])
        for frame in frames:
            self._frames.append(FramePlace(self.size, frame.size, frame.first_sequence, frame.count))
            self.size += frame.size

    @property
    def frame_count(self) -> int:
        """Frames appended."""
        return len(self._frames)

    def sync(self) -> None:
        """Everything appended before the call is durable on return. Others may append meanwhile.

        Raises:
            OSError: nothing is known about what is durable; the segment must not be used again.
        """
        self._files.fdatasync(self._descriptor)
        if not self._name_durable:
            self._files.fsync_folder(self.path.parent)
            self._name_durable = True

    def acknowledge(self, frames: int) -> None:
        """Take note that the first ``frames`` frames are durable."""
        self._durable_frames = frames

    def close(self) -> None:
        """Close the descriptor. Closing it twice is fine."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            # Whatever counts was fsynced before, and Linux frees the descriptor in any case.
            with suppress(OSError):
                self._files.close(descriptor)

    def remove(self) -> None:
        """Remove the file of a failed segment in which nothing is durable."""
        # Left behind it does no harm: the next segment's first sequence makes it void.
        with suppress(OSError):
            self._files.unlink(self.path)

    def seal(self, writer: str) -> SealedSegment | None:
        """What was acknowledged in it, for reading; None if nothing was."""
        frames = self._frames[: self._durable_frames]
        if not frames:
            return None
        return SealedSegment(
            self._files,
            self.path,
            writer=writer,
            ordinal=self.ordinal,
            first_sequence=frames[0].first_sequence,
            last_sequence=frames[-1].last_sequence,
            size=self.size,
            frames=frames,
        )
