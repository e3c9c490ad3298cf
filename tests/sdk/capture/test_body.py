"""A body is kept as far as its bounds go, decoded as far as it is of interest, and never costs anybody anything."""

from __future__ import annotations

import gzip
import random
import time
import tracemalloc
import zlib

import pytest
import zstandard

from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.capture.memory import Memory

LIMIT = 64 << 10


def _recorded(*chunks: bytes, encoding: str = "", limit: int = LIMIT, memory: Memory | None = None):
    recorder = BodyRecorder(limit, "text/plain", encoding, memory=memory or Memory(1 << 20))
    for chunk in chunks:
        recorder.write(chunk)
    return recorder


def test_a_whole_body_is_kept_as_it_came():
    recorder = _recorded(b"one ", bytearray(b"two "), memoryview(b"three"))
    recorder.end()
    body = recorder.read()
    assert (body.content, body.cut_at, body.is_open, body.withheld) == (b"one two three", None, False, "")


def test_a_body_of_exactly_the_limit_is_whole():
    recorder = _recorded(b"x" * 10, limit=10)
    assert not recorder.is_done
    recorder.end()
    assert recorder.read().cut_at is None


def test_what_is_beyond_the_limit_is_not_kept_and_nobody_waits_for_it():
    recorder = _recorded(b"x" * 8, b"yyyy", limit=10)
    assert recorder.is_done
    recorder.write(b"more")
    body = recorder.read()
    assert (body.content, body.cut_at, body.is_open) == (b"xxxxxxxxyy", 10, False)


def test_an_open_body_says_so_and_follows_whole():
    recorder = _recorded(b"so far")
    assert recorder.read().is_open
    recorder.write(b" so good")
    recorder.end()
    assert recorder.read().is_open, "it was let go open, and what follows it comes from elsewhere"
    assert recorder.read_on().content == b"so far so good"
    assert not recorder.read_on().is_open


def test_a_body_that_ended_first_cannot_be_left_open():
    recorder = _recorded(b"all")
    recorder.end()
    assert not recorder.leave_open()


def test_whoever_waits_is_told_once_it_is_over():
    told = []
    recorder = _recorded(b"all")
    recorder.when_done(lambda: told.append(1))
    assert not told
    recorder.end()
    recorder.end()
    assert told == [1]
    recorder.when_done(lambda: told.append(2))
    assert told == [1, 2]


def test_a_body_that_the_application_did_not_read_to_its_end_is_cut_there():
    recorder = _recorded(b"half")
    recorder.end(is_whole=False)
    assert recorder.read().cut_at == 4


@pytest.mark.parametrize("junk", [None, 7, object(), ["x"], "text"])
def test_what_is_no_bytes_withholds_the_body_and_raises_nothing(junk):
    recorder = _recorded(b"begun")
    recorder.write(junk)
    body = recorder.read()
    assert (body.content, body.withheld) == (b"", "unreadable")


def test_bodies_share_a_bound_and_give_their_memory_back():
    memory = Memory(10_000)
    first = _recorded(b"x" * 6000, memory=memory)
    second = _recorded(b"y" * 6000, memory=memory)
    first.end()
    assert first.read().content == b"x" * 6000
    assert second.read().withheld == "memory"
    assert memory.refused == 1
    del first
    assert memory.taken == 0
    third = _recorded(b"z" * 6000, memory=memory)
    third.end()
    assert third.read().content == b"z" * 6000


def _deflate_raw(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _zstd(data: bytes) -> bytes:
    """In blocks, as a server that streams writes it: of a block only the whole can be read."""
    compressor = zstandard.ZstdCompressor().compressobj()
    blocks = [
        compressor.compress(data[at : at + 9000]) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        for at in range(0, len(data), 9000)
    ]
    return b"".join(blocks) + compressor.flush()


def _brotli(data: bytes) -> bytes:
    import brotli

    return brotli.compress(data, quality=3)


ENCODED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    " Deflate ": _deflate_raw,
    "zstd": _zstd,
    "br": _brotli,
    "identity": bytes,
    "gzip, zstd": lambda data: _zstd(gzip.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_are_undone(encoding):
    text = b'{"prompt": "hello"}' * 20
    encoded = ENCODED[encoding](text)
    recorder = _recorded(*(encoded[i : i + 7] for i in range(0, len(encoded), 7)), encoding=encoding)
    recorder.end()
    body = recorder.read()
    assert (body.content, body.cut_at, body.withheld) == (text, None, "")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_an_encoded_body_that_ends_too_early_is_read_as_far_as_it_goes(encoding):
    text = random.Random(7).randbytes(60_000)
    encoded = ENCODED[encoding](text)
    recorder = _recorded(encoded[: len(encoded) // 2], encoding=encoding)
    recorder.end()
    body = recorder.read()
    assert 0 < len(body.content) < len(text)
    assert text.startswith(body.content)
    assert body.cut_at == len(body.content)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_a_bomb_costs_no_more_than_its_limit(encoding):
    encoded = ENCODED[encoding](bytes(50 << 20))
    recorder = _recorded(encoded, encoding=encoding, limit=LIMIT)
    recorder.end()
    tracemalloc.start()
    began = time.process_time()
    body = recorder.read()
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(body.content), body.cut_at) == (LIMIT, LIMIT)
    assert peak < 2 << 20
    assert took < 0.5


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_that_hold_nothing_cost_little(encoding):
    empty = ENCODED[encoding](b"")
    recorder = _recorded((empty * 4000)[:LIMIT], encoding=encoding)
    recorder.end()
    began = time.process_time()
    assert recorder.read().content == b""
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br", "rot13", "gzip, gzip", "gzip," * 9])
def test_what_cannot_be_decoded_is_withheld(encoding):
    recorder = _recorded(b"this is no compressed data at all, jane@example.com", encoding=encoding)
    recorder.end()
    body = recorder.read()
    assert (body.content, body.withheld, body.cut_at) == (b"", "encoding", None)
