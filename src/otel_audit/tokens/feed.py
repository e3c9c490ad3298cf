"""A key set that is fetched: by a thread of its own, kept, and fetched again when it is old or a key is missing."""

from __future__ import annotations

import logging
import os
import threading
import time
import urllib.request
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    attach,
    get_current,
    set_value,
)

from otel_audit.tokens.keys import Key, read_key_set

__all__ = ["KeyFeed"]

_log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 5.0
_RETRY_S: Final = 30.0
"""Tokens that name keys which nobody has must not make us fetch more often."""

_SAY_EVERY_S: Final = 60.0

_MOST_BYTES: Final = 1 << 20


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing that leaves ``https``."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]  # noqa: PLR0917
        if urlsplit(newurl).scheme != "https":
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class KeyFeed:
    """Keys from a URL. For one thread, which may be held for a few seconds when keys are missing.

    Args:
        url: of a JSON Web Key Set.
        max_age_s: after which it is fetched again; the old keys hold meanwhile, and where it cannot be fetched.
    """

    def __init__(self, url: str, max_age_s: float) -> None:
        self._url, self._max_age_s = url, max_age_s
        self._keys: Sequence[Key] = ()
        self._began_s = self._came_s = self._said_s = float("-inf")
        self._fetching: threading.Thread | None = None
        self._pid = os.getpid()

    def keys(self) -> Sequence[Key]:
        """What is known; waits for the first set. Empty where it could not be had."""
        if not self._keys:
            self._fetch(wait=True)
        elif time.monotonic() - self._came_s > self._max_age_s:
            self._fetch(wait=False)
        return self._keys

    def newer_keys(self) -> Sequence[Key]:
        """What is known after one more look, unless the last one was a moment ago."""
        self._fetch(wait=True)
        return self._keys

    def _fetch(self, *, wait: bool) -> None:
        now, pid = time.monotonic(), os.getpid()
        running = self._fetching is not None and self._fetching.is_alive() and pid == self._pid
        if not running:
            if now - self._began_s < _RETRY_S and pid == self._pid:
                return
            self._began_s, self._pid = now, pid
            self._fetching = threading.Thread(target=self._run, name="otel-audit-keys", daemon=True)
            try:
                self._fetching.start()
            except RuntimeError:  # the interpreter ends
                self._fetching = None
                return
        if wait and self._fetching is not None:
            self._fetching.join(_TIMEOUT_S)

    def _run(self) -> None:
        context = set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, get_current())
        attach(set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, True, context))
        try:
            opener = urllib.request.build_opener(_SecureRedirects)
            with opener.open(self._url, timeout=_TIMEOUT_S) as answer:
                content = answer.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise ValueError("too large")
            self._keys = read_key_set(content)
            self._came_s = time.monotonic()
        except Exception as error:  # noqa: BLE001  (whatever a server answers, records go on)
            now_s = time.monotonic()
            if now_s - self._said_s >= _SAY_EVERY_S:
                self._said_s = now_s
                _log.error("the keys of identity.jwt.jwks_url could not be fetched: %s", type(error).__name__)
