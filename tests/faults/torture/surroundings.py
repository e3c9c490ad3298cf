"""What fails around a writer while a file of that name is in a folder: the disk of its spool, and the look-up of names.

The driver puts the file there and takes it away; writers, who know nothing of it, are :func:`placed <place>` there.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from otel_audit.spool.files import Files

FULL_DISK: Final = "full disk"
NO_NAMES: Final = "dns"

_GROWING: Final = ("create", "create_append", "create_sink", "make_folder", "replace")
"""What needs room on a disk besides appending."""


@contextmanager
def broken(folder: Path, fault: str) -> Iterator[None]:
    """Have it fail for whoever is placed in ``folder``."""
    sign = folder / fault
    sign.touch()
    try:
        yield
    finally:
        sign.unlink()


def place(folder: Path) -> None:
    """Have this process live there, to its end."""
    full_disk, no_names = folder / FULL_DISK, folder / NO_NAMES
    append, look_up = Files.append, socket.getaddrinfo

    def append_while_there_is_room(files: Files, descriptor: int, buffers: Sequence[memoryview]) -> None:
        if full_disk.exists():
            # A disk is full in the middle of something.
            content = b"".join(buffers)
            os.write(descriptor, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(files, descriptor, buffers)

    def look_up_while_there_are_names(*arguments: Any, **named: Any) -> Any:
        if no_names.exists():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(*arguments, **named)

    Files.append = append_while_there_is_room  # type: ignore[method-assign]
    socket.getaddrinfo = look_up_while_there_are_names  # type: ignore[assignment]
    for name in _GROWING:
        setattr(Files, name, _while_there_is_room(getattr(Files, name), full_disk))


def _while_there_is_room(call: Callable[..., Any], full_disk: Path) -> Callable[..., Any]:
    def checked(*arguments: Any) -> Any:
        if full_disk.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments)

    return checked
