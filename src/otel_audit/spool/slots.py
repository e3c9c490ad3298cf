"""Finding a slot of a service: folders, locks, and whether something waits in one that nobody holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from otel_audit.spool import guard
from otel_audit.spool.explain import explain
from otel_audit.spool.files import Files
from otel_audit.spool.inventory import slot_inventory
from otel_audit.spool.options import SpoolOptions
from otel_audit.spool.premises import WRITERS
from otel_audit.spool.writer_state import is_writer
from otel_audit.store.names import WriterName, slug

__all__ = ["lock_slot", "numbers", "service_folder", "slot_path", "waits"]

_LOCK: Final = "lock"
_SLOT: Final = "slot-"


def service_folder(files: Files, root: Path, service: str, options: SpoolOptions) -> Path:
    """The folder of a service, made and checked.

    Raises:
        ConfigurationError: it, or the spool's, is not safe.
        SpoolError: it could not be made.
    """
    guard.spool_root(files, root, force=options.force)
    folder = root / slug(service)
    guard.own_folder(files, folder, force=options.force)
    return folder


def slot_path(folder: Path, number: int) -> Path:
    """The folder of a slot."""
    return folder / f"{_SLOT}{number}"


def numbers(files: Files, folder: Path) -> list[int]:
    """Numbers of the slots that a service has, in order.

    Raises:
        SpoolError: the folder could not be read.
    """
    with explain("look for slots"):
        names = files.names(folder)
    return sorted(int(number) for name in names if (number := name.removeprefix(_SLOT)).isdigit())


def lock_slot(files: Files, path: Path, options: SpoolOptions) -> int | None:
    """A descriptor that holds the lock of a slot, made if it is not there; None if another process does.

    Raises:
        ConfigurationError: the folder is not safe.
        SpoolError: the disk refused.
    """
    guard.own_folder(files, path, force=options.force)
    with explain("lock a slot"):
        lock = files.open_lock(path / _LOCK)
        try:
            if files.try_lock(lock):
                return lock
        except BaseException:
            files.close(lock)
            raise
        files.close(lock)
        return None


def waits(files: Files, path: Path, now_unix_nano: int) -> bool:
    """Whether a slot that nobody holds has something to be shipped, told or closed. Takes no lock.

    Raises:
        SpoolError: it could not be read.
    """
    today = datetime.fromtimestamp(now_unix_nano // 10**9, UTC).date()
    with explain("look into a slot"):
        seen = slot_inventory(files, path)
        return (
            bool(seen.segments or seen.losses or not seen.is_clean)
            or any(waiting.commits for waiting in seen.commits)
            or any(refused.is_retried for refused in seen.quarantine)
            or any(
                _is_over(files, path / WRITERS / name, today)
                for name in files.names(path / WRITERS)
                if is_writer(name)
            )
        )


def _is_over(files: Files, writer: Path, today: date) -> bool:
    return WriterName.parse(writer.name).opened != today or "closed" in files.names(writer)
