"""The registry at its destination: read on from what is known, and append.

Every call needs permission to read and to create, none to list: versions are read by their number until there is none.
S3 answers 403 for an object that is not there to those who may not list, so after a version that could be read it means
the end, too.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from otel_audit.errors import Blocked, Conflict, IntegrityError, Missing
from otel_audit.registry.state import EMPTY, RegistryState
from otel_audit.registry.versions import (
    FORMAT,
    Actor,
    Change,
    RegisteredModel,
    RegistryVersion,
    check,
    serialise,
)
from otel_audit.seal.times import timestamp
from otel_audit.store.base import Store
from otel_audit.store.layout import REGISTRY_PREFIX, RegistryFile, parse

__all__ = ["FORBIDDEN", "Changed", "Decision", "Registry"]

Decision: TypeAlias = "Callable[[RegistryState], tuple[Change, RegisteredModel] | None]"
"""What is to be changed, given what the registry holds; None if nothing is. May be asked again."""

FORBIDDEN: Final = "http-403"

_RACES: Final = 64
"""Numbers that may be lost to others in one change."""


class Changed(NamedTuple):
    """What a change did.

    Attributes:
        before: the registry without it.
        after: the registry with it.
        version: that was made; None if nothing was to be changed.
    """

    before: RegistryState
    after: RegistryState
    version: RegistryVersion | None


class Registry:
    """The registry of one destination. Not thread-safe.

    Args:
        store: the destination.
        known: what was read of it before.
    """

    def __init__(self, store: Store, known: RegistryState = EMPTY) -> None:
        self._store = store
        self._state = known

    def read(self) -> RegistryState:
        """Everything up to the newest version.

        Raises:
            IntegrityError: a version is none, or does not follow the one before.
            StoreError: the destination cannot be read.
        """
        began = self._state.number
        while True:
            number = self._state.number + 1
            try:
                content = self._store.read(RegistryFile(number).path)
            except Missing:
                return self._state
            except Blocked as error:
                if error.cause == FORBIDDEN and number > began + 1:
                    return self._state
                raise
            self._state = self._state.after(content)

    def change(self, decide: Decision, actor: Actor, *, clock: Callable[[], int] = time.time_ns) -> Changed:
        """Append a version: durable on return.

        Args:
            decide: asked again after each race that is lost, since what it goes by has changed.
            actor: who makes the change.
            clock: nanoseconds since the epoch, now.

        Raises:
            InputError: a name is none.
            IntegrityError: as :meth:`read`.
            StoreError: likewise, or it cannot be written. The change was made or not: asking for it again
                makes it once.
        """
        for _ in range(_RACES):
            state = self.read()
            decided = decide(state)
            if decided is None:
                return Changed(state, state, None)
            kind, model = decided
            check(model, actor)
            number = state.number + 1
            version = RegistryVersion(number, timestamp(clock()), actor, kind, model, FORMAT, state.head)
            content = serialise(version)
            try:
                self._store.create(
                    RegistryFile(number).path, content, sha256=hashlib.sha256(content).hexdigest()
                )
            except Conflict:
                continue
            self._state = state.after(content)
            return Changed(state, self._state, version)
        raise Conflict("others change the registry of models all the time")

    def check_whole(self) -> None:
        """Raise IntegrityError if something is there that the chain does not reach. Needs permission to list."""
        state = self.read()
        for info in self._store.list(REGISTRY_PREFIX):
            found = parse(info.path)
            if isinstance(found, RegistryFile) and found.number > state.number:
                raise IntegrityError("a version before it is missing", path=info.path)
