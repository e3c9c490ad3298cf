"""A segment that is being appended to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from otel_audit.spool.files import Files
from otel_audit.spool.frame import Frame
from otel_audit.spool.scan import FramePlace
from otel_audit.spool.segment import SealedSegment, segment_name

__all__ = ["OpenSegment"]


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
