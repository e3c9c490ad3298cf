from __future__ import annotations

import gzip
import io

import pytest
import zstandard

from otel_audit.errors import InputError
from otel_audit.record import decompressed
from otel_audit.record.decompressed import lines_of

TEXT = b"".join(b"line %d of many\n" % number for number in range(500))
COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "none": bytes,
}


def pieces(content: bytes, compression: str) -> list[bytes]:
    return list(lines_of(io.BytesIO(content), compression))


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("read_bytes", [1, 7, 1 << 20])
def test_pieces_end_with_their_lines(
    compression: str, read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompressed, "READ_BYTES", read_bytes)
    monkeypatch.setattr(decompressed, "CHUNK_BYTES", 100)
    found = pieces(COMPRESS[compression](TEXT + b"the last, unended"), compression)
    assert b"".join(found) == TEXT + b"the last, unended"
    assert len(found) > 1
    assert all(piece.endswith(b"\n") for piece in found[:-1])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_members_and_frames_follow_each_other(compression: str) -> None:
    one, empty = COMPRESS[compression](TEXT), COMPRESS[compression](b"")
    assert b"".join(pieces(one + empty + one, compression)) == TEXT * 2


@pytest.mark.parametrize("compression", COMPRESS)
def test_nothing_has_no_lines(compression: str) -> None:
    assert pieces(b"", compression) == []


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_that_ends_early_is_an_error(compression: str) -> None:
    content = COMPRESS[compression](TEXT)
    for size in (1, 3, len(content) // 2, len(content) - 1):
        with pytest.raises(InputError, match=f"the {compression} stream ends early"):
            pieces(content[:size], compression)
        with pytest.raises(InputError, match="ends early"):
            pieces(content + content[:size], compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_that_is_none_is_an_error(compression: str) -> None:
    content = COMPRESS[compression](TEXT)
    for broken in (TEXT, content + b"something else", content[:40] + b"\x00" * 8 + content[48:]):
        with pytest.raises(InputError, match=f"the {compression} stream (is broken|ends early)"):
            pieces(broken, compression)


def test_a_line_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompressed, "READ_BYTES", 10)
    monkeypatch.setattr(decompressed, "CHUNK_BYTES", 10)
    monkeypatch.setattr(decompressed, "MAX_LINE_BYTES", 100)
    assert pieces(b"x" * 100, "none") == [b"x" * 100]
    with pytest.raises(InputError, match="longer than 256 MiB"):
        pieces(b"x" * 101, "none")


def test_an_unknown_compression_is_an_error() -> None:
    with pytest.raises(ValueError, match="lz4"):
        pieces(b"x", "lz4")
