"""Whatever a span holds, it becomes a record, and nothing of it is lost silently."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.building import (
    OBSERVED,
    SPAN,
    START,
    TRACE,
    make_log,
    make_span,
    notes_of,
    record_of,
    records_of,
)
from convert.strategies import KINDS, TIMES, attribute_maps, texts
from otel_audit.convert import converter as converter_module
from otel_audit.convert import notes
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import EventData, LinkData, LogData, ResourceData, SpanData
from otel_audit.record.schema import SCHEMA

HTTP = {"http.request.method": "GET"}
EVERYTHING = ConvertOptions(include_spans=frozenset({"db", "messaging", "internal"}))

ids = st.sampled_from(["", "0" * 32, "0" * 16, TRACE, SPAN, "abc", "jane@example.com", "f" * 200])

values = attribute_maps(wild=False, max_size=8)
few = attribute_maps(wild=False, max_size=2)
events = st.builds(EventData, texts(), TIMES, few)
links = st.builds(LinkData, ids, ids, few)
resources = st.builds(ResourceData, few, texts(), texts())

spans = st.builds(
    SpanData,
    name=texts(),
    kind=st.sampled_from(KINDS),
    trace_id=ids,
    span_id=ids,
    parent_span_id=ids,
    sampled=st.sampled_from([True, False, None]),
    start_unix_nano=TIMES,
    end_unix_nano=TIMES,
    attributes=values,
    resource=resources,
    status=st.integers(0, 2),
    status_message=texts(),
    events=st.lists(events, max_size=2),
    links=st.lists(links, max_size=1),
    dropped_attributes=st.integers(-1, 2**64),
)

logs = st.builds(
    LogData,
    name=texts() | st.sampled_from(["gen_ai.user.message", "gen_ai.choice", "a.b"]),
    time_unix_nano=TIMES,
    observed_unix_nano=TIMES,
    trace_id=ids,
    span_id=ids,
    body=st.none() | few | texts(),
    attributes=values,
    resource=resources,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans, max_size=3), st.lists(logs, max_size=2))
def test_odd_input_never_raises_and_every_span_is_a_record(
    odd: list[SpanData], events: list[LogData]
) -> None:
    expected = sum(
        1 for span in odd if not any(key in span.attributes for key in ("asgi.event.type", "type"))
    )
    batch = Converter(EVERYTHING).convert(odd, events, observed_unix_nano=OBSERVED).records
    batch.validate(full=True)
    assert batch.schema.equals(SCHEMA)
    assert batch.num_rows >= expected
    for row in batch.to_pylist():
        attributes = json.loads(row["attributes"]) if row["attributes"] else {}
        assert set(attributes.get("audit.notes", ())) <= notes.VOCABULARY
        assert row["recordId"]
        assert row["timeUnixNano"] >= 0


def test_hypothesis_input_does_not_take_the_last_resort() -> None:
    """The last resort is for what nobody thought of; a wild span is not that."""
    seen = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(spans)
    def run(span: SpanData) -> None:
        for record in records_of(span, options=EVERYTHING):
            seen.append(record["eventName"])
            assert record["eventName"] != "audit.unreadable"

    run()
    assert seen


def leaves(value: Any) -> set[str]:
    """Every text and number inside a value, as text."""
    if isinstance(value, dict):
        return set().union(*(leaves(item) for item in value.values())) if value else set()
    if isinstance(value, list | tuple):
        return set().union(*(leaves(item) for item in value)) if value else set()
    return {str(value)}


KEPT = st.dictionaries(
    st.sampled_from(
        ["http.request.method", "http.method", "http.target", "http.url", "url.full", "url.path", "http.route",
         "http.status_code", "http.response.status_code", "net.peer.ip", "client.address", "server.address",
         "net.host.name", "http.host", "http.flavor", "user.id", "enduser.id", "x.custom", "rpc.service",
         "http.request.header.accept", "error.type", "audit.purpose", "audit.target.id", "server.port"]
    ),
    st.uuids().map(str),
    max_size=12,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(KEPT)
def test_every_text_of_a_span_is_somewhere_in_its_record(attributes: dict[str, str]) -> None:
    record = record_of(make_span(attributes={"http.route": "/x", **attributes}))
    shown = json.dumps(record)
    for value in attributes.values():
        assert value in shown


@pytest.mark.parametrize(
    ("value", "written", "note"),
    [
        (2**53 - 1, 2**53 - 1, None),
        (2**53, str(2**53), "number-as-text"),
        (-(2**63), str(-(2**63)), "number-as-text"),
        (1 << 20_000, hex(1 << 20_000), "number-as-text"),
        (float("nan"), "NaN", "non-finite-number"),
        (float("-inf"), "-Infinity", "non-finite-number"),
        (0.1, 0.1, None),
        (b"\xff", {"base64": "/w=="}, None),
        ([1, None, {"a": b"x"}], [1, None, {"a": {"base64": "eA=="}}], None),
        ("a\ud800b", "a\ufffdb", "surrogates-replaced"),
        ("\ud83d\ude00", "\U0001f600", "surrogates-replaced"),
        ("a\u2028b", "a\u2028b", None),
    ],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) else hex(value)[:20],
)
def test_values_keep_their_types_as_far_as_json_has_them(value: Any, written: Any, note: str | None) -> None:
    record = record_of(make_span(attributes={**HTTP, "x": value}))
    assert record["attributes"]["x"] == written
    assert notes_of(record) == ([note] if note else [])


def test_line_separators_are_escaped_in_the_text() -> None:
    batch = Converter().convert(
        [make_span(attributes={**HTTP, "x": "a\u2028b"})], observed_unix_nano=OBSERVED
    )
    assert batch.records.column("attributes").to_pylist() == ['{"x":"a\\u2028b"}']


def test_keys_that_become_equal_are_all_kept() -> None:
    attributes: dict[str, Any] = {**HTTP, "k\ud800": 1}
    attributes["k\ufffd"] = 2
    record = record_of(make_span(attributes=attributes))
    assert record["attributes"]["k\ufffd"] == 1
    assert record["attributes"]["k\ufffd#2"] == 2
    assert "duplicate-key" in notes_of(record)


def test_deep_nesting_is_cut_and_noted() -> None:
    deep: Any = "x"
    for _ in range(sys.getrecursionlimit() // 2):
        deep = [deep]
    record = record_of(make_span(attributes={**HTTP, "deep": deep}))
    assert notes_of(record) == ["nested-too-deeply"]


def test_huge_text_is_kept_whole() -> None:
    record = record_of(make_span(attributes={**HTTP, "url.path": "/" + "x" * 10_000_000}))
    assert len(record["requestPath"]) == 10_000_001


@pytest.mark.parametrize(
    ("start", "end", "time", "duration", "note"),
    [
        (START, START + 5, START, 5, None),
        (START, START, START, 0, None),
        (0, START, OBSERVED, None, "start-missing"),
        (-5, START, OBSERVED, None, "start-missing"),
        (2**63, 2**63, OBSERVED, None, "end-missing"),
        (START, 0, START, None, "end-missing"),
        (START, START - 1, START, None, "end-before-start"),
        (START, START + 2**53, START, None, "duration-too-long"),
    ],
)
def test_times(start: int, end: int, time: int, duration: int | None, note: str | None) -> None:
    record = record_of(make_span(attributes=dict(HTTP), start_unix_nano=start, end_unix_nano=end))
    assert record["timeUnixNano"] == time
    assert record.get("durationNs") == duration
    assert (note in notes_of(record)) if note else (notes_of(record) == [])


DAY, HOUR = 86_400 * 10**9, 3_600 * 10**9


@pytest.mark.parametrize(
    ("start", "moved"),
    [
        (OBSERVED - 7 * DAY, False),
        (OBSERVED - 7 * DAY - 1, True),
        (OBSERVED + HOUR, False),
        (OBSERVED + HOUR + 1, True),
        (1, True),
    ],
)
def test_event_time_chooses_the_partition_only_near_the_observed_time(start: int, *, moved: bool) -> None:
    span = {"start_unix_nano": start, "end_unix_nano": start}
    record = record_of(make_span(attributes=dict(HTTP), **span))
    assert record.get("attributes", {}).get("audit.partitioned_by") == ("observed" if moved else None)
    assert record["timeUnixNano"] == start
    unbounded = record_of(make_span(attributes=dict(HTTP), **span), ConvertOptions(bound_event_time=False))
    assert "attributes" not in unbounded


@pytest.mark.parametrize(
    ("fields", "kept", "attributes"),
    [
        ({"trace_id": "abc"}, {"traceId": "abc", "spanId": SPAN}, {}),
        ({"span_id": ""}, {"traceId": TRACE}, {}),
        ({"trace_id": "0" * 32}, {"traceId": "0" * 32, "spanId": SPAN}, {}),
        ({"trace_id": "jane@example.com"}, {"spanId": SPAN}, {"otlp.trace_id": "jane@example.com"}),
        ({"parent_span_id": "nothex"}, {"traceId": TRACE, "spanId": SPAN}, {"otlp.parent_span_id": "nothex"}),
    ],
)
def test_malformed_ids(fields: dict[str, str], kept: dict[str, str], attributes: dict[str, str]) -> None:
    record = record_of(make_span(attributes=dict(HTTP), **{"parent_span_id": "", **fields}))
    assert {key: record[key] for key in ("traceId", "spanId", "parentSpanId") if key in record} == kept
    assert record["attributes"] == {**attributes, "audit.notes": ["id-malformed"]}


def test_root_span_has_no_parent_and_no_note() -> None:
    record = record_of(make_span(attributes=dict(HTTP), parent_span_id=""))
    assert "parentSpanId" not in record
    assert "attributes" not in record


def test_resource_and_scope() -> None:
    resource = ResourceData(
        {
            "service.name": "shop", "service.version": "1.4.2", "service.instance.id": "a1",
            "service.namespace": "retail", "deployment.environment.name": "production", "host.name": "n1",
        },
        "opentelemetry.instrumentation.flask", "0.66b1",
    )  # fmt: skip
    record = record_of(make_span(attributes=dict(HTTP), resource=resource))
    assert record["service"] == {"name": "shop", "version": "1.4.2", "instanceId": "a1"}
    assert (record["versionId"], record["namespace"]) == ("1.4.2", "production")
    assert record["resource"] == {"host.name": "n1", "service.namespace": "retail"}
    assert record["scope"] == {"name": "opentelemetry.instrumentation.flask", "version": "0.66b1"}


def test_namespace_of_the_service_where_no_environment_is_named() -> None:
    record = record_of(
        make_span(attributes=dict(HTTP), resource=ResourceData({"service.namespace": "retail"}))
    )
    assert record["namespace"] == "retail"
    assert "resource" not in record


def test_odd_resource_values_are_noted_in_each_record() -> None:
    resource = ResourceData({"service.name": 7, "big": 2**60})
    records = records_of(
        *(make_span(attributes=dict(HTTP), resource=resource, span_id=f"{n:016x}") for n in range(1, 9))
    )
    assert all(notes_of(record) == ["number-as-text"] for record in records)
    assert records[0]["resource"] == {"big": str(2**60), "service.name": 7}


def test_events_links_and_counts() -> None:
    record = record_of(
        make_span(
            attributes=dict(HTTP),
            events=[EventData("first", START, {"a": 1}), EventData("", 0, {})],
            links=[LinkData(TRACE, SPAN, {"b": [1]}), LinkData("zz", SPAN, {})],
            dropped_attributes=3,
            dropped_events=2**40,
            dropped_links=1,
        )
    )
    assert record["events"] == [
        {"name": "first", "timestamp": "2026-11-21T18:17:36.394044809Z", "attributes": '{"a":1}'}, None,
    ]  # fmt: skip
    assert record["links"] == [
        {"traceId": TRACE, "spanId": SPAN, "attributes": '{"b":[1]}'},
        {"spanId": SPAN, "attributes": '{"otlp.trace_id":"zz"}'},
    ]
    assert (record["droppedAttributes"], record["droppedEvents"], record["droppedLinks"]) == (3, 2**31 - 1, 1)


def test_same_span_has_the_same_id_whenever_it_is_seen() -> None:
    first, second = (
        Converter().convert([make_span(attributes=dict(HTTP))], observed_unix_nano=OBSERVED + n).records
        for n in (0, 10**9)
    )
    assert first.column("recordId") == second.column("recordId")


def test_records_keep_the_order_of_their_spans() -> None:
    shapes = [{"http.request.method": "GET"}, {"http.method": "GET"}, {"rpc.system": "grpc"}]
    given = [make_span(attributes=dict(shapes[n % 3]), span_id=f"{n + 1:016x}") for n in range(40)]
    assert [record["spanId"] for record in records_of(*given)] == [span.span_id for span in given]


def test_log_events_join_the_span_of_their_call() -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system": "openai"}
    log = make_log("gen_ai.user.message", trace_id=TRACE, span_id=SPAN, body={"content": "hello"})
    (record,) = records_of(make_span("client", attributes=chat), logs=(log,))
    assert record["request"]["messages"][0]["parts"][0]["content"] == "hello"
    assert len(record["joined"]) == 1
    alone = make_log("gen_ai.user.message", trace_id=TRACE, span_id=SPAN, body={"content": "hello"})
    (other,) = records_of(logs=(alone,))
    assert other["recordId"] == record["joined"][0]
    assert (other["eventName"], other["stream"]) == ("gen_ai.message", "model-io")


@pytest.mark.parametrize("place", ["read", "judge"])
def test_failure_inside_conversion_still_gives_a_bare_record(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("jane.doe@example.com")

    if place == "read":
        monkeypatch.setattr(converter_module.inference, "read", fail)
    else:
        monkeypatch.setattr(converter_module.RowBuilder, "span_row", fail)
    record = record_of(make_span(attributes={**HTTP, "secret": "s3cr3t"}, name="GET /x"))
    assert record["eventName"] == "audit.unreadable"
    assert record["attributes"] == {"audit.notes": ["conversion-failed"]}
    assert (record["traceId"], record["spanId"], record["spanName"]) == (TRACE, SPAN, "GET /x")
    assert record["timeUnixNano"] == START
    assert record["service"] == {"name": "shop"}
    assert "jane" not in str(record)


def test_row_that_does_not_fit_its_column_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    original = converter_module.RowBuilder.span_row

    def span_row(self: Any, span: SpanData, *rest: Any) -> Any:
        row = original(self, span, *rest)
        if span.name == "bad" and row is not None:
            row["returnCode"] = "two hundred"
        return row

    monkeypatch.setattr(converter_module.RowBuilder, "span_row", span_row)
    given = [make_span(attributes={"http.method": "GET"}, name=name) for name in ("good", "bad", "good")]
    first, bad, last = records_of(*given)
    assert bad["eventName"] == "audit.unreadable"
    assert bad["spanName"] == "bad"
    assert first["eventName"] == last["eventName"] == "http.server"


def test_surrogates_past_a_door_cost_the_content_and_never_the_record() -> None:
    """Both doors replace them; what a caller hands in by itself is caught at the columns."""
    bad = "\ud800"
    resource = ResourceData({"service.name": bad, bad: bad}, bad, bad)
    (record,) = records_of(
        make_span(
            name=bad,
            trace_id=bad,
            parent_span_id=bad,
            attributes={**HTTP, "url.path": bad, bad: bad},
            resource=resource,
            status_message=bad,
            events=[EventData(bad, START, {bad: bad})],
        )
    )
    assert record["spanName"] == "\ufffd"
    assert record["service"] == {"name": "\ufffd"}
    assert {"conversion-failed", "surrogates-replaced"} <= set(notes_of(record))


def test_empty_batch() -> None:
    assert len(Converter().convert([], observed_unix_nano=OBSERVED)) == 0
