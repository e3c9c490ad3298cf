"""The tokens that are accepted now: those of a file, which is read again when it changes."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otel_audit.errors import ConfigurationError
from otel_audit.receive.token_file import Token, digest_of, read_tokens

__all__ = ["Tokens"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0


class Tokens:
    """Looks tokens up, on the thread of one event loop.

    Args:
        path: the file.

    Raises:
        ConfigurationError: it cannot be read, or is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_s = time.monotonic()
        self._state = _state(path)
        self._by_digest = {token.sha256: token for token in read_tokens(path)}

    def find(self, secret: str) -> Token | None:
        """What is known of a token; ``None`` if it is not accepted."""
        self._look()
        # Found by its digest, so how long this takes says nothing of any token.
        token = self._by_digest.get(digest_of(secret))
        return token if token is not None and token.is_valid(datetime.now(UTC)) else None

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            tokens = read_tokens(self._path)
        except ConfigurationError as error:
            _log.error("tokens stay as they were: %s", error)
        else:
            self._by_digest = {token.sha256: token for token in tokens}
            _log.info("%d tokens are known now", len(tokens))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
