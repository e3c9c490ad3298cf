"""Captured bodies become JSON by their media type, within bounds, and say what was cut."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from convert.building import OBSERVED, TRACE, make_span
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import CaptureOptions, CaptureRule, ConvertOptions, ModelEndpoint
from otel_audit.convert.span_notes import Body, Scope, SpanNotes
from otel_audit.convert.spans import SpanData

BOTH = CaptureOptions(request_body=True, response_body=True)
HTTP = {"http.request.method": "POST", "http.route": "/orders", "url.path": "/orders"}


def records_of(*spans: SpanData, options: ConvertOptions) -> list[dict[str, Any]]:
    """As they are written, nulls and JSON texts too."""
    return Converter(options).convert(spans, observed_unix_nano=OBSERVED).records.to_pylist()


def _notes(**parts: Any) -> SpanNotes:
    return SpanNotes(Scope(int(TRACE, 16)), **parts)


def _record(capture: CaptureOptions = BOTH, attributes: dict[str, Any] | None = None, **parts: Any):
    options = ConvertOptions(capture=capture)
    span = make_span(attributes={**HTTP, **(attributes or {})}, notes=_notes(**parts))
    (record,) = records_of(span, options=options)
    return record


def _request(content: bytes, media_type: str = "", **parts: Any) -> dict[str, Any]:
    return _record(request=Body(content, media_type, **parts))


def _odd(record: dict[str, Any]) -> list[str]:
    return json.loads(record["attributes"] or "{}").get("audit.notes", [])


FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    b"--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\nworld\r\n"
    b"--xyz\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"id \\\"card\\\".png\"\r\n"
    b"Content-Type: image/png\r\n\r\n\x89PNG\x00\x01\r\n"
    b"--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nagain\r\n--xyz--\r\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b'{ "a": 1,\n "b": [true, null] }', "application/json", {"a": 1, "b": [True, None]}),
        (b'{"b":1,"a":2}', "application/problem+json; charset=utf-8", {"b": 1, "a": 2}),
        (b'\xef\xbb\xbf{"a":1}', "application/json", {"a": 1}),
        (b'{"a":"\xc3\xa4"}', "APPLICATION/JSON", {"a": "ä"}),
        ('{"a":"ä"}'.encode("utf-16"), "application/json;charset=utf-16", {"a": "ä"}),
        (b'{"a":1}', "", {"a": 1}),
        (b"plain words", "", "plain words"),
        (b"a=1&b=x+y%20z&a=%C3%A4&c", FORM, {"a": ["1", "ä"], "b": ["x y z"], "c": [""]}),
        (b"caf\xe9", "text/plain; charset=latin-1", "café"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"data: 1\n\ndata: 2\n\n", "text/event-stream", "data: 1\n\ndata: 2\n\n"),
        (
            MULTIPART,
            'multipart/form-data; boundary="xyz"',
            {
                "note": ["hello\r\nworld", "again"],
                "scan": [{"fileName": 'id "card".png', "mediaType": "image/png", "size": 6}],
            },
        ),
    ],
)
def test_what_is_understood_becomes_json(content, media_type, expected):
    record = _request(content, media_type)
    assert json.loads(record["request"]) == expected
    assert record["capture"]["state"] == "complete"
    assert not _odd(record)


def test_json_stays_exact():
    record = _request(b'{"n": 123456789012345678901234567890, "x": 1.10, "a": 1, "a": 2}', "application/json")
    assert "123456789012345678901234567890" in record["request"]
    assert "1.1" in record["request"]
    assert "duplicate-key" in _odd(record)


def test_what_is_no_text_is_noted_by_type_and_size():
    record = _request(b"\x89PNG\x00", "image/png")
    assert record["request"] is None
    assert record["requestBase64"] == "iVBORwA="
    assert dict(record["requestHeaders"])["content-type"] == ["image/png"]
    assert record["requestBytes"] == 5


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\xff\xfe\xfd"])
def test_bytes_without_a_type_are_no_text(content):
    assert _request(content)["requestBase64"] is not None


def test_an_empty_body_is_a_whole_one():
    record = _record(request=Body(), response=Body(b"", "text/plain"))
    assert (record["request"], record["response"], record["capture"]["state"]) == (None, None, "complete")


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b'{"a":"x","b":{"c":[1,2,{"d":"ope', "application/json", {"a": "x", "b": {"c": [1, 2, {}]}}),
        (b'{"a":"x","na', "application/json", {"a": "x"}),
        (b'{"a":"x","n":12', "application/json", {"a": "x"}),
        (b'[1,"\\"', "application/json", [1]),
        (b'{"a":[1,2]}', "application/json", {"a": [1, 2]}),
        (b"a=1&b=2&a=ope", FORM, {"a": ["1"], "b": ["2"]}),
        (b"a=1&na", FORM, {"a": ["1"]}),
        (MULTIPART[:90], "multipart/form-data; boundary=xyz", {"note": ["hello\r\nworld"]}),
        (MULTIPART[:62], "multipart/form-data; boundary=xyz", {"note": []}),
        ("wörd".encode()[:2], "text/plain", "w"),
    ],
)
def test_of_a_body_that_was_cut_the_open_leaf_is_left_out(content, media_type, expected):
    record = _request(content, media_type, cut_at=len(content))
    assert json.loads(record["request"]) == expected
    assert record["capture"]["requestTruncatedAt"] == len(content)


def test_a_file_that_was_cut_has_no_size():
    at = MULTIPART.index(b"PNG\x00")
    record = _request(MULTIPART[:at], "multipart/form-data; boundary=xyz", cut_at=at)
    assert json.loads(record["request"])["scan"] == [{"fileName": 'id "card".png', "mediaType": "image/png"}]


def test_an_open_body_says_so():
    record = _record(response=Body(b"data: 1\n\n", "text/event-stream", is_open=True))
    assert record["capture"]["state"] == "open"
    assert record["capture"]["responseTruncatedAt"] == 9


def test_the_rest_of_a_record_is_the_call_and_its_body_and_names_what_it_continues():
    attributes = {**HTTP, "enduser.id": "u1", "x.own": "y"}
    first = make_span(attributes=dict(attributes), notes=_notes(response=Body(b"one", is_open=True)))
    rest = make_span(
        attributes=dict(attributes),
        notes=_notes(response=Body(b"one two", "text/plain"), continues=True),
        status_message="said before",
    )
    one, two = records_of(first, rest, options=ConvertOptions(capture=BOTH))
    assert two["eventName"] == "audit.content"
    assert two["capture"]["continues"] == one["recordId"]
    assert two["recordId"] != one["recordId"]
    assert json.loads(two["response"]) == "one two"
    assert two["capture"]["state"] == "complete"
    assert two["capture"]["responseTruncatedAt"] is None
    assert two["attributes"] is None
    for same in ("stream", "traceId", "spanId", "route", "method", "timeUnixNano"):
        assert two[same] == one[same]
    assert two["user"]["id"] == "u1"


def test_without_content_nothing_follows():
    rest = make_span(attributes=dict(HTTP), notes=_notes(response=Body(b"x"), continues=True))
    assert not records_of(rest, options=ConvertOptions(capture=BOTH, content="off"))
    rest = make_span(attributes=dict(HTTP), notes=_notes(response=Body(b"x"), continues=True))
    assert not records_of(rest, options=ConvertOptions(capture=CaptureOptions(request_body=True)))


def test_content_off_leaves_bodies_out():
    span = make_span(attributes=dict(HTTP), notes=_notes(request=Body(b'{"a":1}', "application/json")))
    (record,) = records_of(span, options=ConvertOptions(capture=BOTH, content="off"))
    assert (record["request"], record["capture"]["state"]) == (None, "none")


def test_messages_of_a_model_call_stay():
    messages = '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
    record = _record(
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.input.messages": messages,
        },
        request=Body(b'{"raw":true}', "application/json"),
        response=Body(b'{"raw":2}', "application/json"),
    )
    assert "raw" not in record["request"]
    assert json.loads(record["response"]) == {"raw": 2}


def test_bodies_of_a_model_endpoint_are_in_its_record():
    options = ConvertOptions(capture=BOTH, models=(ModelEndpoint("/orders", "churn"),))
    span = make_span(attributes=dict(HTTP), notes=_notes(request=Body(b'{"x":1}', "application/json")))
    (record,) = records_of(span, options=options)
    assert (record["stream"], record["request"]) == ("model-io", '{"x":1}')


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((CaptureRule(route="/orders"),), (None, '"out"')),
        ((CaptureRule(route="/orders", request_body=True),), ('"in"', '"out"')),
        ((CaptureRule(route="/ord*", request_body=True, response_body=False),), ('"in"', None)),
        ((CaptureRule(route="/other", request_body=True),), (None, '"out"')),
        ((CaptureRule(route="/orders", response_body=False), CaptureRule(request_body=True)), (None, None)),
        ((CaptureRule(model="CHU*", request_body=True),), ('"in"', '"out"')),
        ((CaptureRule(model="gpt-*", request_body=True),), (None, '"out"')),
    ],
)
def test_the_first_rule_that_matches_decides(rules, expected):
    options = ConvertOptions(
        capture=CaptureOptions(response_body=True, rules=rules), models=(ModelEndpoint("/orders", "churn"),)
    )
    notes = _notes(request=Body(b"in", "text/plain"), response=Body(b"out", "text/plain"))
    (record,) = records_of(make_span(attributes=dict(HTTP), notes=notes), options=options)
    assert (record["request"], record["response"]) == expected


@pytest.mark.parametrize(
    ("reason", "note"), [("memory", "body-beyond-memory"), ("encoding", "body-undecodable")]
)
def test_what_was_withheld_is_said(reason, note):
    record = _request(b"", "application/json", withheld=reason)
    assert (record["request"], record["capture"]["state"]) == (None, "none")
    assert _odd(record) == [note]


HOSTILE = {
    "ten thousand keys": (json.dumps({f"key{n}": n for n in range(10_000)}).encode(), "application/json"),
    "deep arrays": (b"[" * 60_000 + b"]" * 60_000, "application/json"),
    "deep objects": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "application/json"),
    "deep and cut": (b'[{"a":' * 20_000, "application/json"),
    "broken utf-8": (b'{"a":"\xff\xc3(\xed\xa0\x80"}', "application/json"),
    "lone surrogates": (b'{"a":"\\ud800"}', "application/json"),
    "no json": (b"{]" * 30_000, "application/json"),
    "quotes": (b'"\\' * 60_000, "application/json"),
    "huge numbers": (b"[" + b"9" * 100_000 + b"]", "application/json"),
    "many fields": (b"a=1&" * 30_000, FORM),
    "many codes": (b"%zz%" * 30_000, FORM),
    "many parts": (b"--x\r\n\r\n\r\n" * 10_000, "multipart/mixed; boundary=x"),
    "long heads": (b"--x\r\nContent-Disposition: " + b";name=" * 20_000, "multipart/mixed; boundary=x"),
    "no boundary": (MULTIPART, "multipart/form-data"),
    "dashes": (b"-" * 100_000, "multipart/mixed; boundary=-"),
    "a charset that is none": (b"abc", "text/plain; charset=idna"),
    "a charset of zip": (gzip.compress(b"abc"), "text/plain; charset=zip"),
    "hostile type": (b"abc", "text/plain" + ';a="\\' * 5_000),
}


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_bounded_and_recorded(name, is_cut):
    content, media_type = HOSTILE[name]
    began = time.process_time()
    record = _record(
        CaptureOptions(request_body=True, max_body_bytes=1 << 20),
        request=Body(content, media_type, cut_at=len(content) if is_cut else None),
    )
    assert time.process_time() - began < 2
    assert record["capture"]["state"] == "complete"
    if record["request"] is not None:
        json.loads(record["request"])
    else:
        assert record["requestBase64"]


def test_a_note_says_what_was_left_out_or_could_not_be_read():
    assert "fields-left-out" in _odd(_request(b"a=1&" * 20_000, FORM))
    assert "charset-replaced" in _odd(_request(b"\xff", "text/plain"))
    assert "content-unreadable" in _odd(_request(b"{]", "application/json"))
    assert "nested-too-deeply" in _odd(_request(b"[" * 100 + b"]" * 100, "application/json"))
