from __future__ import annotations

import hashlib
import io
from typing import Any

import pyarrow as pa
import pytest

from otel_audit.encode.options import EXTENSIONS, EncodeOptions
from otel_audit.encode.partitions import encode_partitions
from otel_audit.errors import ConfigurationError
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.record.partition import NANOS_PER_HOUR
from record.strategies import batch_of

FORMATS = sorted(EXTENSIONS)


def batch(*hours: int, first: int = 1) -> pa.RecordBatch:
    """A record an hour given, numbered as a writer does."""
    return batch_of(
        [
            {"timeUnixNano": hour * NANOS_PER_HOUR + number, "timestamp": hour * NANOS_PER_HOUR // 1_000,
             "sequence": number}
            for number, hour in enumerate(hours, first)
        ]
    )  # fmt: skip


class Sinks:
    """Sinks by number, and how many of them are open."""

    def __init__(self) -> None:
        self.content: dict[int, bytes] = {}
        self.open: set[int] = set()
        self.most_open = 0

    def __call__(self, number: int) -> io.BytesIO:
        assert number == len(self.content) + len(self.open)
        sinks = self

        class Sink(io.BytesIO):
            def close(self) -> None:
                if number in sinks.open:
                    sinks.open.remove(number)
                    sinks.content[number] = self.getvalue()
                super().close()

        self.open.add(number)
        self.most_open = max(self.most_open, len(self.open))
        return Sink()

    def sequences(self, number: int, form: str, compression: str) -> list[int]:
        content = self.content[number]
        found = read_parquet(content) if form == "parquet" else read_ndjson(content, compression)
        return [sequence for part in found for sequence in part["sequence"].to_pylist()]


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_a_file_an_hour_in_the_order_of_first_records(form: str, compression: str) -> None:
    sinks = Sinks()
    source = iter([batch(5, 5, 4), batch(first=4), batch(5, -1, 4, 5, first=4)])
    files = encode_partitions(source, form, compression, open_sink=sinks)
    assert [(file.hours, file.rows) for file in files] == [(5, 4), (4, 2), (-1, 1)]
    assert [sinks.sequences(n, form, compression) for n in range(3)] == [[1, 2, 4, 7], [3, 6], [5]]
    for number, file in enumerate(files):
        assert file.size == len(sinks.content[number])
        assert file.sha256 == hashlib.sha256(sinks.content[number]).hexdigest()
        assert file.extension == EXTENSIONS[form, compression]
        assert (
            file.min_time_unix_nano // NANOS_PER_HOUR
            == file.max_time_unix_nano // NANOS_PER_HOUR
            == file.hours
        )
    assert not sinks.open


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_no_more_files_are_open_than_may_be(form: str, compression: str) -> None:
    sinks = Sinks()
    hours = [number % 7 for number in range(40)]
    source = [batch(*hours[start : start + 5], first=start + 1) for start in range(0, 40, 5)]
    files = encode_partitions(source, form, compression, open_sink=sinks, options=EncodeOptions(max_open=3))
    assert sinks.most_open == 3
    assert [file.hours for file in files] == list(range(7))
    for number, file in enumerate(files):
        expected = [place + 1 for place, hour in enumerate(hours) if hour == file.hours]
        assert sinks.sequences(number, form, compression) == expected


def test_nothing_makes_no_file() -> None:
    assert encode_partitions([], "parquet", "zstd", open_sink=Sinks()) == []
    assert encode_partitions([batch()], "ndjson", "gzip", open_sink=Sinks()) == []


@pytest.mark.parametrize(("form", "compression"), FORMATS)
def test_sinks_are_closed_when_the_source_fails(form: str, compression: str) -> None:
    def source() -> Any:
        yield batch(1, 2, 3)
        raise OSError("the segment cannot be read")

    sinks = Sinks()
    with pytest.raises(OSError, match="the segment"):
        encode_partitions(source(), form, compression, open_sink=sinks)
    assert not sinks.open


def test_sinks_are_closed_when_one_cannot_be_opened() -> None:
    sinks = Sinks()

    def open_sink(number: int) -> io.BytesIO:
        if number == 2:
            raise OSError("too many open files")
        return sinks(number)

    with pytest.raises(OSError, match="too many"):
        encode_partitions([batch(1, 2, 3)], "parquet", "zstd", open_sink=open_sink)
    assert not sinks.open


def test_a_format_that_is_not_written_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigurationError):
        encode_partitions([batch(1)], "parquet", "gzip", open_sink=lambda number: pytest.fail("opened"))
