"""No fork while a thread of ours imports.

A child of ``fork`` has one thread. A module that another thread was importing at that moment stays half imported in
it for ever, and whoever needs it there waits for ever. So our threads import under a lock that a fork waits for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["importing"]

_PATIENCE_S: Final = 10.0
"""A fork waits no longer: whoever forks may hold what the import waits for."""


class _Importing:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.is_held_for_fork = False


_state: Final = _Importing()


def _before() -> None:
    _state.is_held_for_fork = _state.lock.acquire(timeout=_PATIENCE_S)


def _after_in_parent() -> None:
    if _state.is_held_for_fork:
        _state.is_held_for_fork = False
        _state.lock.release()


def _after_in_child() -> None:
    _state.__init__()  # type: ignore[misc]  # whoever held the lock is not here


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


@contextmanager
def importing() -> Iterator[None]:
    """Around what loads modules, directly or by being called for the first time, on a thread of ours."""
    with _state.lock:
        yield
