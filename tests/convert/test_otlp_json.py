"""OTLP as JSON: what the specification says, what senders write besides, and what is no OTLP at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from convert.building import SPAN, TRACE
from otel_audit.convert.from_otlp import read_export
from otel_audit.convert.otlp_json import read_document
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.errors import InputError

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.json"))


def document(**span: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": SPAN, **span}]}]}]}


def read(**span: Any) -> SpanData:
    (found,) = read_export(json.dumps(document(**span)).encode(), format="json").spans
    return found


def attribute(value: Any) -> tuple[Any, list[str]]:
    found = read(attributes=[{"key": "k", "value": value}])
    return found.attributes["k"], found.oddities


@pytest.mark.parametrize(
    "path", [path for path in CORPUS if ".logs" not in path.name], ids=lambda path: path.stem
)
def test_json_says_what_protobuf_says(path: Path) -> None:
    """Against protobuf's own reader of JSON, which wants ids in base64."""
    text = path.read_text()
    parsed = json.loads(text)
    for group in parsed["resourceSpans"]:
        for leaf in group["scopeSpans"]:
            for span in leaf["spans"]:
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    message = ParseDict(parsed, TracesData()).SerializeToString()
    expected = read_export(message, format="protobuf", signal="traces")
    assert repr(read_export(text.encode(), format="json").spans) == repr(expected.spans)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"stringValue": "x"}, "x"),
        ({"boolValue": True}, True),
        ({"intValue": "7"}, 7),
        ({"intValue": 7}, 7),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"bytesValue": "/w=="}, b"\xff"),
        ({"arrayValue": {}}, []),
        ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, [1, None]),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}, {"a": "b"}),
        ({}, None),
        (None, None),
        ({"futureValue": 1}, None),
    ],
)
def test_values(value: Any, plain: Any) -> None:
    assert attribute(value) == (plain, [])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"intValue": "seven"}, "seven"),
        ({"intValue": 1.5}, 1.5),
        ({"boolValue": "true"}, "true"),
        ({"doubleValue": "x"}, "x"),
        ({"bytesValue": "***"}, "***"),
        ({"stringValue": {"a": 1}}, '{"a": 1}'),
        ("bare", "bare"),
        ([1], "[1]"),
    ],
)
def test_mistyped_values_are_kept_and_noted(value: Any, plain: Any) -> None:
    assert attribute(value) == (plain, ["wrong-type"])


def test_int_value_beyond_a_double_keeps_every_digit() -> None:
    assert attribute({"intValue": "9007199254740993"}) == (9007199254740993, [])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (2, "server"),
        ("SPAN_KIND_CLIENT", "client"),
        (0, "internal"),
        ("SPAN_KIND_UNSPECIFIED", "internal"),
        (None, "internal"),
    ],
)
def test_kinds_by_number_and_name(kind: Any, name: str) -> None:
    found = read(kind=kind)
    assert (found.kind, found.oddities) == (name, [])


@pytest.mark.parametrize(
    ("code", "status"), [(2, 2), ("STATUS_CODE_ERROR", 2), ("STATUS_CODE_OK", 1), (7, 0), (None, 0)]
)
def test_status(code: Any, status: int) -> None:
    assert read(status={"code": code, "message": "m"}).status == status


@pytest.mark.parametrize("time", ["1795285056394044809", 1795285056394044809])
def test_times_as_text_and_number(time: Any) -> None:
    assert read(startTimeUnixNano=time).start_unix_nano == 1795285056394044809


@pytest.mark.parametrize("time", ["soon", [], {}, True, 1.5])
def test_times_that_are_none(time: Any) -> None:
    found = read(startTimeUnixNano=time)
    assert (found.start_unix_nano, found.oddities) == (0, ["wrong-type"])


@pytest.mark.parametrize("trace", [TRACE.upper(), "e9+o933VchRu6ohi0Q3FzQ=="])
def test_ids_in_other_spellings(trace: str) -> None:
    expected = TRACE if trace == TRACE.upper() else "7bdfa8f77dd572146eea8862d10dc5cd"
    assert read(traceId=trace).trace_id == expected


def test_ids_that_are_none_become_attributes() -> None:
    found = read(traceId="jane@example.com")
    assert found.trace_id == ""
    assert found.attributes == {"otlp.trace_id": "jane@example.com"}
    assert found.oddities == ["id-malformed"]


def test_missing_and_unknown_fields() -> None:
    (found,) = read_export(
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"new":1}]}],"x":2}]}', format="json"
    ).spans
    assert (found.name, found.trace_id, found.attributes, found.oddities) == ("", "", {}, [])


def test_duplicate_attributes_are_all_kept() -> None:
    values = [{"key": "k", "value": {"stringValue": text}} for text in "abc"]
    found = read(attributes=values)
    assert found.attributes == {"k": "a", "k#2": "b", "k#3": "c"}
    assert set(found.oddities) == {"duplicate-key"}


