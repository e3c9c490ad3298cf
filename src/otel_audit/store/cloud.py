"""What every object store in a cloud does the same way; only the requests differ.

- **"It exists" is a question.** A create whose answer was lost finds its own object: what is stored is compared
  by size and the checksum that the store keeps. Where the two cannot be compared (an object that another client
  put together from parts), its bytes are fetched and hashed. A 403 asks the same, since to a principal that may
  not replace it can mean that the object exists.
- **What was stored is looked at.** An upload that succeeded and left other content is a ``Conflict``.
- **Few retries, in a bounded time.** A passing fault is tried again a few times, with jitter; waiting longer is
  the caller's.
- **A loop of our own** carries the requests (:mod:`otel_audit.store.loop_thread`): at the interpreter's exit and
  after a fork it works where a shared one does not. An upload that begins or goes on in ``atexit`` is made; once
  threads can no longer be started it is ``Retry("interpreter-exit")``, and the next process ships it from the
  spool.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import pyarrow as pa

from otel_audit.errors import Blocked, Conflict, Missing, Retry
from otel_audit.store.base import ObjectInfo, Outcome, StoreOptions, check_path
from otel_audit.store.layout import ProbeFile
from otel_audit.store.loop_thread import LoopThread
from otel_audit.store.ranges import RangeFile
from otel_audit.store.url import StoreUrl

T = TypeVar("T")

_FORBIDDEN: Final = frozenset({"http-403", "immutable"})
"""Causes with which a store forbids to replace or delete: no permission, a retention policy, a hold."""


class Fingerprint(Protocol):
    """Size and checksums of an object, of those that its store keeps."""

    @property
    def size(self) -> int:
        """Bytes."""

    def agrees(self, stored: Self) -> bool | None:
        """Whether ``stored`` is of the same content; None if its checksums cannot tell."""


F = TypeVar("F", bound=Fingerprint)


class ObjectApi(Protocol[F]):
    """The few requests that a store needs; every method is called on the store's loop.

    ``key`` is the object's full name, ``path`` the one relative to the destination, for errors. What goes wrong
    is raised as a StoreError; nothing is tried again.
    """

    async def upload(
        self, key: str, content: bytes | Path, mine: F, *, path: str, chunk_bytes: int
    ) -> F | None:
        """Create an object, unless it exists, in chunks of about this size.

        Returns:
            What is stored now; None if the object exists, before or since.
        """

    async def stat(self, key: str, *, path: str) -> F:
        """What is stored. Raises Missing."""

    async def created(self, key: str, *, path: str) -> int:
        """When the object was made, nanoseconds since the epoch. Raises Missing."""

    async def download(self, key: str, *, path: str) -> bytes:
        """All bytes of an object, held to the checksum that the store keeps of it. Raises Missing."""

    async def download_range(self, key: str, start: int, end: int, *, path: str) -> bytes:
        """The bytes from ``start`` up to, not including, ``end``. Raises Missing."""

    async def download_tail(self, key: str, *, path: str) -> tuple[int, bytes]:
        """Size of an object and its last bytes. Raises Missing."""

    async def page(self, prefix: str, token: str) -> tuple[Sequence[tuple[str, int]], str]:
        """A page of a listing: key and size of each object, and the next page's token, empty on the last.

        A key that ends with ``/`` stands for a folder and is no object.
        """

    async def replace(self, key: str, content: bytes, *, path: str) -> None:
        """Upload, whatever is there. For probes."""

    async def delete(self, key: str, *, path: str) -> None:
        """Delete an object. For probes. Raises Missing."""

    async def after_blocked(self, cause: str) -> None:
        """Somebody has to act: look for credentials again at the next request, if that is what they mend."""

    async def close(self) -> None:
        """Give back connections."""


class CloudStore(Generic[F]):
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: the destination. It is neither made nor looked at before the first call.
        options: time-outs and attempts.
        name: of the thread that carries the requests.
        fingerprint: reads content once and holds it to its SHA-256; see ``content.check_sha256``.
        connect: makes the requests' client, on the store's loop.
        chunk_bytes: of an upload, where the store's rules raise the option's.
    """

    def __init__(
        self,
        url: StoreUrl,
        options: StoreOptions,
        *,
        name: str,
        fingerprint: Callable[..., F],
        connect: Callable[[], ObjectApi[F]],
        chunk_bytes: int | None = None,
    ) -> None:
        self._prefix = f"{url.prefix}/" if url.prefix else ""
        self._url, self._options, self._fingerprint = str(url), options, fingerprint
        self._chunk_bytes = chunk_bytes or options.upload_chunk_bytes
        self._thread = LoopThread(name, connect)

    @property
    def url(self) -> str:
        """The destination."""
        return self._url

    def create(self, path: str, content: bytes | Path, *, sha256: str) -> Outcome:
        """Upload, unless it exists; see the module and the port."""
        key = self._key(path)
        mine = self._fingerprint(content, path=path, sha256=sha256)

        async def create(api: ObjectApi[F]) -> Outcome:
            try:
                stored = await api.upload(key, content, mine, path=path, chunk_bytes=self._chunk_bytes)
            except Blocked as forbidden:
                if forbidden.cause not in _FORBIDDEN:
                    raise
                try:
                    return await compare(api)
                except (Missing, Blocked):
                    raise forbidden from None
            if stored is None:
                try:
                    return await compare(api)
                except Missing as error:
                    raise Retry("gone-since", path=path) from error
            if not await same(api, stored):
                raise Conflict("stored-with-other-content", path=path)
            return Outcome.CREATED

        async def compare(api: ObjectApi[F]) -> Outcome:
            if not await same(api, await api.stat(key, path=path)):
                raise Conflict("exists-with-other-content", path=path)
            return Outcome.ALREADY_SAME

        async def same(api: ObjectApi[F], found: F) -> bool:
            agrees = mine.agrees(found)
            if agrees is None:
                return hashlib.sha256(await api.download(key, path=path)).hexdigest() == sha256
            return agrees

        return self._run(create)

    def read(self, path: str) -> bytes:
        """All bytes of the object, held to the checksum that the store keeps; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.download(key, path=path))

    def size(self, path: str) -> int:
        """Size of the object in bytes; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.stat(key, path=path)).size

    def created(self, path: str) -> int:
        """When the object was made; see the port."""
        key = self._key(path)
        return self._run(lambda api: api.created(key, path=path))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object, a page at a time; see the port."""
        for key, size in self._listed(prefix):
            # Placeholders for folders, of consoles and hierarchical buckets, are no objects of anybody's.
            if not key.endswith("/"):
                yield ObjectInfo(key.removeprefix(self._prefix), size)

    def open_input(self, path: str) -> pa.NativeFile:
        """The object for reading in ranges, its last 64 KiB read ahead; see the port."""
        key = self._key(path)

        def fetch(start: int, end: int) -> bytes:
            return self._run(lambda api: api.download_range(key, start, end, path=path))

        size, tail = self._run(lambda api: api.download_tail(key, path=path))
        return pa.PythonFile(RangeFile(size=size, tail=tail, fetch=fetch), mode="r")

    def try_overwrite(self, probe: ProbeFile, content: bytes) -> bool:
        """Upload, whatever is there; see :class:`~otel_audit.store.probing.Prober`."""
        return self._is_allowed(lambda api: api.replace(self._key(probe.path), content, path=probe.path))

    def try_delete(self, probe: ProbeFile) -> bool:
        """Delete; see :class:`~otel_audit.store.probing.Prober`."""
        return self._is_allowed(lambda api: api.delete(self._key(probe.path), path=probe.path))

    def close(self) -> None:
        """End calls under way and close connections; see the port."""
        self._thread.close()

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Keys and sizes in the order in which the store lists them."""
        token = ""

        async def page(api: ObjectApi[F]) -> tuple[Sequence[tuple[str, int]], str]:
            return await api.page(self._prefix + prefix, token)

        while True:
            items, token = self._run(page)
            yield from items
            if not token:
                return

    def _is_allowed(self, operation: Callable[[ObjectApi[F]], Coroutine[Any, Any, None]]) -> bool:
        try:
            self._run(operation)
        except Blocked as error:
            if error.cause in _FORBIDDEN:
                return False
            raise
        return True

    def _key(self, path: str) -> str:
        check_path(path)
        return self._prefix + path

    def _run(self, operation: Callable[[ObjectApi[F]], Coroutine[Any, Any, T]]) -> T:
        """Run on the loop, trying again after a passing fault."""

        async def patiently(api: ObjectApi[F]) -> T:
            for attempt in range(self._options.attempts):
                try:
                    return await operation(api)
                except Retry:
                    if attempt + 1 == self._options.attempts:
                        raise
                    wait_s = self._options.retry_wait_s * 2**attempt
                    await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                except Blocked as error:
                    await api.after_blocked(error.cause)
                    raise
            raise AssertionError("a store makes at least one attempt")

        return self._thread.run(patiently, timeout_s=self._options.call_timeout_s)
