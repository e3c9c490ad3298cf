"""What a slot knows of its writers, in memory and on disk.

::

    writers/<writer>/writer.json      who it is; made once, before the first frame
    writers/<writer>/segment-….seg    its segments
    writers/<writer>/closed           made once, when it is succeeded: nothing is appended any more

Rules:

1. ``writer.json`` is durable before the writer's first segment is made. A folder without it holds no record
   and is removed.
2. The destinations of a writer are those of its opening. When they change, it is succeeded: so each of its
   chains begins with sequence 1 and a hole is always loss.
3. The next sequence is one after the last that is in a segment or in any plan: both are durable before the
   record's segment may go, so a restart never gives a number twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from otel_audit.errors import InputError, SpoolCorrupt
from otel_audit.spool.files import Files
from otel_audit.spool.scan import scan
from otel_audit.spool.segment import SealedSegment, parse_segment_name
from otel_audit.spool.writer_state import Closed, Identity, Origin, WriterState, is_writer
from otel_audit.store.names import WriterName

__all__ = ["Origin", "WriterState", "Writers", "is_writer"]

_IDENTITY: Final = "writer.json"
_CLOSED: Final = "closed"
_STAGED: Final = ".new"


class Writers:
    """The ``writers`` folder of a slot.

    Args:
        files: the file system.
        folder: the ``writers`` folder; made if needed.
    """

    def __init__(self, files: Files, folder: Path) -> None:
        self._files, self._folder = files, folder

    def load(self) -> list[WriterState]:
        """Every writer on disk, oldest first, its segments scanned and durable.

        What a scan finds was in the page cache at least; it is fsynced before anything builds on it.

        Raises:
            OSError: a file or folder could not be read or made durable.
            SpoolCorrupt: ``writer.json`` of a writer with segments cannot be read.
        """
        for name in self._files.names(self._folder):
            if name.endswith(_STAGED):
                self._files.remove_tree(self._folder / name)
        names = [name for name in self._files.names(self._folder) if is_writer(name)]
        states = [state for name in names if (state := self._load_one(name))]
        return sorted(states, key=lambda state: (state.opened_at_unix_nano, str(state.name)))

    def _load_one(self, name: str) -> WriterState | None:
        folder = self._folder / name
        names = self._files.names(folder)
        if _IDENTITY not in names:
            self._files.remove_tree(folder)
            return None
        path = folder / _IDENTITY
        try:
            identity = msgspec.json.decode(self._files.read(path), type=Identity)
            writer = WriterName.parse(identity.writer)
            closed = (
                msgspec.json.decode(self._files.read(folder / _CLOSED), type=Closed)
                if _CLOSED in names
                else None
            )
        except (msgspec.DecodeError, InputError) as error:
            raise SpoolCorrupt("cannot be read", path=str(path)) from error
        state = WriterState(
            name=writer,
            stream=identity.stream,
            destinations=identity.destinations,
            opened_at_unix_nano=identity.opened_at_unix_nano,
            opens=identity.opens,
            folder=folder,
            closed_at=None if closed is None else closed.last_sequence,
            is_cloned=closed is not None and closed.is_cloned,
            origin=identity.origin,
        )
        self._load_segments(state, names)
        return state

    def _load_segments(self, state: WriterState, names: Sequence[str]) -> None:
        found = sorted(
            (*place, state.folder / name) for name in names if (place := parse_segment_name(name)) is not None
        )
        for index, (ordinal, first, path) in enumerate(found):
            next_first = found[index + 1][1] if index + 1 < len(found) else None
            scanned = scan(
                self._files,
                path,
                writer=str(state.name),
                first_sequence=first,
                next_first_sequence=next_first,
            )
            # Only the newest segment can have lost a tail that nobody counts on; in an older one the
            # writer had gone on behind it.
            last = scanned.frames[-1].last_sequence if scanned.frames else first - 1
            if next_first is not None:
                last = next_first - 1
            state.next_ordinal = ordinal + 1
            if last < first:
                self._files.unlink(path)
                continue
            self._files.fsync(path)
            size = self._files.status(path).st_size
            state.segments.append(
                SealedSegment(
                    self._files,
                    path,
                    writer=str(state.name),
                    ordinal=ordinal,
                    first_sequence=first,
                    last_sequence=last,
                    size=size,
                    frames=scanned.frames,
                    corruptions=scanned.corruptions,
                )
            )
            state.next_sequence = last + 1
        self._files.fsync_folder(state.folder)

    def open(
        self,
        name: WriterName,
        *,
        stream: str,
        destinations: Sequence[str],
        opened_at_unix_nano: int,
        opens: Mapping[str, Any],
    ) -> WriterState:
        """Make a new writer: durable on return.

        Raises:
            OSError: it could not be made; what there is of it is removed by the next :meth:`load`.
        """
        folder = self._folder / str(name)
        identity = Identity(str(name), stream, tuple(destinations), opened_at_unix_nano, dict(opens))
        self._files.make_folder(folder)
        self._files.replace(folder / _IDENTITY, msgspec.json.encode(identity))
        self._files.fsync_folder(self._folder)
        return WriterState(
            name=name,
            stream=stream,
            destinations=identity.destinations,
            opened_at_unix_nano=opened_at_unix_nano,
            opens=identity.opens,
            folder=folder,
        )

    def stage(
        self,
        name: WriterName,
        *,
        stream: str,
        origin: Origin,
        opened_at_unix_nano: int,
        opens: Mapping[str, Any],
    ) -> WriterState:
        """Begin a writer that takes over records. It is none before :meth:`admit`.

        Raises:
            OSError: it could not be made; what there is of it is removed by the next :meth:`load`.
        """
        folder = self._folder / f"{name}{_STAGED}"
        identity = Identity(
            str(name), stream, (origin.destination,), opened_at_unix_nano, dict(opens), origin
        )
        self._files.make_folder(folder)
        self._files.replace(folder / _IDENTITY, msgspec.json.encode(identity))
        return WriterState(
            name=name,
            stream=stream,
            destinations=identity.destinations,
            opened_at_unix_nano=opened_at_unix_nano,
            opens=identity.opens,
            folder=folder,
            origin=origin,
        )

    def admit(self, staged: WriterState) -> WriterState:
        """Close a staged writer and make it one, in one step: durable on return.

        Raises:
            OSError: it is one or it is none, and :meth:`load` will tell.
        """
        self.close(staged)
        name = str(staged.name)
        self._files.rename(staged.folder, self._folder / name)
        self._files.fsync_folder(self._folder)
        admitted = self._load_one(name)
        assert admitted is not None  # noqa: S101  it has an identity
        return admitted

    def find(self, origin: Origin, known: Collection[str]) -> WriterState | None:
        """A writer with this origin that an :meth:`admit` which failed late has left.

        Args:
            origin: where its records come from.
            known: names of the writers that are known.

        Raises:
            OSError: the disk refused.
        """
        for name in self._files.names(self._folder):
            if is_writer(name) and name not in known:
                self._files.fsync_folder(self._folder)
                state = self._load_one(name)
                if state is not None and state.origin == origin:
                    return state
        return None

    def close(self, state: WriterState, *, is_cloned: bool = False) -> None:
        """Say that nothing is appended to a writer any more: durable on return."""
        last_sequence = state.next_sequence - 1 if state.closed_at is None else state.closed_at
        closed = Closed(last_sequence, is_cloned)
        self._files.replace(state.folder / _CLOSED, msgspec.json.encode(closed))
        state.closed_at, state.is_cloned = closed.last_sequence, is_cloned

    def remove(self, state: WriterState) -> None:
        """Forget a closed writer whose chains are all closed: durable on return."""
        # The identity goes first: what is left is no writer any more and goes with the next load.
        self._files.unlink(state.folder / _IDENTITY)
        self._files.fsync_folder(state.folder)
        self._files.remove_tree(state.folder)
        self._files.fsync_folder(self._folder)
