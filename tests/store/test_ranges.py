"""A file of ranges reads as the bytes would, and asks for nothing twice or in vain."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.errors import Missing
from otel_audit.store.ranges import RangeFile


def ranged(content: bytes, tail: int) -> tuple[RangeFile, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(content)
        asked.append((start, end))
        return content[start:end]

    return RangeFile(size=len(content), tail=content[len(content) - tail :], fetch=fetch), asked


steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 40)),
        st.tuples(st.just("seek"), st.integers(0, 40)),
        st.tuples(st.just("back"), st.integers(0, 20)),
    )
)


@given(st.binary(max_size=30), st.integers(0, 30), steps)
def test_it_reads_as_the_bytes_would(content: bytes, tail: int, steps: list[tuple[str, int]]) -> None:
    file, _ = ranged(content, min(tail, len(content)))
    plain = io.BytesIO(content)
    for action, number in steps:
        if action == "read":
            assert file.read(number) == plain.read(number)
        elif action == "seek":
            assert file.seek(number) == plain.seek(number)
        else:
            offset = -min(number, len(content))
            assert file.seek(offset, io.SEEK_END) == plain.seek(offset, io.SEEK_END)
        assert file.tell() == plain.tell()


def test_the_tail_is_not_asked_for_again() -> None:
    file, asked = ranged(bytes(range(100)), 20)
    file.seek(80)
    assert file.read() == bytes(range(80, 100))
    file.seek(-5, io.SEEK_END)
    assert file.read(100) == bytes(range(95, 100))
    assert asked == []
    file.seek(79)
    assert file.read(2) == bytes([79, 80])
    assert asked == [(79, 81)]


def test_reading_nothing_asks_for_nothing() -> None:
    file, asked = ranged(bytes(100), 0)
    assert file.read(0) == b""
    file.seek(100)
    assert file.read() == file.read(7) == b""
    file.seek(500)
    assert file.read(7) == b""
    assert asked == []


def test_it_fills_buffers() -> None:
    file, _ = ranged(b"abcdef", 2)
    buffer = bytearray(4)
    assert file.readinto(buffer) == 4
    assert buffer == b"abcd"
    assert file.readinto(buffer) == 2
    assert buffer == b"efcd"
    assert io.BufferedReader(ranged(b"a\nb\n", 1)[0]).readlines() == [b"a\n", b"b\n"]


def test_there_is_nothing_before_the_start() -> None:
    file, _ = ranged(b"abc", 0)
    with pytest.raises(ValueError, match="before the start"):
        file.seek(-4, io.SEEK_END)
    assert file.readable()
    assert file.seekable()
    assert not file.writable()


def test_an_error_reaches_the_reader_through_arrow() -> None:
    def fetch(_start: int, _end: int) -> bytes:
        raise Missing("gone", path="a")

    file = pa.PythonFile(RangeFile(size=100, tail=b"", fetch=fetch), mode="r")
    with pytest.raises(Missing, match="a: gone"):
        file.read(10)
