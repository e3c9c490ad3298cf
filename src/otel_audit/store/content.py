"""What is to be stored, bytes or a file, read in blocks and held to its SHA-256."""

from __future__ import annotations

import errno
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from otel_audit.errors import IntegrityError

_BLOCK_BYTES: Final = 2**20
"""Large enough that hashing, not calling, takes the time."""


@contextmanager
def open_content(content: bytes | Path, *, path: str) -> Iterator[BinaryIO]:
    """The content as a file to read and seek in.

    Raises:
        IntegrityError: the file cannot be opened or read; names the object ``path`` and the system's error.
    """
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        with content.open("rb") as file:
            yield file
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "unknown")
        raise IntegrityError(f"the file with its content cannot be read: {name}", path=path) from error


def blocks(content: bytes | Path, *, path: str) -> Iterator[bytes]:
    """The content in order, a megabyte at a time; nothing for empty content. Raises as ``open_content``."""
    with open_content(content, path=path) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def check_sha256(content: bytes | Path, *, path: str, sha256: str) -> int:
    """Read the content once and hold it to its digest.

    Returns:
        Its size in bytes.

    Raises:
        IntegrityError: it has another digest, or its file cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    for block in blocks(content, path=path):
        digest.update(block)
        size += len(block)
    compare_sha256(digest.hexdigest(), path=path, sha256=sha256)
    return size


def compare_sha256(actual: str, *, path: str, sha256: str) -> None:
    """Raise IntegrityError unless the two hex digests are equal; ValueError if ``sha256`` is not one."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ValueError("sha256 is 64 lower-case hex digits")
    if actual != sha256:
        raise IntegrityError("the content does not have the SHA-256 it was announced with", path=path)
