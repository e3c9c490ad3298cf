"""What a watch has taken: kept on disk, so that the next one goes on where it was.

Rules:

1. A file is known by its content: by its first bytes and by those before the place up to which it was taken. So a file
   that was renamed, or copied into a bucket, is the file that it was, and one that took over its name is not.
2. Before a round is written to the log, it is noted which part of which file it is made of; that it was done is noted
   with the next round. A watch that finds such a plan does the same round again: what of it is in the log is
   known there by its content, and is not written twice.
3. One watch at a time: the file beside it is locked.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from otel_audit.cli.ingest.sources import Found
from otel_audit.errors import ConfigurationError, InputError

__all__ = ["EDGE", "Mark", "Part", "Taken", "edge"]

EDGE: Final = 4096
"""Bytes by which a beginning or an end is known: several spans, with their ids and times."""

_KEPT_S: Final = 30 * 86_400
"""How long a file that is not there any more is remembered: it may come back under another name."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file was taken.

    Attributes:
        name: what it was called when it was seen last.
        size, stamp: what it had then.
        end: bytes of it that are done with.
        head_size, head: how many bytes its beginning is known by, and their SHA-256.
        tail: SHA-256 of the bytes before ``end``.
        is_done: all of it is done with, as long as size and stamp stay.
        seen_s: when it was seen last, seconds since the epoch.
    """

    name: str
    size: int
    stamp: str
    end: int
    head_size: int
    head: str
    tail: str
    is_done: bool
    seen_s: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that a round is made of: from ``start`` to ``end``, of a file with that beginning."""

    name: str
    start: int
    end: int
    head_size: int
    head: str


class _State(msgspec.Struct, kw_only=True):
    version: int = 1
    sources: list[str] = []
    files: list[Mark] = []
    planned: list[Part] = []


class Taken:
    """The memory of one watch. Not thread-safe.

    Args:
        folder: where it is kept; made 0700 if it is missing.
        sources: names of what is watched: another set has another memory.

    Attributes:
        planned: the round that a watch before this one may not have brought to its end.

    Raises:
        ConfigurationError: another watch holds it, or it cannot be read.
    """

    def __init__(self, folder: Path, sources: Sequence[str]) -> None:
        self.id = hashlib.sha256("\0".join(sorted(sources)).encode()).hexdigest()[:16]
        self.path = folder / f"{self.id}.json"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(folder / f"{self.id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"another process watches the same places (it holds {self.path})"
            ) from error
        self._sources = sorted(sources)
        self._marks: dict[str, Mark] = {}
        self._gone: list[Mark] = []
        self.planned: list[Part] = []
        if self.path.exists():
            self._load()

    def is_done(self, found: Found) -> bool:
        """Whether nothing new is in a file, by its name, size and stamp."""
        mark = self._marks.get(found.name)
        return mark is not None and mark.is_done and (mark.size, mark.stamp) == (found.size, found.stamp)

    def end_in(self, found: Found, file: io.BufferedReader) -> int:
        """Up to where a file was taken, under this name or another; 0 if it is a new one."""
        own = self._marks.get(found.name)
        others = [mark for name, mark in self._marks.items() if name != found.name] + self._gone
        heads: dict[int, str] = {}
        for mark in ([own] if own else []) + sorted(others, key=lambda mark: -mark.end):
            if mark.end > found.size:
                continue
            if mark.head_size not in heads:
                heads[mark.head_size] = edge(file, 0, mark.head_size)
            if heads[mark.head_size] == mark.head:
                start = max(0, mark.end - EDGE)
                if edge(file, start, mark.end - start) == mark.tail:
                    return mark.end
        return 0

    def took(self, found: Found, file: io.BufferedReader, end: int, *, is_done: bool) -> Mark:
        """The mark of a file once it is taken up to ``end``; for :meth:`done`."""
        head_size, start = min(EDGE, end), max(0, end - EDGE)
        return Mark(
            name=found.name,
            size=found.size,
            stamp=found.stamp,
            end=end,
            head_size=head_size,
            head=edge(file, 0, head_size),
            tail=edge(file, start, end - start),
            is_done=is_done,
            seen_s=int(time.time()),
        )

    def plan(self, parts: Sequence[Part]) -> None:
        """Note what a round is made of: durable on return."""
        self.planned = list(parts)
        self._save()

    def done(self, marks: Iterable[Mark]) -> None:
        """The round is in the log, up to these marks. Durable with the next :meth:`plan` or :meth:`save`."""
        for mark in marks:
            before = self._marks.get(mark.name)
            if before is not None and (before.head, before.head_size) != (mark.head, mark.head_size):
                self._gone.append(before)
            self._marks[mark.name] = mark
        self.planned = []

    def forget(self, names: set[str]) -> None:
        """Of what is not among these names any more, remember only what it takes to know it again."""
        for name in self._marks.keys() - names:
            self._gone.append(self._marks.pop(name))
        oldest = time.time() - _KEPT_S
        self._gone = [mark for mark in self._gone if mark.seen_s >= oldest]

    def save(self) -> None:
        """Note what was done: durable on return."""
        self._save()

    def close(self) -> None:
        """Leave it to the next watch."""
        os.close(self._lock)

    def _load(self) -> None:
        try:
            state = msgspec.json.decode(self.path.read_bytes(), type=_State)
        except (OSError, msgspec.MsgspecError) as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"{self.path} cannot be read: what it said of files that were taken is lost. Without it, all of "
                "them are taken again, as copies that fold; to go on like that, remove it"
            ) from error
        for mark in state.files:
            if mark.name in self._marks:
                self._gone.append(self._marks[mark.name])
            self._marks[mark.name] = mark
        self.planned = state.planned

    def _save(self) -> None:
        state = _State(
            sources=self._sources, files=[*self._gone, *self._marks.values()], planned=self.planned
        )
        new = self.path.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(state))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise InputError("cannot be written", source=str(self.path)) from error


def edge(file: io.BufferedReader, start: int, size: int) -> str:
    """SHA-256 of some bytes of a file."""
    file.seek(start)
    return hashlib.sha256(file.read(size)).hexdigest()
