"""Records that wait for a sink, on disk: encrypted, since what waits is not masked yet.

::

    <folder>/<k>/   lock  waiting-<10 digits>      a journal; it goes when all its records are acknowledged

    offset  size  field of a frame
    0       4     length of what follows the checksum, big-endian
    4       4     CRC32C of it, likewise: tells a frame that was not written whole from one of another key
    8       12    nonce
    20      …     AES-256-GCM of the record as OTLP/JSON; the frame's place in its file is authenticated with it

Rules:

1. A process takes every free numbered folder and goes on with what is in it: what a dead one left is exported by
   the next. The lock is an ``flock``, which ends with the process.
2. A frame is durable before its record is taken. A bad tail is cut: whoever wrote it was told nothing.
3. Nothing is noted when a record is acknowledged; its file goes with the last one. What is exported again after a
   crash has the same ids, and a sink answers it as before.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import google_crc32c

from otel_audit.convert.spans import LogData
from otel_audit.errors import ConfigurationError, NotDurable
from otel_audit.sdk.provider.otlp_json import decode_request, encode_request
from otel_audit.spool import Files

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["DiskBuffer", "Kept"]

_MIN_KEY: Final = 32
_NONCE: Final = 12
_HEAD: Final = struct.Struct(">II")
_PREFIX: Final = "waiting-"
_MOST_FOLDERS: Final = 256
_FILE_BYTES: Final = 4 << 20


@dataclass(slots=True)
class _Journal:
    path: Path
    size: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a record waits."""

    journal: _Journal


class DiskBuffer:
    """A buffer that outlives its process. Thread-safe.

    Args:
        folder: on a local disk; made if it is missing.
        key: at least 32 bytes, from where secrets are kept; the next process needs the same.
        max_bytes: that may wait; records beyond are not taken.
        files: the file system; tests pass one that fails.

    Raises:
        ConfigurationError: the key is too short, cryptography is missing, or the folder cannot be used.
    """

    def __init__(
        self, folder: str | Path, *, key: bytes, max_bytes: int = 256 << 20, files: Files | None = None
    ) -> None:
        if len(key) < _MIN_KEY:
            raise ConfigurationError(f"the key of a buffer on disk has at least {_MIN_KEY} bytes")
        try:
            # Not at the top: it is an extra.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ImportError:
            raise ConfigurationError(
                "a buffer on disk needs cryptography: pip install 'otel-audit[signing]'"
            ) from None
        self._cipher: AESGCM = AESGCM(hashlib.sha256(b"otel-audit buffer 1" + key).digest())
        self._files, self._root, self._max_bytes = files or Files(), Path(folder), max_bytes
        self._lock = threading.Lock()
        self._journals: list[_Journal] = []
        self._open: _Journal | None = None
        self._descriptor = -1
        self._number = 0
        self._locks: list[int] = []
        try:
            self._folders = self._take_folders()
        except OSError as error:
            raise ConfigurationError(f"the buffer's folder cannot be used: {error.strerror}") from None

    def waiting(self) -> Iterator[tuple[LogData, Kept]]:
        """What earlier processes left, oldest first. To be called once, before anything is put.

        Raises:
            ConfigurationError: a record cannot be read, most likely since the key is another one; nothing is removed.
        """
        for folder in self._folders:
            for name in self._files.names(folder):
                if not name.startswith(_PREFIX):
                    continue
                journal = _Journal(folder / name)
                records = list(self._read(journal))
                if not records:
                    self._files.unlink(journal.path)
                    continue
                journal.waiting = len(records)
                self._journals.append(journal)
                yield from ((record, Kept(journal)) for record in records)

    def put(self, record: LogData) -> Kept:
        """Keep a record: durable on return.

        Raises:
            NotDurable: there is no room, or the disk refused.
        """
        content = encode_request([record])
        with self._lock:
            if sum(journal.size for journal in self._journals) + len(content) > self._max_bytes:
                raise NotDurable("the buffer on disk is full", may_follow=False)
            try:
                journal = self._writable()
                nonce = os.urandom(_NONCE)
                sealed = nonce + self._cipher.encrypt(nonce, content, _place(journal))
                frame = _HEAD.pack(len(sealed), google_crc32c.value(sealed)) + sealed
                self._files.append(self._descriptor, [memoryview(frame)])
                self._files.fdatasync(self._descriptor)
            except OSError as error:
                # What is in that file now is not known: it is read up to here, and never written again.
                self._close_open()
                raise NotDurable(f"the buffer's disk refused: {error.strerror}", may_follow=False) from None
            journal.size += len(frame)
            journal.waiting += 1
            return Kept(journal)

    def remove(self, kept: Kept) -> None:
        """A record need not wait any more."""
        with self._lock:
            journal = kept.journal
            journal.waiting -= 1
            if not journal.waiting:
                if journal is self._open:
                    self._close_open()
                if journal in self._journals:
                    self._journals.remove(journal)
                self._files.unlink(journal.path)

    def close(self) -> None:
        """Leave the folders to the next process."""
        with self._lock:
            self.abandon()

    def abandon(self) -> None:
        """Close every descriptor, as in a forked child, without a lock that nobody there releases."""
        self._close_open()
        while self._locks:
            self._files.close(self._locks.pop())

    def _take_folders(self) -> list[Path]:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken: list[Path] = []
        for number in range(_MOST_FOLDERS):
            folder = self._root / str(number)
            is_new = self._files.make_folder(folder)
            if is_new and taken:
                self._files.remove_folder(folder)
                break
            lock = self._files.open_lock(folder / "lock")
            if self._files.try_lock(lock):
                self._locks.append(lock)
                taken.append(folder)
            else:
                self._files.close(lock)
        if not taken:
            raise ConfigurationError(f"{_MOST_FOLDERS} processes use this buffer already")
        return taken

    def _writable(self) -> _Journal:
        if self._open is not None and self._open.size >= _FILE_BYTES:
            self._close_open()
        if self._open is None:
            folder = self._folders[0]
            taken = [
                int(name[len(_PREFIX) :]) for name in self._files.names(folder) if name.startswith(_PREFIX)
            ]
            self._number = max([self._number, *taken]) + 1
            journal = _Journal(folder / f"{_PREFIX}{self._number:010d}")
            self._descriptor = self._files.create_append(journal.path)
            self._files.fsync_folder(folder)
            self._open = journal
            self._journals.append(journal)
        return self._open

    def _close_open(self) -> None:
        if self._open is not None:
            self._files.close(self._descriptor)
            if not self._open.waiting and self._open in self._journals:
                self._journals.remove(self._open)
            self._open, self._descriptor = None, -1

    def _read(self, journal: _Journal) -> Iterator[LogData]:
        content = self._files.read(journal.path)
        while journal.size < len(content):
            start = journal.size + _HEAD.size
            length, checksum = _HEAD.unpack_from(content, journal.size) if start <= len(content) else (0, 0)
            end = start + length
            sealed = content[start:end]
            if end > len(content) or not length or google_crc32c.value(sealed) != checksum:
                if end < len(content) and length:
                    raise ConfigurationError(f"a record in the buffer is damaged: {journal.path}")
                return
            try:
                opened = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(journal))
            except Exception:  # noqa: BLE001  (cryptography's InvalidTag, which is not imported at the top)
                raise ConfigurationError(
                    "what waits in the buffer cannot be read: its key is another one, or it was changed"
                ) from None
            journal.size = end
            yield from decode_request(opened)


def _place(journal: _Journal) -> bytes:
    return f"{journal.path.name}:{journal.size}".encode()
