"""Objects in this process's memory: the real behaviour of a store, for tests, trials and examples.

``memory://name`` is shared by everything in the process that opens the same name, and gone with the process.
A forked child starts from the parent's objects and shares nothing with it afterwards.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from otel_audit.errors import Conflict, Missing, Retry
from otel_audit.store.base import ObjectInfo, Outcome, check_path
from otel_audit.store.content import blocks, compare_sha256
from otel_audit.store.layout import ProbeFile
from otel_audit.store.url import Scheme, StoreUrl


@dataclass(frozen=True, slots=True, eq=False)
class _Object:
    """Told apart by identity: equal bytes may be one object of the interpreter."""

    content: bytes
    created_unix_nano: int = field(default_factory=time.time_ns)


_BUCKETS: Final[dict[str, dict[str, _Object]]] = {}


class MemoryStore:
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: a ``memory://`` destination; its name selects the shared objects.
    """

    def __init__(self, url: StoreUrl) -> None:
        if url.scheme is not Scheme.MEMORY:
            raise ValueError("a MemoryStore has a memory:// URL")
        self._url = str(url)
        self._prefix = f"{url.prefix}/" if url.prefix else ""
        # dict.setdefault is one step of the interpreter: openers and creators need no lock around it.
        self._objects = _BUCKETS.setdefault(url.host, {})
        self._closed = threading.Event()

    @property
    def url(self) -> str:
        """The destination."""
        return self._url

    def create(self, path: str, content: bytes | Path, *, sha256: str) -> Outcome:
        """Keep a copy of the content; see the port."""
        key = self._key(path)
        mine = _Object(b"".join(blocks(content, path=path)))
        compare_sha256(hashlib.sha256(mine.content).hexdigest(), path=path, sha256=sha256)
        kept = self._objects.setdefault(key, mine)
        if kept is mine:
            return Outcome.CREATED
        if kept.content != mine.content:
            raise Conflict("exists-with-other-content", path=path)
        return Outcome.ALREADY_SAME

    def read(self, path: str) -> bytes:
        """The object's bytes; see the port."""
        try:
            return self._objects[self._key(path)].content
        except KeyError:
            raise Missing("not-found", path=path) from None

    def size(self, path: str) -> int:
        """The object's size in bytes; see the port."""
        return len(self.read(path))

    def created(self, path: str) -> int:
        """When it was created; see the port."""
        try:
            return self._objects[self._key(path)].created_unix_nano
        except KeyError:
            raise Missing("not-found", path=path) from None

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """What is there when iteration starts; see the port."""
        self._check_open()
        start = self._prefix + prefix
        snapshot = self._objects.copy()
        for key in sorted(snapshot):
            if key.startswith(start):
                yield ObjectInfo(key.removeprefix(self._prefix), len(snapshot[key].content))

    def open_input(self, path: str) -> pa.NativeFile:
        """The object's bytes without a copy; see the port."""
        return pa.BufferReader(self.read(path))

    def try_overwrite(self, probe: ProbeFile, content: bytes) -> bool:
        """Nothing forbids it; see :class:`~otel_audit.store.probing.Prober`."""
        self._objects[self._key(probe.path)] = _Object(content)
        return True

    def try_delete(self, probe: ProbeFile) -> bool:
        """Nothing forbids it; see :class:`~otel_audit.store.probing.Prober`."""
        del self._objects[self._key(probe.path)]
        return True

    def close(self) -> None:
        """Nothing to give back: the objects stay for others that open the same name."""
        self._closed.set()

    def _key(self, path: str) -> str:
        self._check_open()
        check_path(path)
        return self._prefix + path

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Retry("closed")
