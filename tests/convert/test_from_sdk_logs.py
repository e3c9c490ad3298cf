"""One log record gives one event, whichever door it comes through."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from convert.strategies import attribute_maps, attribute_values, texts
from otel_audit.convert.from_otlp import read_export
from otel_audit.convert.from_sdk_logs import LogReader

names = st.sampled_from(["gen_ai.choice", "gen_ai.client.inference.operation.details", "user.login", ""])

times = st.integers(1, 2**63 - 1)


@st.composite
def log_records(draw: st.DrawFn) -> ReadWriteLogRecord:
    """A log record that the real SDK made, limits and all."""
    attributes = draw(attribute_maps(wild=False))
    if draw(st.booleans()):
        attributes["event.name"] = draw(names)
    record = LogRecord(
        timestamp=draw(st.none() | times),
        observed_timestamp=draw(times),
        severity_number=draw(st.sampled_from(SeverityNumber)),
        body=draw(attribute_values(wild=False)),
        attributes=attributes,
        event_name=draw(st.none() | names | texts()),
    )
    record.trace_id = draw(st.just(0) | st.integers(1, 2**128 - 1))
    record.span_id = draw(st.just(0) | st.integers(1, 2**64 - 1))
    scope = InstrumentationScope(draw(texts()), draw(texts()), attributes=draw(attribute_maps(wild=False)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK tells of each attribute that its limits drop
        return ReadWriteLogRecord(
            record,
            Resource.create(draw(attribute_maps(wild=False, max_size=4))),
            scope,
            LogRecordLimits(max_attributes=8),
        )


def readable(record: ReadWriteLogRecord) -> ReadableLogRecord:
    return ReadableLogRecord(record.log_record, record.resource, record.instrumentation_scope, record.limits)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log_records())
def test_both_doors_read_the_same_event(record: ReadWriteLogRecord) -> None:
    sent = encode_logs([readable(record)]).SerializeToString()
    (expected,) = read_export(sent, format="protobuf", signal="logs").logs
    found = LogReader().read(record.log_record, record.resource, record.instrumentation_scope)
    assert repr(found) == repr(expected)  # as text, since NaN is not equal to itself


def event(**members: Any) -> LogRecord:
    return LogRecord(observed_timestamp=1, event_name="gen_ai.choice", **members)


def test_what_its_emitter_changes_later_is_not_changed_here() -> None:
    body: dict[str, Any] = {"message": {"content": ["Hi"]}}
    read = LogReader().read(event(body=body, attributes={"a": [1]}), None, None)
    body["message"]["content"].append("and bye")
    body["index"] = 7
    assert read.body == {"message": {"content": ["Hi"]}}


def test_a_record_that_no_sdk_has_seen_is_read() -> None:
    read = LogReader().read(event(body="Hi"), None, None)
    assert (read.trace_id, read.span_id, read.time_unix_nano) == ("", "", 0)
    assert (read.name, read.body, read.attributes) == ("gen_ai.choice", "Hi", {})
    assert (read.resource.scope_name, read.resource.attributes) == ("", {})


def test_what_otlp_cannot_carry_is_kept_and_noted() -> None:
    read = LogReader().read(event(body={"big": 2**70, "odd": object, "text": "a\udfff"}), None, None)
    assert isinstance(read.body, dict)
    assert read.body["big"] == 2**70
    assert read.body["text"] == "a\ufffd"
    assert read.oddities == ["wrong-type", "surrogates-replaced"]


def test_events_share_what_their_resource_and_scope_say() -> None:
    reader, resource, scope = LogReader(), Resource.create({}), InstrumentationScope("s", "1")
    first, second = (reader.read(event(), resource, scope) for _ in range(2))
    assert first.resource is second.resource
    assert (first.resource.scope_name, first.resource.scope_version) == ("s", "1")
    other = reader.read(event(), Resource.create({"service.name": "shop"}), scope)
    assert other.resource.attributes["service.name"] == "shop"
