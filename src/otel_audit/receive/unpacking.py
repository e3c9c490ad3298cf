"""A compressed body, unpacked within limits: nothing beyond them is ever made.

gzip (RFC 1952), zlib (RFC 1950: what HTTP and gRPC call ``deflate``) and zstd (RFC 8878).
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Final

import zstandard

from otel_audit.errors import InputError, TooLarge
from otel_audit.receive.options import ReceiveOptions

__all__ = ["ENCODINGS", "unpack"]

ENCODINGS: Final = frozenset({"identity", "gzip", "deflate", "zstd"})

_ALWAYS_FINE: Final = 1 << 20
"""A body that becomes no larger than this is no bomb, whatever its ratio."""

_MAX_WINDOW: Final = 8 << 20
"""RFC 8878, section 3.1.1.1.2, recommends that decoders support this much; a window is memory."""

_ANY_ZLIB: Final = 32 + zlib.MAX_WBITS
"""gzip or zlib, by the header."""

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_CHECKSUM_FLAG: Final = 0x04
_RLE_BLOCK: Final = 1


def unpack(body: bytes, encoding: str, options: ReceiveOptions) -> bytes:
    """Returns the body without its compression.

    Args:
        body: as it was sent.
        encoding: one of :data:`ENCODINGS`.
        options: limits.

    Raises:
        TooLarge: it would become larger than allowed.
        InputError: it is damaged, ends early or goes on after its end.
    """
    if encoding == "identity":
        if len(body) > options.max_unpacked_bytes:
            raise TooLarge("the body is larger than what is taken")
        return body
    limit = min(options.max_unpacked_bytes, max(_ALWAYS_FINE, options.max_ratio * len(body)))
    unpacked = _zstd(body, limit) if encoding == "zstd" else _zlib(body, limit)
    if len(unpacked) > limit:
        raise TooLarge("the body becomes larger than what is taken once it is unpacked")
    return unpacked


def _zlib(body: bytes, limit: int) -> bytes:
    """At most one byte more than ``limit``."""
    parts, made = [], 0
    try:
        while body and made <= limit:
            stream = zlib.decompressobj(_ANY_ZLIB)
            part = stream.decompress(body, limit + 1 - made)
            parts.append(part)
            made += len(part)
            if not stream.eof and made <= limit:
                raise InputError("the compressed body ends early")
            body = stream.unused_data
    except zlib.error:
        raise InputError("damaged compression") from None
    return b"".join(parts)


def _zstd(body: bytes, limit: int) -> bytes:
    """Likewise."""
    if not _is_whole(body):
        raise InputError("damaged compression, or the compressed body ends early")
    stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(
        BytesIO(body), read_across_frames=True
    )
    parts, made = [], 0
    try:
        while made <= limit and (part := stream.read(limit + 1 - made)):
            parts.append(part)
            made += len(part)
    except zstandard.ZstdError:
        raise InputError("damaged compression") from None
    return b"".join(parts)


def _is_whole(body: bytes) -> bool:
    """Whether frames fill the body to its end, by their headers: a reader of a stream does not say where it ends."""
    position = 0
    while position < len(body):
        if body[position : position + 4] != _ZSTD_MAGIC:
            return False
        try:
            start = position + zstandard.frame_header_size(body[position : position + 18])
        except zstandard.ZstdError:
            return False
        has_checksum = body[position + 4] & _CHECKSUM_FLAG
        is_last = 0
        while not is_last:
            header = int.from_bytes(body[start : start + 3], "little")
            if start + 3 > len(body):
                return False
            is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
            start += 3 + (1 if kind == _RLE_BLOCK else size)
        position = start + (4 if has_checksum else 0)
    return position == len(body) and position > 0
