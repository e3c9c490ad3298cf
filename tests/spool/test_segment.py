"""Segments on disk: torn tails, corruption, and frames that do not count."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.errors import SpoolCorrupt
from otel_audit.spool.files import Files
from otel_audit.spool.frame import HEADER_BYTES, MAGIC, encode
from otel_audit.spool.open_segment import OpenSegment
from otel_audit.spool.scan import Scan, scan
from otel_audit.spool.segment import SealedSegment
from spool.masked import masked

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)

WRITER = "shop-20261121-5f2c91ab"


def write(folder: Path, batches: list[list[str]], *, first: int = 1, writer: str = WRITER) -> SealedSegment:
    """A sealed segment of one frame a batch."""
    segment = OpenSegment(Files(), folder, ordinal=1, first_sequence=first)
    for each in batches:
        segment.append(list(encode(masked(each), writer=writer, first_sequence=first, max_bytes=1 << 30)))
        first += len(each)
    segment.sync()
    segment.acknowledge(segment.frame_count)
    segment.close()
    sealed = segment.seal(writer)
    assert sealed is not None
    return sealed


def look(segment: SealedSegment, *, first: int = 1, next_first: int | None = None) -> Scan:
    return scan(Files(), segment.path, writer=WRITER, first_sequence=first, next_first_sequence=next_first)


def ranges(found: Scan) -> list[tuple[int, int]]:
    return [(frame.first_sequence, frame.last_sequence) for frame in found.frames]


def texts(segment: SealedSegment) -> list[str]:
    return [text for batch in segment.batches() for text in batch.records["errorMessage"].to_pylist()]


def damage(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x40
    path.write_bytes(content)


def test_a_sealed_segment_reads_back(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a", "b"], ["c"], ["d", "e", "f"]])
    assert texts(segment) == list("abcdef")
    assert (segment.first_sequence, segment.last_sequence, segment.records) == (1, 6, 6)
    assert segment.is_whole
    assert segment.size == segment.path.stat().st_size
    found = look(segment)
    assert (found.frames, found.corruptions, found.torn_bytes) == (segment.frames, (), 0)
    assert [run.last_sequence for run in segment.runs()] == [6]
    assert [(run.first_sequence, run.last_sequence) for run in segment.runs(after=2)] == [(3, 6)]
    assert segment.runs(after=6) == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(TEXT, min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_batches_come_back_from_disk(batches: list[list[str]]) -> None:
    appended = [masked(texts) for texts in batches]
    with TemporaryDirectory() as folder:
        segment = OpenSegment(Files(), Path(folder), ordinal=1, first_sequence=1)
        first = 1
        for batch in appended:
            segment.append(list(encode(batch, writer=WRITER, first_sequence=first, max_bytes=50_000)))
            first += len(batch)
        segment.acknowledge(segment.frame_count)
        segment.close()
        sealed = segment.seal(WRITER)
        assert sealed is not None
        read_back = list(sealed.batches())
        assert look(sealed).frames == sealed.frames
    records = pa.Table.from_batches([each.records for each in read_back])
    expected = pa.Table.from_batches([each.records for each in appended])
    given_away = ["writer", "sequence"]
    assert records.drop_columns(given_away).equals(expected.drop_columns(given_away))
    assert records["sequence"].to_pylist() == list(range(1, first))
    hashes = [digest for each in read_back for digest in each.record_hashes.to_pylist()]
    assert hashes == [digest for each in appended for digest in each.record_hashes.to_pylist()]


def test_a_tail_torn_at_any_byte_is_cut(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"]])
    last = segment.frames[-1]
    for length in range(segment.size - 1, last.offset - 1, -1):
        os.truncate(segment.path, length)
        found = look(segment)
        assert ranges(found) == [(1, 1)]
        assert found.corruptions == ()
        assert found.torn_bytes == length - last.offset


@pytest.mark.parametrize("filler", [b"\0", b"\xff", MAGIC])
def test_a_tail_of_rubbish_is_cut(tmp_path: Path, filler: bytes) -> None:
    segment = write(tmp_path, [["a"], ["b"]])
    with segment.path.open("ab") as file:
        file.write(filler * 2000)
    found = look(segment)
    assert ranges(found) == [(1, 1), (2, 2)]
    assert found.corruptions == ()
    assert found.torn_bytes == 2000 * len(filler)


def test_a_file_without_a_frame_is_a_torn_tail(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"]])
    damage(segment.path, 0)
    found = look(segment)
    assert (found.frames, found.corruptions, found.torn_bytes) == ((), (), segment.size)


@pytest.mark.parametrize("part", ["magic", "length", "writer", "sequence", "count", "crc", "payload", "end"])
def test_a_bad_frame_before_a_good_one_is_corruption(tmp_path: Path, part: str) -> None:
    segment = write(tmp_path, [["a", "b"], ["c", "d"], ["e"]])
    bad = segment.frames[1]
    where = {"magic": 0, "length": 9, "writer": 20, "sequence": 96, "count": 104, "crc": 109, "payload": 5000}
    damage(segment.path, bad.offset + where.get(part, bad.size - 1))
    found = look(segment)
    assert ranges(found) == [(1, 2), (5, 5)]
    (corruption,) = found.corruptions
    assert (corruption.offset, corruption.size) == (bad.offset, bad.size)
    assert (corruption.first_sequence, corruption.last_sequence) == (3, 4)
    assert found.torn_bytes == 0


def test_corruption_at_the_very_start_and_twice(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"], ["c"], ["d"]])
    for index in (0, 2):
        damage(segment.path, segment.frames[index].offset + HEADER_BYTES)
    found = look(segment)
    assert ranges(found) == [(2, 2), (4, 4)]
    assert [(each.first_sequence, each.last_sequence) for each in found.corruptions] == [(1, 1), (3, 3)]


def test_a_frame_that_is_gone_without_a_trace_is_corruption(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"], ["c"]])
    content = segment.path.read_bytes()
    gone = segment.frames[1]
    segment.path.write_bytes(content[: gone.offset] + content[gone.offset + gone.size :])
    (corruption,) = look(segment).corruptions
    assert (corruption.size, corruption.first_sequence, corruption.last_sequence) == (0, 2, 2)


def test_a_frame_that_comes_twice_counts_once(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"]])
    content = segment.path.read_bytes()
    first = content[: segment.frames[0].size]
    segment.path.write_bytes(content + first)
    found = look(segment)
    assert ranges(found) == [(1, 1), (2, 2)]
    assert found.torn_bytes == len(first)


def test_frames_of_another_writer_do_not_count(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"]], writer="other-20261121-00000000")
    assert look(segment).frames == ()


def test_frames_that_the_next_segment_numbers_again_do_not_count(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b", "c"], ["d"]])
    assert ranges(look(segment, next_first=2)) == [(1, 1)]
    assert look(segment, next_first=2).corruptions == ()
    assert ranges(look(segment, next_first=1)) == []


def test_the_search_for_the_next_frame_crosses_its_window(tmp_path: Path) -> None:
    # The magic of the third frame is moved over the border between two portions of the search, byte by byte.
    for more in range(len(MAGIC) + 1):
        folder = tmp_path / str(more)
        folder.mkdir()
        segment = write(folder, [["a"], ["b" * ((1 << 19) - 12_000)], ["c"]])
        bad, good = segment.frames[1:]
        content = segment.path.read_bytes()
        portion = 1 << 20
        filler = b"\0" * (bad.offset + 1 + portion - len(MAGIC) + more - good.offset)
        damaged = bytearray(content[: good.offset] + filler + content[good.offset :])
        damaged[bad.offset] ^= 1
        segment.path.write_bytes(damaged)
        assert ranges(look(segment)) == [(1, 1), (3, 3)]


def test_a_changed_frame_is_not_handed_out(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"], ["c"]])
    for offset in (segment.frames[1].offset + HEADER_BYTES + 3, segment.frames[1].offset + 97):
        damage(segment.path, offset)
        batches = segment.batches()
        assert next(batches).records["errorMessage"].to_pylist() == ["a"]
        with pytest.raises(SpoolCorrupt, match=str(segment.path)):
            next(batches)
    segment.rescan()
    assert not segment.is_whole
    assert texts(segment) == ["a", "c"]
    assert [(run.first_sequence, run.last_sequence) for run in segment.runs()] == [(1, 1), (3, 3)]


def test_looking_again_takes_nothing_new_in(tmp_path: Path) -> None:
    segment = write(tmp_path, [["a"], ["b"]])
    late = next(iter(encode(masked(["late"]), writer=WRITER, first_sequence=3, max_bytes=1 << 30)))
    with segment.path.open("ab") as file:
        file.write(b"".join(late.buffers))
    segment.rescan()
    assert texts(segment) == ["a", "b"]


def test_nothing_unacknowledged_is_sealed(tmp_path: Path) -> None:
    segment = OpenSegment(Files(), tmp_path, ordinal=1, first_sequence=1)
    frames = [
        list(encode(masked([text]), writer=WRITER, first_sequence=at, max_bytes=1 << 30))
        for at, text in ((1, "a"), (2, "b"))
    ]
    segment.append(frames[0])
    assert segment.seal(WRITER) is None
    segment.sync()
    segment.acknowledge(1)
    segment.append(frames[1])
    sealed = segment.seal(WRITER)
    segment.close()
    assert sealed is not None
    assert texts(sealed) == ["a"]
