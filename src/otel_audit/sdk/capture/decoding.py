"""Content encodings undone, as far as a body is kept and no further.

A few kilobytes may decode to gigabytes. Every decoder here is asked for a bounded number of bytes at a time and
left alone when there are enough, so that time and memory follow from the bound and not from the body.
"""

from __future__ import annotations

import importlib
import io
import zlib
from typing import Any, Final

__all__ = ["Undecodable", "decode", "encodings_of"]

_MOST: Final = 4
"""Encodings one upon another that are undone; nobody sends two."""

_MOST_MEMBERS: Final = 64
"""Members of a gzip file that are read: empty ones cost time and say nothing."""

_AS_IS: Final = frozenset({"", "identity", "none"})

_MAX_WINDOW: Final = 8 << 20
"""Memory that a zstd frame may ask for, bytes: what RFC 9659 allows for HTTP."""


class Undecodable(Exception):
    """The encoding is unknown, no library for it is installed, or the body is not encoded so."""


def encodings_of(header: str) -> tuple[str, ...]:
    """Names of the encodings in a ``Content-Encoding``, in the order in which they were applied."""
    if not header:
        return ()
    names = (name.strip().lower() for name in header[:256].split(","))
    return tuple(name for name in names if name not in _AS_IS)


def decode(content: bytes, encodings: tuple[str, ...], limit: int) -> tuple[bytes, bool]:
    """Undo encodings.

    Args:
        content: the beginning of an encoded body, or all of it.
        encodings: as :func:`encodings_of` gives them.
        limit: how many decoded bytes are of interest.

    Returns:
        At most ``limit`` decoded bytes, and whether there are more behind them or the encoded body ends too early.

    Raises:
        Undecodable: nothing of it can be read.
    """
    if len(encodings) > _MOST:
        raise Undecodable
    is_cut = False
    for name in reversed(encodings):
        step = _DECODERS.get(name)
        if step is None:
            raise Undecodable
        try:
            content, is_short = step(content, limit)
        except Exception as error:  # of whatever type a library's is
            raise Undecodable from error
        is_cut = is_cut or is_short
    return content, is_cut


def _gzip(content: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 1952: members one after another."""
    decoded, is_cut = b"", False
    for _ in range(_MOST_MEMBERS):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        decoded += decoder.decompress(content, limit + 1 - len(decoded))
        content, is_cut = decoder.unused_data, not decoder.eof
        # What follows a member and is none is padding, which everybody ignores.
        if is_cut or not content.startswith(b"\x1f\x8b"):
            break
        is_cut = True
        if len(decoded) > limit:
            break
    return decoded[:limit], is_cut or len(decoded) > limit


def _deflate(content: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 1950, or without its wrapper, as some servers send it."""
    try:
        decoder = zlib.decompressobj()
        decoded = decoder.decompress(content, limit + 1)
    except zlib.error:
        decoder = zlib.decompressobj(-zlib.MAX_WBITS)
        decoded = decoder.decompress(content, limit + 1)
    return decoded[:limit], not decoder.eof or len(decoded) > limit


def _zstd(content: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 8878: frames one after another."""
    import zstandard  # noqa: PLC0415  (nothing is loaded before it is needed)

    decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    decoded = bytearray()
    with decoder.stream_reader(io.BytesIO(content), read_across_frames=True) as reader:
        while len(decoded) <= limit and (part := reader.read(limit + 1 - len(decoded))):
            decoded += part
    is_cut = len(decoded) > limit or not _ends_whole(decoder, content)
    return bytes(decoded[:limit]), is_cut


def _ends_whole(decoder: Any, content: bytes) -> bool:
    """Whether the last frame is there to its end, which the reader of a stream does not tell.

    Args:
        decoder: decodes without a bound.
        content: known to decode to little.
    """
    for _ in range(_MOST_MEMBERS):
        frame = decoder.decompressobj()
        frame.decompress(content)
        if not frame.eof or not frame.unused_data:
            return bool(frame.eof)
        content = frame.unused_data
    return False


def _brotli(content: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 7932, where a library is installed that decodes up to a bound."""
    decoder = _brotli_library().Decompressor()
    decoded = decoder.process(content, output_buffer_limit=limit + 1)
    while len(decoded) <= limit and not decoder.is_finished():
        part = decoder.process(b"", output_buffer_limit=limit + 1 - len(decoded))
        if not part:
            break
        decoded += part
    return decoded[:limit], len(decoded) > limit or not decoder.is_finished()


def _brotli_library() -> Any:
    for name in ("brotli", "brotlicffi"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise Undecodable


_DECODERS: Final = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "br": _brotli,
}
