"""Log lines about what goes on being wrong: each at most once a minute, since a disk in trouble needs no more."""

from __future__ import annotations

import logging
import time
from typing import Final

__all__ = ["Saying"]

_EVERY_S: Final = 60.0


class Saying:
    """Errors of one doer. For one thread.

    Args:
        log: where they are said.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said_s: dict[tuple[str, str], float] = {}

    def error(self, line: str, about: str, cause: object) -> None:
        """Say it, unless the same was said of the same within a minute.

        Args:
            line: with two places, for what it is about and why.
            about: a destination, a writer, the spool.
            cause: names a cause, never a value.
        """
        now = time.monotonic()
        if now - self._said_s.get((line, about), float("-inf")) >= _EVERY_S:
            self._said_s[line, about] = now
            self._log.error(line, about, cause)
