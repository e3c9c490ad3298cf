"""Every system call of the spool, one a method, so that a test can make any of them fail.

Rules that hold for all of them:

1. Links are never followed at the last component (``O_NOFOLLOW``); the folders above are the spool's own,
   0700, so that nobody else can put a link there.
2. Descriptors are close-on-exec; files are 0600, folders 0700.
3. ``OSError`` passes through: callers know what a failure of this step means, this module does not.
4. Nothing is durable before ``fdatasync``/``fsync`` of the file **and**, for a new or renamed name,
   ``fsync_folder`` of its folder has returned.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from otel_audit.spool.explain import explain
from otel_audit.spool.mounts import type_at

__all__ = ["Files", "explain", "on_fork_in_child"]

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

_CREATE: Final = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_MAX_BUFFERS: Final = 1024
"""POSIX allows less; this is IOV_MAX of Linux and macOS."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


def on_fork_in_child(callback: Callable[[], None]) -> None:
    """Have ``callback`` called in every child that ``os.fork`` makes, before anything else runs there."""
    os.register_at_fork(after_in_child=callback)


class Files:
    """The real file system. Fault tests and simulated disks derive from it."""

    # Descriptors

    def create_append(self, path: Path) -> int:
        """Create a file that must not exist, for appending. Returns a descriptor."""
        return os.open(path, _CREATE | os.O_WRONLY | os.O_APPEND, FILE_MODE)

    def open_read(self, path: Path) -> int:
        """Open a file for :meth:`pread`. Returns a descriptor."""
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_lock(self, path: Path) -> int:
        """Open the lock file, making it if needed. Returns a descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)

    def try_lock(self, descriptor: int) -> bool:
        """Take an exclusive ``flock`` without waiting. It ends when each copy of the descriptor is closed."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def append(self, descriptor: int, buffers: Sequence[memoryview]) -> None:
        """Write all bytes of all buffers at the end of the file.

        Raises:
            OSError: some prefix of the bytes may have been written; which one is not known.
        """
        waiting = [buffer for buffer in buffers if len(buffer)]
        while waiting:
            written = os.writev(descriptor, waiting[:_MAX_BUFFERS])
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if written:
                waiting[0] = waiting[0][written:]

    def pread(self, descriptor: int, count: int, offset: int) -> bytes:
        """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
        parts = []
        while count:
            part = os.pread(descriptor, count, offset)
            if not part:
                break
            parts.append(part)
            count -= len(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def fdatasync(self, descriptor: int) -> None:
        """The bytes written so far, and the length that reaches them, are durable on return."""
        # macOS has no fdatasync.
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def size(self, descriptor: int) -> int:
        """Length of an open file, bytes."""
        return os.fstat(descriptor).st_size

    def identity(self, descriptor: int) -> tuple[int, int]:
        """Device and inode of an open file."""
        status = os.fstat(descriptor)
        return status.st_dev, status.st_ino

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    # Whole files

    def create_sink(self, path: Path) -> BinaryIO:
        """Create a file that must not exist, for an encoder to write to. Not durable: see :meth:`fsync`."""
        return os.fdopen(os.open(path, _CREATE | os.O_WRONLY, FILE_MODE), "wb", buffering=1 << 20)

    def create(self, path: Path, content: bytes) -> None:
        """Create a file that must not exist, with this content. Not durable: see :meth:`fsync`."""
        with os.fdopen(os.open(path, _CREATE | os.O_WRONLY, FILE_MODE), "wb", buffering=0) as file:
            self.append(file.fileno(), [memoryview(content)])

    def overwrite(self, path: Path, offset: int, content: bytes) -> None:
        """Write over a part of a file, which has that length already. Not durable: see :meth:`fsync`.

        Raises:
            OSError: any part of the content may have been written.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while content:
                written = os.pwrite(descriptor, content, offset)
                content, offset = content[written:], offset + written
        finally:
            os.close(descriptor)

    def read(self, path: Path) -> bytes:
        """All bytes of a file.

        Raises:
            FileNotFoundError: it is not there.
        """
        with os.fdopen(self.open_read(path), "rb", buffering=0) as file:
            return file.read()

    def fsync(self, path: Path) -> None:
        """The content of a closed file is durable on return."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    # Names

    def fsync_folder(self, path: Path) -> None:
        """Names created in, renamed in and removed from the folder are durable on return."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folder(self, path: Path) -> bool:
        """Make one folder. Returns False if something of that name is there already."""
        try:
            os.mkdir(path, FOLDER_MODE)
        except FileExistsError:
            return False
        return True

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in the same file system, replacing what has it."""
        os.rename(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file; one that is gone already is fine."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder; one that is gone already is fine."""
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return

    def names(self, path: Path) -> list[str]:
        """Names in a folder, sorted; empty if there is no such folder."""
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []

    def status(self, path: Path) -> os.stat_result:
        """Status of a path, of the link itself if it is one.

        Raises:
            FileNotFoundError: it is not there.
        """
        return os.lstat(path)

    def file_sizes(self, path: Path) -> Iterator[int]:
        """Length in bytes of every file below a folder."""
        for name in self.names(path):
            try:
                status = self.status(path / name)
            except FileNotFoundError:  # another process freed it between the two calls
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self.file_sizes(path / name)
            elif stat.S_ISREG(status.st_mode):
                yield status.st_size

    def replace(self, path: Path, content: bytes) -> None:
        """Put this content under a name, wholly or not at all: durable on return.

        Made of the steps above, so that each can fail on its own.
        """
        temporary = path.with_name(path.name + ".tmp")
        self.unlink(temporary)
        self.create(temporary, content)
        self.fsync(temporary)
        self.rename(temporary, path)
        self.fsync_folder(path.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and all below it, following no link; one that is gone already is fine."""
        for name in self.names(path):
            if stat.S_ISDIR(self.status(path / name).st_mode):
                self.remove_tree(path / name)
            else:
                self.unlink(path / name)
        self.remove_folder(path)

    # The disk

    def disk(self, path: Path) -> tuple[int, int]:
        """Bytes that are free for us, and bytes in all, on the file system of a path."""
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize

    def user(self) -> int:
        """Effective user id of this process."""
        return os.geteuid()

    def file_system(self, path: Path) -> str | None:
        """Type of the file system that holds a path, as Linux names it; None where that is not known."""
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
        return type_at(mounts, os.path.realpath(path))
