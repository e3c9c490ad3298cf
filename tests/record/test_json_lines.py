from __future__ import annotations

import pyarrow as pa
import pytest

from otel_audit.errors import InputError
from otel_audit.record.json_lines import read_lines
from otel_audit.record.schema import SCHEMA
from record.strategies import batch_of

GOOD = b'{"recordId":"r"}\n'


def test_members_of_the_future_are_passed_over() -> None:
    line = b'{"fromTheFuture":{"x":[1,{"y":null}]},"recordId":"r","user":{"id":"u","shoeSize":43}}'
    assert read_lines(line, SCHEMA) == batch_of([{"recordId": "r", "user": {"id": "u"}}])


def test_json_is_taken_as_it_stands() -> None:
    raw = b'{"big":123456789012345678901234567890,"f":1.50e+3,"u":"\\u00e9\\/"}'
    found = read_lines(b'{ "request" : ' + raw + b' , "response":null,"changes":7}', SCHEMA)
    assert found["request"][0].as_py().encode() == raw
    assert found["response"][0].as_py() == "null"
    assert found["changes"][0].as_py() == "7"


def test_times_come_back_exact_and_rounded_down() -> None:
    times = [
        "1969-12-31T23:59:59.999999999Z",
        "2026-11-21T18:04:16.394044809Z",
        "1677-09-21T00:12:43.145224193Z",
    ]
    found = read_lines("".join(f'{{"timestamp":"{time}"}}\n' for time in times).encode() + GOOD, SCHEMA)
    assert found["timeUnixNano"].to_pylist() == [-1, 1_795_284_256_394_044_809, -(2**63) + 1, None]
    micros = found["timestamp"].cast(pa.int64()).to_pylist()
    assert micros == [-1, 1_795_284_256_394_044, (-(2**63) + 1) // 1_000, None]


def test_blank_lines_are_no_records() -> None:
    assert read_lines(b"\n" + GOOD + b"\n\n" + GOOD + b"\n", SCHEMA).num_rows == 2
    assert read_lines(b"", SCHEMA).num_rows == 0


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b"null", b'{"durationNs":"7"}', b'{"user":[]}', b'{"subjects":{"a":1}}', b'{"sampled":1}',
     b'{"recordId":"\xff"}', b'{"masking":{"entities":["EMAIL"]}}', b'{"request":{"a":}}'],
)  # fmt: skip
def test_a_line_that_is_no_record_is_named(line: bytes) -> None:
    text = GOOD + b"\n" + GOOD + line + b"\n" + GOOD
    with pytest.raises(InputError, match="line 14: is not an audit record") as caught:
        read_lines(text, SCHEMA, first_line=11)
    assert line.decode("latin-1") not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [b'{"returnCode":3000000000}', b'{"timestamp":"yesterday"}', b'{"timestamp":"2026-11-21"}',
     b'{"timestamp":"2500-01-01T00:00:00.000000000Z"}', b'{"durationNs":99999999999999999999}'],
)  # fmt: skip
def test_a_value_outside_of_its_type_is_an_error(line: bytes) -> None:
    with pytest.raises(InputError, match="lines 11 to 12: a value is outside of its type's range"):
        read_lines(GOOD + line, SCHEMA, first_line=11)
