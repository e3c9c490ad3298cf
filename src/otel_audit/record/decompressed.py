"""Compressed streams of lines in whole lines. A stream that ends early is an error, never a shorter file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import zstandard

from otel_audit.errors import InputError

__all__ = ["lines_of"]

READ_BYTES: Final = 1 << 20
CHUNK_BYTES: Final = 1 << 23
"""Text that is handed on at once, about."""

MAX_LINE_BYTES: Final = 1 << 28
"""A longer line is no record of ours, and a column could not hold a few of them."""

_GZIP_CONTAINER: Final = 16 + zlib.MAX_WBITS


def lines_of(source: BinaryIO, compression: str) -> Iterator[bytes]:
    """Text in pieces of whole lines, of about 8 MiB. Only the last one may lack its line feed.

    Args:
        source: read from where it stands to its end.
        compression: ``gzip``, ``zstd`` or ``none``.

    Raises:
        InputError: the stream is broken or ends early, or a line is longer than 256 MiB.
    """
    held = bytearray()
    for piece in _pieces(source, compression):
        held += piece
        if len(held) < CHUNK_BYTES:
            continue
        end = held.rfind(b"\n") + 1
        if end:
            yield bytes(held[:end])
            del held[:end]
        elif len(held) > MAX_LINE_BYTES:
            raise InputError("a line is longer than 256 MiB")
    if held:
        yield bytes(held)


def _pieces(source: BinaryIO, compression: str) -> Iterator[bytes]:
    if compression == "none":
        while piece := source.read(READ_BYTES):
            yield piece
        return
    decompressor = _decompressor(compression)
    fresh = True
    while piece := source.read(READ_BYTES):
        while piece:
            if decompressor.eof:  # another member or frame follows
                decompressor = _decompressor(compression)
            try:
                yield decompressor.decompress(piece)
            except (zlib.error, zstandard.ZstdError) as error:
                raise InputError(f"the {compression} stream is broken") from error
            fresh = False
            piece = decompressor.unused_data if decompressor.eof else b""
    if not fresh and not decompressor.eof:
        raise InputError(f"the {compression} stream ends early")


def _decompressor(compression: str) -> Any:
    if compression == "zstd":
        return zstandard.ZstdDecompressor().decompressobj()
    if compression == "gzip":
        return zlib.decompressobj(_GZIP_CONTAINER)
    raise ValueError(f"no stream is compressed with {compression}")
