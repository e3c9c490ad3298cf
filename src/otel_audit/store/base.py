"""The port: what every store promises, whatever it is made of.

1. **Create-only.** An object comes into being with all its bytes or not at all, and is never changed or
   replaced. Two creators of one path: exactly one is told :attr:`Outcome.CREATED`.
2. **Durable on return.** When :meth:`Store.create` returns, the object survives a crash of this machine.
3. **Idempotent.** Creating what is there already, byte for byte, is a success. So a create whose answer was
   lost is simply done again.
4. **Least privilege.** ``create``, ``read``, ``size``, ``created`` and ``open_input`` need permission to
   create and to read, nothing else. Only ``list`` needs permission to list, and only readers call it. Nothing
   deletes, but the probes of :mod:`otel_audit.store.probing`, which can name no other object.
5. **One kind of error.** What goes wrong is a :class:`~otel_audit.errors.StoreError`; its class says who
   has to act. Calls retry a passing fault a few times, in a bounded time; waiting longer is the caller's.
6. **Thread-safe.** One store serves many threads. After ``close`` every call raises ``Retry("closed")``.

``tests/contracts/store_contract.py`` holds each of these on every store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from otel_audit.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_PATH_BYTES: Final = 500
"""Twice that, a destination's prefix and a path, fits the 1,024 bytes of an object's name.

https://cloud.google.com/storage/docs/objects#naming; S3 has the same limit. The layout needs half of it.
"""

MAX_PART_BYTES: Final = 255
"""What file systems take for one name."""

ENDPOINT: Final = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
"""Address of a server, without a path: ``http://localhost:4443``."""

_MIB: Final = 2**20

# Control characters break listings and logs; a backslash is a separator elsewhere. A part that begins with
# a dot would be traversal (".", ".."), hidden from every reader of folders, or a local store's own.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]|(?:^|/)(?:\.|/|$)")


class Outcome(Enum):
    """How :meth:`Store.create` succeeded."""

    CREATED = "created"
    ALREADY_SAME = "already-same"
    """It was there with exactly this content: written before, perhaps by a call whose answer was lost."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectInfo:
    """One object of a listing.

    Attributes:
        path: relative to the destination.
        size: bytes.
    """

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a store behaves towards its destination; the defaults suit a network.

    Attributes:
        connect_timeout_s: until a connection stands, name look-up included.
        request_timeout_s: for one request, from first byte sent to last byte read.
        call_timeout_s: for one call of the port, retries included.
        attempts: how often a call tries before a passing fault becomes ``Retry``.
        retry_wait_s: before the second attempt; doubles, with jitter.
        upload_chunk_bytes: what one request of an upload carries, and so what an upload holds in memory;
            a multiple of 256 KiB, a rule of resumable uploads.
        gcs_endpoint: ``http(s)://host[:port]`` of Cloud Storage's JSON API when it is not Google's own: an
            emulator or a private endpoint. Default: ``STORAGE_EMULATOR_HOST``, else Google's.
        gcs_credentials: ``default`` looks in the usual places (Application Default Credentials, the metadata
            server), ``anonymous`` sends none, anything else is the path of a service account file. With
            ``STORAGE_EMULATOR_HOST`` the default is anonymous.
    """

    connect_timeout_s: float = 10.0
    request_timeout_s: float = 120.0
    call_timeout_s: float = 600.0
    attempts: int = 3
    retry_wait_s: float = 0.5
    upload_chunk_bytes: int = 8 * _MIB
    gcs_endpoint: str | None = None
    gcs_credentials: str = "default"

    def __post_init__(self) -> None:
        if min(self.connect_timeout_s, self.request_timeout_s, self.call_timeout_s) <= 0:
            raise ConfigurationError("time-outs of a store are positive numbers of seconds")
        if self.attempts < 1 or self.retry_wait_s < 0:
            raise ConfigurationError("a store makes at least one attempt and waits zero seconds or more")
        if self.upload_chunk_bytes <= 0 or self.upload_chunk_bytes % (256 * 2**10):
            raise ConfigurationError("upload_chunk_bytes is a positive multiple of 262144 (256 KiB)")
        if self.gcs_endpoint is not None and not ENDPOINT.fullmatch(self.gcs_endpoint):
            # Not shown: what is wrong with it may be a password in it.
            raise ConfigurationError("gcs_endpoint is http(s)://host[:port], without user, path or query")


class Store(Protocol):
    """A destination for objects; see the module's rules."""

    @property
    def url(self) -> str:
        """The destination, for messages; holds no secret."""

    def create(self, path: str, content: bytes | Path, *, sha256: str) -> Outcome:
        """Make an object durable, unless it exists.

        Args:
            path: relative to the destination, as ``layout`` builds them.
            content: the object's bytes, or the file that holds them; a file is read, never moved or changed.
            sha256: of the content, 64 lower-case hex digits.

        Raises:
            IntegrityError: the content does not have that SHA-256, or its file cannot be read; nothing was
                written.
            InputError: ``path`` is not an object path; nothing was written.
            Conflict: the object exists with other content, which stays as it is.
            Retry: may go through by itself; the object may exist or not.
            Blocked: goes through once somebody acts.
            Refused: the destination does not want this one object.
        """

    def read(self, path: str) -> bytes:
        """All bytes of an object. Raises Missing, Retry, Blocked, InputError."""

    def size(self, path: str) -> int:
        """Size of an object in bytes. Raises Missing, Retry, Blocked, InputError."""

    def created(self, path: str) -> int:
        """When an object came into being, nanoseconds since the epoch.

        Raises Missing, Retry, Blocked, InputError.
        """

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose path starts with ``prefix``, in order of path (by code point).

        An object that is created meanwhile may be listed or not. A destination that has never been written
        to is empty. Raises Retry, Blocked while iterating.
        """

    def open_input(self, path: str) -> pa.NativeFile:
        """An object to be read in ranges, as ``pyarrow.parquet`` does: only the ranges asked for are fetched.

        The caller closes it; a range that cannot be had raises as ``read`` does. Raises Missing, Retry,
        Blocked, InputError.
        """

    def close(self) -> None:
        """Give back connections and threads; calls under way end with ``Retry("closed")``. Repeatable."""


def check_path(path: str) -> None:
    """Raise InputError unless ``path`` is safe on every store.

    A path is relative, joined with ``/``, without empty parts, without parts that begin with a dot, without
    control characters, backslashes or lone surrogates, at most 500 bytes of UTF-8, 255 a part.
    """
    if not path or _UNSAFE.search(path):
        raise InputError("not an object path", source=path)
    encoded = path.encode()
    if len(encoded) > MAX_PATH_BYTES or max(map(len, encoded.split(b"/"))) > MAX_PART_BYTES:
        raise InputError("not an object path: too long", source=path)
