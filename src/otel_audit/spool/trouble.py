"""Why records wait for a destination, kept where ``otel-audit spool list`` can read it.

::

    outbox/<destination>/trouble     while the destination fails; gone when it does not
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from otel_audit.shapes import ready_to_read
from otel_audit.spool.files import Files

__all__ = ["TROUBLE_FILE", "Trouble", "TroubleNote"]

TROUBLE_FILE: Final = "trouble"

_WRITE_EVERY_S: Final = 60.0


@ready_to_read
class TroubleNote(msgspec.Struct, frozen=True, rename="camel"):
    """Content of ``trouble``.

    Attributes:
        cause: short name of the last error, from a closed set.
        since_unix_nano: when the destination began to fail.
        last_unix_nano: when it last did, give or take a minute.
    """

    cause: str
    since_unix_nano: int
    last_unix_nano: int


class Trouble:
    """Keeps the note of one destination. For one thread.

    Args:
        files: the file system.
        folder: the destination's outbox.
        clock_unix_nano: wall clock, nanoseconds since the epoch.
    """

    def __init__(self, files: Files, folder: Path, clock_unix_nano: Callable[[], int]) -> None:
        self._files, self._folder, self._clock_unix_nano = files, folder, clock_unix_nano
        self._note: TroubleNote | None = None
        self._written_s = float("-inf")

    def note(self, cause: str | None) -> None:
        """Write a cause, at once if it is another, else once a minute; None removes the note.

        Raises:
            OSError: it could not be.
        """
        path = self._folder / TROUBLE_FILE
        if cause is None:
            self._note = None
            self._files.unlink(path)
            return
        before, now = self._note, self._clock_unix_nano()
        if (
            before is not None
            and before.cause == cause
            and time.monotonic() < self._written_s + _WRITE_EVERY_S
        ):
            return
        self._note = TroubleNote(cause, now if before is None else before.since_unix_nano, now)
        self._written_s = time.monotonic()
        self._files.make_folder(self._folder)
        self._files.replace(path, msgspec.json.encode(self._note))
