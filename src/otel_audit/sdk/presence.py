"""A sign that a process records, from its first span until its first record is durable.

Before that nothing of it is in the spool: our libraries are being loaded, which takes a second. If it is killed
meanwhile, whoever records next finds the sign without its owner and tells of it in a gap record.

::

    <spool>/starting/<random>        locked by the process for as long as it lives; when it was made is all it says
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
import uuid
import weakref
from pathlib import Path
from typing import Final

from otel_audit.errors import describe_defect

__all__ = ["FOLDER", "Presence"]

_log = logging.getLogger(__name__)

FOLDER: Final = "starting"

_CREATE: Final = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC

_shown: Final[weakref.WeakSet[Presence]] = weakref.WeakSet()


def _forget_in_child() -> None:
    # The lock is the parent's for as long as any copy of its descriptor is open.
    for presence in tuple(_shown):
        presence._close()


os.register_at_fork(after_in_child=_forget_in_child)


class Presence:
    """The sign of one recorder. Never raises: without it only what it is for is missing.

    Args:
        spool: folder of the spool; made 0700 if it is missing.
    """

    def __init__(self, spool: Path) -> None:
        self._folder = spool / FOLDER
        self._path: Path | None = None
        self._lock = -1
        _shown.add(self)

    def show(self) -> None:
        """Make the sign."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / uuid.uuid4().hex
            self._lock = os.open(path, _CREATE, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path = path
        except OSError as error:
            # The spool says so itself, at the first record.
            _log.debug("no sign could be made: %s", describe_defect(error))

    def take_down(self) -> None:
        """Remove it: the spool knows of this process now, or there is nothing to know."""
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            self._close()

    def left_by_the_dead(self) -> list[tuple[int, int]]:
        """Remove the signs that nobody holds. Returns from when to when their owners ended, ns since the epoch."""
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                if path != self._path and (began := _claim(path)) is not None:
                    found.append((began, time.time_ns()))
        return found

    def _close(self) -> None:
        lock, self._lock = self._lock, -1
        self._path = None
        if lock >= 0:
            with contextlib.suppress(OSError):
                os.close(lock)


def _claim(path: Path) -> int | None:
    """When a sign was made, if its owner is gone; it is removed then."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        began = os.fstat(lock).st_mtime_ns
        path.unlink()
    except OSError:
        return None
    finally:
        os.close(lock)
    return began
