"""File systems whose n-th step fails, or kills the process, or cuts the power."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otel_audit.spool.files import Files

CHANGING = frozenset(
    {
        "append",
        "create",
        "create_append",
        "create_sink",
        "make_folder",
        "overwrite",
        "remove_folder",
        "rename",
        "unlink",
    }
)
"""Between two of these the disk stays as it is for whoever comes after a crash."""

SYNCING = frozenset({"fdatasync", "fsync", "fsync_folder"})
"""Between two of these a power cut loses more and more. They are not carried out: nothing here loses what the
kernel holds, so nobody need wait for a disk."""

READING = frozenset({"disk", "names", "open_lock", "open_read", "pread", "read", "status", "try_lock"})

STEPS = CHANGING | SYNCING | READING

_OPENING = frozenset({"create_append", "open_read", "open_lock"})


class Crash(BaseException):
    """The process is gone: nothing of it touches the disk any more."""


class FaultyFiles(Files):
    """Counts steps, and fails at one of them.

    Args:
        at: which step, from 1; 0 for none.
        among: the steps that are counted.
        kind: ``crash``: the process ends before the step, or in the middle of an append. ``error``: the step
            fails with EIO and is not done, an append half. ``late-error``: it fails though it was done.
    """

    def __init__(self, at: int = 0, among: frozenset[str] = STEPS, kind: str = "crash") -> None:
        self.count = 0
        self._among = among
        self.descriptors: set[int] = set()
        self._at, self._kind = at, kind
        self._dead = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in STEPS:
            return found
        return lambda *arguments: self._step(name, found, arguments)

    def _step(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._dead:
            raise Crash
        self.count += name in self._among
        fails = name in self._among and self.count == self._at
        if fails and self._kind != "late-error":
            if name == "append":
                descriptor, buffers = arguments
                content = b"".join(buffers)
                os.write(descriptor, content[: len(content) // 2])
            elif name == "overwrite":
                path, offset, content = arguments
                call(path, offset, content[: len(content) // 2])
            self._fail()
        result = None if name in SYNCING else call(*arguments)
        if fails:
            if name in _OPENING:
                os.close(result)
            elif name == "create_sink":
                result.close()
            self._fail()
        if name in _OPENING:
            self.descriptors.add(result)
        return result

    def _fail(self) -> None:
        if self._kind == "crash":
            self._dead = True
            raise Crash
        raise OSError(errno.EIO, "injected")

    def read(self, path: Path) -> bytes:
        before = set(self.descriptors)
        try:
            return super().read(path)
        finally:
            # Opened by a step of ours, closed by the file object.
            self.descriptors &= before

    def close(self, descriptor: int) -> None:
        self.descriptors.discard(descriptor)
        super().close(descriptor)

    def bury(self) -> None:
        """Close what the dead process had open, as the kernel does."""
        for descriptor in tuple(self.descriptors):
            self.close(descriptor)


class PowerCutFiles(FaultyFiles):
    """A disk that keeps only what was synced when the power goes: the worst that POSIX allows.

    Bytes beyond the last fsync of their file are lost, bytes written over since then are the old ones; so is
    each name that was made, changed or removed since the last fsync of its folder.

    Args:
        at: before which sync the power goes, from 1.
        attic: folder where removed files wait for their return.
    """

    def __init__(self, at: int, attic: Path) -> None:
        super().__init__(at, SYNCING)
        self._attic = attic
        self._attic.mkdir()
        self._open: dict[int, Path] = {}
        self._durable: dict[Path, int] = {}
        self._undo: list[tuple[Path, Callable[[], None]]] = []
        self._written_over: dict[Path, bytes] = {}

    def _step(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        before = getattr(self, f"_before_{name}", None)
        undo = before(*arguments) if before else None
        result = super()._step(name, call, arguments)
        if undo is not None:
            self._undo.append(undo)
        after = getattr(self, f"_after_{name}", None)
        if after:
            after(result, *arguments)
        return result

    def _before_create_append(self, path: Path, *_: object) -> tuple[Path, Callable[[], None]]:
        self._durable[path] = 0
        return path.parent, lambda: path.unlink(missing_ok=True)

    _before_create = _before_create_sink = _before_create_append

    def _after_create_append(self, result: int, path: Path) -> None:
        self._open[result] = path

    def _after_fdatasync(self, result: None, descriptor: int) -> None:
        self._after_fsync(result, self._open[descriptor])

    def _before_overwrite(self, path: Path, *_: object) -> None:
        self._written_over.setdefault(path, path.read_bytes())

    def _after_fsync(self, _result: None, path: Path) -> None:
        self._durable[path] = path.stat().st_size
        self._written_over.pop(path, None)

    def _after_fsync_folder(self, _result: None, folder: Path) -> None:
        self._undo = [(where, undo) for where, undo in self._undo if where != folder]

    def _before_make_folder(self, path: Path) -> tuple[Path, Callable[[], None]] | None:
        return None if path.exists() else (path.parent, lambda: shutil.rmtree(path, ignore_errors=True))

    def _before_remove_folder(self, path: Path) -> tuple[Path, Callable[[], None]] | None:
        def undo() -> None:
            if path.parent.exists():
                path.mkdir(mode=0o700)

        return (path.parent, undo) if path.exists() else None

    def _before_unlink(self, path: Path) -> tuple[Path, Callable[[], None]] | None:
        if not path.exists():
            return None
        kept = self._keep(path)
        return path.parent, lambda: os.link(kept, path) if path.parent.exists() else None

    def _before_rename(self, source: Path, target: Path) -> tuple[Path, Callable[[], None]]:
        kept = self._keep(target) if target.exists() else None

        def undo() -> None:
            target.rename(source)
            if kept is not None:
                os.link(kept, target)

        return target.parent, undo

    def _after_rename(self, _result: None, source: Path, target: Path) -> None:
        if target.is_dir():
            for path in [path for path in self._durable if source in path.parents]:
                self._durable[target / path.relative_to(source)] = self._durable.pop(path)
        else:
            self._durable[target] = self._durable.pop(source, 0)

    def _keep(self, path: Path) -> Path:
        kept = self._attic / str(len(os.listdir(self._attic)))
        os.link(path, kept)
        return kept

    def bury(self) -> None:
        """Close what was open, and lose what was not synced."""
        super().bury()
        for path, content in self._written_over.items():
            if path.exists():
                path.write_bytes(content)
        for path, size in self._durable.items():
            if path.exists() and path.stat().st_size > size:
                os.truncate(path, size)
        for _, undo in reversed(self._undo):
            undo()
