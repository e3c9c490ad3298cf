"""A stored object as a file to seek in, of which only the parts that are read are fetched.

Parquet is read from its end: the footer says where each column is. So the last block comes with the object's
size, in one request, and serves the footer; each further read is one request for exactly its range.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TAIL_BYTES: Final = 64 * 2**10
"""What Arrow reads first of a Parquet file, in the hope that the footer is in it."""


class RangeFile(io.RawIOBase):
    """See the module.

    Args:
        size: of the object, bytes.
        tail: its last bytes, at most all of them.
        fetch: gives the bytes from the first position up to, not including, the second; what it raises
            reaches the reader.
    """

    def __init__(self, *, size: int, tail: bytes, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size, self._tail, self._fetch = size, tail, fetch
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position, bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, without any request. A position past the end reads as empty."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the start of the object")
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """All ``size`` bytes from the position on, fewer only at the end of the object."""
        start = min(self._position, self._size)
        end = self._size if size is None or size < 0 else min(start + size, self._size)
        if start == end:
            return b""
        held = self._size - len(self._tail)
        data = self._tail[start - held : end - held] if start >= held else self._fetch(start, end)
        self._position = end
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; see ``read``."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