def test_lone_surrogates_are_replaced() -> None:
    text = json.dumps(document(name="a\ud800b")).encode()
    (found,) = read_export(text, format="json").spans
    assert (found.name, found.oddities) == ("a\ufffdb", ["surrogates-replaced"])


def test_snake_case_and_the_old_name_of_scopes() -> None:
    snake = {
        "resource_spans": [
            {"scope_spans": [{"spans": [{"trace_id": TRACE, "start_time_unix_nano": "5",
             "attributes": [{"key": "a_b", "value": {"string_value": "x_y"}}]}]}]}
        ]
    }  # fmt: skip
    (found,) = read_export(json.dumps(snake).encode(), format="json").spans
    assert (found.trace_id, found.start_unix_nano, found.attributes) == (TRACE, 5, {"a_b": "x_y"})
    old = {"resourceSpans": [{"instrumentationLibrarySpans": [
        {"instrumentationLibrary": {"name": "lib"}, "spans": [{"name": "n"}]}]}]}  # fmt: skip
    (found,) = read_export(json.dumps(old).encode(), format="json").spans
    assert found.resource.scope_name == "lib"


def test_scope_attributes_join_those_of_the_resource() -> None:
    body = {"resourceSpans": [{"resource": {"attributes": [{"key": "r", "value": {"intValue": "1"}}]}, "scopeSpans": [
        {"scope": {"name": "s", "version": "2", "attributes": [{"key": "a", "value": {"stringValue": "b"}}]},
         "spans": [{}]}]}]}  # fmt: skip
    (found,) = read_export(json.dumps(body).encode(), format="json").spans
    assert found.resource.attributes == {"r": 1, "otel.scope.a": "b"}


def read_log(**log: Any) -> LogData:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}
    (found,) = read_export(json.dumps(body).encode(), format="json").logs
    return found


def test_event_name_from_its_field_or_the_older_attribute() -> None:
    attributes = [{"key": "event.name", "value": {"stringValue": "a.b"}}]
    assert read_log(eventName="a.b").name == "a.b"
    older = read_log(attributes=attributes)
    assert (older.name, older.attributes) == ("a.b", {})
    both = read_log(eventName="c.d", attributes=attributes)
    assert (both.name, both.attributes) == ("c.d", {"event.name": "a.b"})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", "byte 0"),
        (b"{", "byte 1"),
        (b'{"resourceSpans":[}', "byte 18"),
        (b"[" * 100_000, "byte 0"),
    ],
)
def test_what_is_no_json(text: bytes, place: str) -> None:
    with pytest.raises(InputError) as raised:
        read_export(text, format="json", source="spans.json")
    assert raised.value.source == "spans.json"
    assert raised.value.place == place


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, None),
        ({"resourceMetrics": []}, None),
        ({"something": 1}, ""),
        (5, ""),
        ({"resourceSpans": 5}, "resourceSpans"),
        ({"resourceSpans": ["x"]}, "resourceSpans[0]"),
        (
            {"resourceSpans": [{"scopeSpans": [{"spans": [{}, 7]}]}]},
            "resourceSpans[0].scopeSpans[0].spans[1]",
        ),
        ({"resourceLogs": [{"scopeLogs": {}}]}, "resourceLogs[0].scopeLogs"),
    ],
)
def test_what_is_no_otlp(body: Any, place: str | None) -> None:
    text = json.dumps(body).encode()
    if place is None:
        assert len(read_export(text, format="json")) == 0
    else:
        with pytest.raises(InputError) as raised:
            read_export(text, format="json")
        assert raised.value.place == place


def test_what_stands_beside_a_problem_is_read() -> None:
    problems: list[InputError] = []
    body = {"resourceSpans": [7, {"scopeSpans": [{"spans": [{"name": "a"}, None, {"name": "b"}]}]}]}
    export = read_document(body, problems, source="f", place="line 3")
    assert [span.name for span in export.spans] == ["a", "b"]
    assert [error.place for error in problems] == [
        "line 3, resourceSpans[0]", "line 3, resourceSpans[1].scopeSpans[0].spans[1]",
    ]  # fmt: skip


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("traceId", "spanId", "name", "kind", "startTimeUnixNano", "attributes", "events", "links", "status",
          "flags", "droppedAttributesCount", "traceState")  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, max_size=8))
def test_a_span_of_any_json_is_read(span: dict[str, Any]) -> None:
    assert read(**span)


REASONS = {
    "not JSON", "malformed protobuf", "neither spans nor log records", "expected a list", "expected an object",
    "expected an object with resourceSpans or resourceLogs", "expected resourceSpans or resourceLogs",
}  # fmt: skip


@contextmanager
def recorded(reasons: list[str]) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        reasons.append(error.reason)
        raise


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for form, signal in (("json", None), ("protobuf", "traces"), ("protobuf", "logs"), ("protobuf", None)):
        reasons: list[str] = []
        with suppress(InputError), recorded(reasons):
            read_export(data, format=form, signal=signal)  # type: ignore[arg-type]
        assert REASONS.issuperset(reasons)  # a closed set: no message quotes the input
