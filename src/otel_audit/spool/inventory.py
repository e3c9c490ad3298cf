"""What waits in a spool: since when, for whom and why. Reads the disk, holds no lock, changes nothing.

A process that works in a slot meanwhile may move or free what is being looked at; then it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from otel_audit.spool.commit import PLAN_FILE
from otel_audit.spool.explain import explain
from otel_audit.spool.files import Files
from otel_audit.spool.ledger import read_state
from otel_audit.spool.moves import RETRY_FILE
from otel_audit.spool.plan import Loss, Plan
from otel_audit.spool.premises import LEDGER, OUTBOX, QUARANTINE, WRITERS
from otel_audit.spool.segment import parse_segment_name
from otel_audit.spool.trouble import TROUBLE_FILE, TroubleNote
from otel_audit.spool.writer_state import is_writer
from otel_audit.store.names import SLUG

__all__ = [
    "Quarantined",
    "SlotInventory",
    "WaitingCommits",
    "WaitingSegments",
    "inventory",
    "request_retry",
    "slot_inventory",
]

_SLOT: Final = "slot-"


@dataclass(frozen=True, slots=True)
class WaitingSegments:
    """Records of one writer that are durable and have no plan yet at some destination.

    Attributes:
        writer: who numbered them.
        segments: files, the one that is being appended to included.
        size: bytes.
        since_unix_nano: when the oldest file was last written to.
    """

    writer: str
    segments: int
    size: int
    since_unix_nano: int


@dataclass(frozen=True, slots=True)
class WaitingCommits:
    """What waits for one destination.

    Attributes:
        destination: its id.
        commits: planned and not done.
        records: in them.
        size: bytes of their files.
        since_unix_nano: when the oldest was planned; None if none waits.
        trouble: why, as far as the destination failed; None if it does not.
    """

    destination: str
    commits: int
    records: int
    size: int
    since_unix_nano: int | None
    trouble: TroubleNote | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A commit that its destination does not want.

    Attributes:
        destination: its id.
        writer: who numbered the records.
        stream: which stream they are of.
        commit: its number.
        records: in it.
        size: bytes of its files.
        since_unix_nano: when it was planned.
        is_retried: :func:`request_retry` was called, and nobody has acted on it yet.
        path: its folder.
    """

    destination: str
    writer: str
    stream: str
    commit: int
    records: int
    size: int
    since_unix_nano: int
    is_retried: bool
    path: Path


@dataclass(frozen=True, slots=True)
class SlotInventory:
    """What one slot holds.

    Attributes:
        service: name of the service's folder.
        slot: name of the slot.
        path: its folder.
        is_clean: the last process that used it has left it in order; False also while one does use it.
        losses: what is lost and in no gap record yet.
        segments: by writer.
        commits: by destination.
        quarantine: commits that were refused.
        damaged: segments that could not be read back whole.
    """

    service: str
    slot: str
    path: Path
    is_clean: bool
    losses: tuple[Loss, ...]
    segments: tuple[WaitingSegments, ...]
    commits: tuple[WaitingCommits, ...]
    quarantine: tuple[Quarantined, ...]
    damaged: tuple[Path, ...]


def inventory(root: Path, files: Files | None = None) -> list[SlotInventory]:
    """Every slot of every service of a spool, in order. Empty if there is no spool.

    Args:
        root: the spool's folder.
        files: the file system.

    Raises:
        SpoolError: it could not be read.
    """
    files = files or Files()
    with explain("be looked through"):
        return [
            slot_inventory(files, root / service / slot)
            for service in files.names(root)
            for slot in sorted(
                (name for name in files.names(root / service) if name.removeprefix(_SLOT).isdigit()),
                key=lambda name: int(name.removeprefix(_SLOT)),
            )
        ]


def request_retry(quarantined: Quarantined, files: Files | None = None) -> None:
    """Ask whoever holds the slot, now or next, to try a refused commit again: durable on return.

    Its records become a new commit with new numbers, for that destination alone.

    Raises:
        SpoolError: it could not be noted.
    """
    files = files or Files()
    with explain("note that a commit is to be tried again"):
        files.replace(quarantined.path / RETRY_FILE, b"")


def slot_inventory(files: Files, path: Path) -> SlotInventory:
    """What one slot holds.

    Raises:
        OSError: it could not be read.
    """
    try:
        _, state = read_state(files.read(path / LEDGER))
        is_clean, losses = state.is_clean, state.losses
    except FileNotFoundError:
        is_clean, losses = True, ()
    quarantine = path / QUARANTINE
    return SlotInventory(
        service=path.parent.name,
        slot=path.name,
        path=path,
        is_clean=is_clean,
        losses=losses,
        segments=tuple(_segments(files, path / WRITERS)),
        commits=tuple(_commits(files, path / OUTBOX)),
        quarantine=tuple(_quarantined(files, quarantine)),
        damaged=tuple(quarantine / name for name in files.names(quarantine) if name.endswith(".seg")),
    )


def _segments(files: Files, folder: Path) -> Iterator[WaitingSegments]:
    for writer in filter(is_writer, files.names(folder)):
        found = [
            status
            for name in files.names(folder / writer)
            if parse_segment_name(name) and (status := _status(files, folder / writer / name))
        ]
        if found:
            size = sum(status.st_size for status in found)
            yield WaitingSegments(writer, len(found), size, min(status.st_mtime_ns for status in found))


def _commits(files: Files, folder: Path) -> Iterator[WaitingCommits]:
    for destination in files.names(folder):
        place = folder / destination
        plans = [plan for writer in files.names(place) for plan in _plans(files, place / writer)]
        trouble = _decoded(files, folder / destination / TROUBLE_FILE, TroubleNote)
        if plans or trouble:
            yield WaitingCommits(
                destination=destination,
                commits=len(plans),
                records=sum(plan.records for _, plan, _ in plans),
                size=sum(file.size for _, plan, _ in plans for file in plan.files),
                since_unix_nano=min((since for _, _, since in plans), default=None),
                trouble=trouble,
            )


def _quarantined(files: Files, folder: Path) -> Iterator[Quarantined]:
    for destination in (name for name in files.names(folder) if re.fullmatch(SLUG, name)):
        for writer in filter(is_writer, files.names(folder / destination)):
            for path, plan, since in _plans(files, folder / destination / writer):
                yield Quarantined(
                    destination=destination,
                    writer=writer,
                    stream=plan.stream,
                    commit=plan.commit,
                    records=plan.records,
                    size=sum(file.size for file in plan.files),
                    since_unix_nano=since,
                    is_retried=RETRY_FILE in files.names(path),
                    path=path,
                )


def _plans(files: Files, folder: Path) -> Iterator[tuple[Path, Plan, int]]:
    """Folder, plan and time of planning of each commit of a chain."""
    for name in files.names(folder) if is_writer(folder.name) else ():
        path = folder / name / PLAN_FILE
        plan = _decoded(files, path, Plan)
        status = _status(files, path)
        if plan is not None and status is not None:
            yield folder / name, plan, status.st_mtime_ns


def _decoded(files: Files, path: Path, kind: type[Any]) -> Any:
    """A file's content; None if it is not there or not one that this version reads."""
    try:
        return msgspec.json.decode(files.read(path), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def _status(files: Files, path: Path) -> Any:
    try:
        return files.status(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
