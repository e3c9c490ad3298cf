"""What an application sends and gets back, seen at its HTTP clients, whatever order things are set up in.

::

    call.py       one request, and the client span whose record tells of it
    observer.py   one body, as somebody else reads it
    outgoing.py   bodies of requests that are files or come in parts
    urllib3.py    urllib3, and requests, which sends by it
    httpx.py      httpx and httpx2, sync and async
    aiohttp.py    aiohttp's client
    patches.py    wrappers around methods of these libraries, inside of everybody else's

No library is imported here: each is patched when the application imports it, and as long as something is captured.
"""

from __future__ import annotations

import os
import threading
from types import ModuleType
from typing import Final

import wrapt

from otel_audit.sdk.capture.active import active
from otel_audit.sdk.capture.clients import aiohttp, httpx, urllib3
from otel_audit.sdk.capture.clients.call import harmless
from otel_audit.sdk.capture.clients.patches import Patch
from otel_audit.sdk.capture.inference import follow_switch

__all__ = ["keep_up"]

_PATCHES: Final = {
    "urllib3": urllib3.patches,
    "httpx": httpx.patches,
    "httpx2": httpx.patches,
    "aiohttp": aiohttp.patches,
}
"""Module → what is wrapped in it."""


class _State:
    def __init__(self) -> None:
        self.lock = threading.RLock()  # an import in the middle of ours may come back here
        self.is_following = False
        self.imported: dict[str, ModuleType] = {}
        self.patched: dict[str, list[Patch]] = {}

    def forget_lock(self) -> None:
        """Whoever held it when the process forked is not in the child."""
        self.lock = threading.RLock()


_state: Final = _State()

os.register_at_fork(after_in_child=_state.forget_lock)


def keep_up() -> None:
    """Patch clients where something is captured now, and put back what was there where nothing is any more."""
    with _state.lock:
        if active() is None:
            _restore()
            return
        follow_switch()
        if not _state.is_following:
            _state.is_following = True
            for name in _PATCHES:
                wrapt.register_post_import_hook(_imported, name)
        for module in _state.imported.values():
            _patch(module)


def _imported(module: ModuleType) -> None:
    with _state.lock:
        _state.imported[module.__name__] = module
        if active() is not None:
            _patch(module)


@harmless
def _patch(module: ModuleType) -> None:
    name = module.__name__
    if name not in _state.patched:
        patched = _state.patched[name] = []
        for patch in _PATCHES[name](module):
            patch.put()
            patched.append(patch)


@harmless
def _restore() -> None:
    while _state.patched:
        _, patched = _state.patched.popitem()
        for patch in patched:
            patch.take_out()
