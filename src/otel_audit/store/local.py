"""Objects as files of a folder.

How an object comes into being, so that a crash at any point leaves it whole or absent:

1. The content is copied to a new file under ``<folder>/.incoming/`` while its SHA-256 is computed; the digest
   is compared before anything is published. The file is fsynced.
2. Missing folders are made, and each new entry is fsynced in its parent.
3. ``link(2)`` gives the file its name. Unlike rename, link fails if the name exists: this is what makes
   creation exclusive, on local disks and on NFS.
4. The temporary name is removed and the folder fsynced. Only now ``create`` returns.

``.incoming`` is beside the data, not in it, so that no reader of ``log/<stream>`` ever sees a half-written
file. What a crash leaves there is removed a day later by the next process that writes.

Files get mode 0640 and folders 0750, less the umask: audit data is for its owner and group. File systems
without hard links (FAT, some FUSE mounts) cannot create exclusively and are refused as ``Blocked``.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pyarrow as pa

from otel_audit.errors import Blocked, Conflict, Missing, Retry
from otel_audit.store.base import ObjectInfo, Outcome, check_path
from otel_audit.store.content import blocks, check_sha256, compare_sha256
from otel_audit.store.layout import ProbeFile
from otel_audit.store.os_errors import os_errors_translated
from otel_audit.store.url import Scheme, StoreUrl

_INCOMING: Final = ".incoming"
_TEMPORARY: Final = re.compile(r"[0-9a-f]{32}\.tmp")
_STALE_S: Final = 24 * 3600.0
"""No upload takes a day, so an older temporary file belongs to no living process, here or on another host."""

_FILE_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750


class LocalStore:
    """See :class:`~otel_audit.store.base.Store`.

    Args:
        url: a folder. It is made, with its parents, when the first object is created.
    """

    def __init__(self, url: StoreUrl) -> None:
        if url.scheme is not Scheme.FILE:
            raise ValueError("a LocalStore has a file URL")
        self._root = Path(url.prefix)
        self._url = str(url)
        self._settled: set[Path] = set()
        self._cleaned = threading.Event()
        self._closed = threading.Event()

    @property
    def url(self) -> str:
        """The folder, absolute."""
        return self._url

    def create(self, path: str, content: bytes | Path, *, sha256: str) -> Outcome:
        """Write, fsync and link a file; see the module and the port."""
        target = self._target(path)
        with os_errors_translated(path), self._unsettled_on_loss(path):
            if os.path.lexists(target):
                size = check_sha256(content, path=path, sha256=sha256)
                return self._compare(target, path, size=size, sha256=sha256)
            temporary = self._write_temporary(content, path=path, sha256=sha256)
            try:
                created = self._link(temporary, target)
                size = temporary.stat().st_size
            finally:
                temporary.unlink(missing_ok=True)
            if not created:
                return self._compare(target, path, size=size, sha256=sha256)
            _fsync_folder(target.parent)
            return Outcome.CREATED

    def read(self, path: str) -> bytes:
        """All bytes of the file; see the port."""
        with os_errors_translated(path, reading=True):
            return self._target(path).read_bytes()

    def size(self, path: str) -> int:
        """Size of the file in bytes; see the port."""
        with os_errors_translated(path, reading=True):
            found = self._target(path).stat()
        if not stat.S_ISREG(found.st_mode):
            raise Missing("not-a-file", path=path)
        return found.st_size

    def created(self, path: str) -> int:
        """When the file was last modified, which nothing of ours does after its creation; see the port."""
        with os_errors_translated(path, reading=True):
            return self._target(path).stat().st_mtime_ns

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Walk the folder in order of path, entering only what can hold the prefix; see the port."""
        self._check_open()
        yield from self._walk(self._root, "", prefix)

    def open_input(self, path: str) -> pa.NativeFile:
        """The file for positioned reads; see the port."""
        self.size(path)
        with os_errors_translated(path, reading=True):
            return pa.OSFile(str(self._target(path)), "rb")

    def try_overwrite(self, probe: ProbeFile, content: bytes) -> bool:
        """Write into the file; see :class:`~otel_audit.store.probing.Prober`."""
        with os_errors_translated(probe.path):
            try:
                self._target(probe.path).write_bytes(content)
            except PermissionError:
                return False
        return True

    def try_delete(self, probe: ProbeFile) -> bool:
        """Remove the file; see :class:`~otel_audit.store.probing.Prober`."""
        with os_errors_translated(probe.path):
            try:
                self._target(probe.path).unlink()
            except PermissionError:
                return False
        return True

    def close(self) -> None:
        """Nothing is held open; later calls are refused."""
        self._closed.set()

    def _target(self, path: str) -> Path:
        self._check_open()
        check_path(path)
        return self._root / path

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Retry("closed")

    def _write_temporary(self, content: bytes | Path, *, path: str, sha256: str) -> Path:
        incoming = self._root / _INCOMING
        self._settle(incoming)
        if not self._cleaned.is_set():
            self._cleaned.set()
            _remove_stale(incoming)
        temporary = incoming / f"{secrets.token_hex(16)}.tmp"
        digest = hashlib.sha256()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                for block in blocks(content, path=path):
                    digest.update(block)
                    _write_all(file.fileno(), block)
                compare_sha256(digest.hexdigest(), path=path, sha256=sha256)
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _link(self, temporary: Path, target: Path) -> bool:
        """Give the file its name. Returns False if the name is taken."""
        self._settle(target.parent)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except PermissionError as error:
            if error.errno == errno.EPERM:
                raise Blocked("no-hard-links") from error
            raise
        return True

    def _compare(self, target: Path, path: str, *, size: int, sha256: str) -> Outcome:
        """Judge what has the name already, and make it as durable as if this call had written it."""
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Conflict("exists-as-link", path=path) from error
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Conflict("exists-as-no-file", path=path)
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                same = found.st_size == size and hashlib.file_digest(file, "sha256").hexdigest() == sha256
            if not same:
                raise Conflict("exists-with-other-content", path=path)
            # Its creator may have died between link and fsync.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._settle(target.parent)
        _fsync_folder(target.parent)
        return Outcome.ALREADY_SAME

    def _settle(self, folder: Path) -> None:
        """Make a folder exist durably: each entry on the way is fsynced in its parent, once a process.

        Also when another process made it, since that one may not have got to its fsync yet.
        """
        if folder in self._settled:
            return
        if self._root in folder.parents or not folder.is_dir():
            self._settle(folder.parent)
            folder.mkdir(_FOLDER_MODE, exist_ok=True)
            _fsync_folder(folder.parent)
        self._settled.add(folder)

    @contextmanager
    def _unsettled_on_loss(self, path: str) -> Iterator[None]:
        """Somebody removed a settled folder: forget what is settled, so that a retry makes it again."""
        try:
            yield
        except FileNotFoundError as error:
            self._settled.clear()
            raise Retry("folder-removed", path=path) from error

    def _walk(self, folder: Path, inside: str, prefix: str) -> Iterator[ObjectInfo]:
        with os_errors_translated(inside or "."):
            try:
                with os.scandir(folder) as scan:
                    entries = [(entry.name + "/" * entry.is_dir(), entry) for entry in scan]
            except FileNotFoundError:
                return
        # Object stores order whole paths, so a folder sorts as "name/": after "name-1", before "name1".
        for name, entry in sorted(entries, key=lambda pair: pair[0]):
            path = inside + name
            if name.startswith(".") or not (path.startswith(prefix) or prefix.startswith(path)):
                continue
            if name.endswith("/"):
                yield from self._walk(Path(entry.path), path, prefix)
            elif path.startswith(prefix):
                with os_errors_translated(path):
                    try:
                        found = entry.stat()
                    except FileNotFoundError:
                        continue
                if stat.S_ISREG(found.st_mode):
                    yield ObjectInfo(path, found.st_size)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_stale(incoming: Path) -> None:
    oldest = time.time() - _STALE_S
    with os.scandir(incoming) as scan:
        for entry in scan:
            if not _TEMPORARY.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            # Whoever is at work in the folder removes its own meanwhile.
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry.path).unlink()
