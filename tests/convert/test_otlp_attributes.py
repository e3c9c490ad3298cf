"""Requests whose attributes are read all at once say what they say one by one, and the same are malformed."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from convert.strategies import texts
from otel_audit.convert import otlp_attributes
from otel_audit.convert.from_otlp import read_protobuf, read_traces
from otel_audit.convert.spans import SpanData
from otel_audit.errors import InputError

CORPUS = Path(__file__).parents[1] / "corpus"

LARGE = "x" * (1 << 14)
"""A request of more bytes has its attributes read all at once."""


def request(spans: Iterable[Span], content: bytes = b"") -> bytes:
    data = TracesData()
    data.resource_spans.add().resource.attributes.add(key="long").value.string_value = LARGE
    data.resource_spans.add().scope_spans.add().spans.extend(spans)
    return data.SerializeToString() + content


def expected(data: bytes) -> list[SpanData] | None:
    try:
        return read_traces(TracesData.FromString(data))
    except DecodeError:
        return None


def found(data: bytes) -> list[SpanData] | None:
    try:
        return read_protobuf(data, signal="traces").spans
    except InputError:
        return None


def encoded(number: int, content: bytes) -> bytes:
    """A field with a length, below 2^28."""
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def with_attribute(*contents: bytes) -> bytes:
    """A request with a span that has these as its attributes, whatever they are."""
    span = b"".join(encoded(9, content) for content in contents)
    return request([Span(name="first")], encoded(1, encoded(2, encoded(2, span))))


values = st.recursive(
    st.one_of(
        st.builds(AnyValue),
        st.builds(AnyValue, string_value=texts() | st.text("aé€", min_size=120, max_size=300)),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1) | st.integers(0, 600)),
        st.builds(AnyValue, double_value=st.floats()),
        st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
    ),
    lambda inner: st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=2))),
        st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=texts(), value=inner), max_size=2)
            ),
        ),
    ),
    max_leaves=4,
)
attributes = st.lists(
    st.builds(KeyValue, key=st.sampled_from(["a", "b", "c", "é", "k" * 127, "k" * 128]), value=values)
    | st.builds(KeyValue, key=texts()),
    max_size=6,
)
spans = st.lists(
    st.builds(
        Span,
        trace_id=st.binary(max_size=16),
        name=texts(),
        kind=st.integers(-1, 6),
        attributes=attributes,
        events=st.lists(st.builds(Span.Event, name=texts(), attributes=attributes), max_size=1),
        links=st.lists(st.builds(Span.Link, attributes=attributes), max_size=1),
        trace_state=st.sampled_from(["", "a=b"]),
        flags=st.integers(0, 2),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=150)
@given(spans)
def test_all_at_once_is_as_one_by_one(made: list[Span]) -> None:
    data = request(made)
    assert repr(found(data)) == repr(expected(data))


@settings(deadline=None, max_examples=150)
@given(spans, st.integers(0, 1 << 64))
def test_what_is_changed_is_malformed_for_both_or_says_the_same(made: list[Span], seed: int) -> None:
    chosen = random.Random(seed)
    changed = bytearray(request(made))
    for _ in range(chosen.randint(1, 3)):
        place = chosen.randrange(len(LARGE), len(changed))
        changed[place : place + chosen.randint(0, 2)] = chosen.randbytes(chosen.randint(0, 2))
    assert repr(found(bytes(changed))) == repr(expected(bytes(changed)))


KEY = encoded(1, b"key")
VALUES = {
    "nothing": b"",
    "a text": encoded(1, b"text"),
    "a text of nothing": encoded(1, b""),
    "a text that is no UTF-8": encoded(1, b"\xff"),
    "a surrogate": encoded(1, b"\xed\xa0\x80"),
    "a text longer than the message": b"\x0a\x05text",
    "a text shorter than the message": b"\x0a\x03text",
    "two texts": encoded(1, b"one") + encoded(1, b"two"),
    "a text and a number": encoded(1, b"one") + b"\x18\x02",
    "a number and a text": b"\x18\x02" + encoded(1, b"one"),
    "a length in more bytes than it needs": b"\x0a\x84\x80\x00text",
    "a length in five bytes": b"\x0a\x84\x80\x80\x80\x00text",
    "a number": b"\x18\x96\x01",
    "the largest number": b"\x18" + b"\xff" * 8 + b"\x7f",
    "the least number": b"\x18" + b"\x80" * 9 + b"\x01",
    "minus one": b"\x18" + b"\xff" * 9 + b"\x01",
    "a number without its end": b"\x18\x96",
    "two numbers": b"\x18\x01\x18\x02",
    "no number": b"\x18",
    "true": b"\x10\x01",
    "two for true": b"\x10\x02",
    "half a double": b"\x21" + bytes(4),
    "a double": b"\x21" + struct.pack("<d", -0.5),
    "a list of nothing": encoded(5, b""),
    "a list of one text": encoded(5, encoded(1, encoded(1, b"text"))),
    "a list of a long text": encoded(5, encoded(1, encoded(1, b"t" * 70_000))),
    "a list of two texts": encoded(5, encoded(1, encoded(1, b"one")) + encoded(1, encoded(1, b"two"))),
    "a list of a broken text": encoded(5, encoded(1, b"\x0a\x05text")),
    "a list of what is no UTF-8": encoded(5, encoded(1, encoded(1, b"\xff"))),
    "a list of a number": encoded(5, encoded(1, b"\x18\x01")),
    "a list of a broken length": b"\x2a\x03\x0a\xff\xff",
    "an unknown field": encoded(12, b"?"),
    "a wrong way to write a text": b"\x08\x01",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_says_the_same_however_it_is_written(value: bytes) -> None:
    for content in (
        KEY + encoded(2, value),
        encoded(2, value) + KEY,
        KEY + encoded(2, value) + encoded(3, b"?"),
    ):
        data = with_attribute(content, encoded(1, b"next") + encoded(2, encoded(1, b"more")))
        assert repr(found(data)) == repr(expected(data))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x0a",
        b"\x0a\x03",
        KEY,
        KEY + b"\x12",
        KEY + b"\x12\x05",
        b"\x0a\xff",
        encoded(1, b"\xff") + b"\x12\x00",
    ],
    ids=lambda message: message.hex(),
)
def test_an_incomplete_message_ends_where_it_ends(message: bytes) -> None:
    for data in (
        with_attribute(message, KEY + encoded(2, b"")),
        with_attribute(KEY + encoded(2, b""), message),
    ):
        assert repr(found(data)) == repr(expected(data))


def test_what_is_nested_too_deep_is_malformed_for_both() -> None:
    accepted = set()
    for depth in range(30, 60):
        value = b"\x18\x01"
        for _ in range(depth):
            value = encoded(5, encoded(1, value))
        data = with_attribute(KEY + encoded(2, value))
        accepted.add(found(data) is not None)
        assert repr(found(data)) == repr(expected(data))
    assert accepted == {True, False}


def test_many_attributes_are_read_in_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_attributes, "_LOT", 7)
    made = [
        Span(
            name=f"span {number}",
            attributes=[
                KeyValue(key=f"key {place}", value=AnyValue(int_value=number)) for place in range(number % 11)
            ],
        )
        for number in range(40)
    ]
    data = request(made)
    assert repr(found(data)) == repr(expected(data))


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(CORPUS.glob("*.json")) if not file.name.endswith(".logs.json")],
    ids=lambda file: str(file.name).removesuffix(".json"),
)
def test_real_requests_say_the_same(file: Path) -> None:
    made: list[Any] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        message = (
            ParseDict(json.loads(line), TracesData(), ignore_unknown_fields=True) if line else TracesData()
        )
        made += [
            span for group in message.resource_spans for leaf in group.scope_spans for span in leaf.spans
        ]
    assert made
    data = request(made)
    assert repr(found(data)) == repr(expected(data))
