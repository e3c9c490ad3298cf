"""Attributes under ``audit.`` reach their fields; nobody forges ours."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import START, make_log, make_span, notes_of, record_of, records_of
from otel_audit.convert.options import ConvertOptions

FULL: dict[str, Any] = {
    "audit.record.id": "9D0C6C1E-6B0F-4A35-9A5E-2F3B7A1C4E90",
    "audit.actor.id": "u8472",
    "audit.actor.type": "service",
    "audit.action": "update",
    "audit.outcome": "failure",
    "audit.target.id": "churn/3",
    "audit.target.type": "model",
    "audit.source.id": "203.0.113.7",
    "audit.source.type": "ipv4",
    "audit.purpose": "support case 17",
    "audit.session.id": "s-1",
    "audit.on_behalf_of.id": "u1",
    "audit.on_behalf_of.type": "user",
    "audit.auth.method": "oidc",
    "audit.auth.session.id": "a-1",
    "audit.auth.credential.id": "c-1",
    "audit.auth.mfa": True,
    "audit.auth.decision": "allow",
    "audit.auth.policy": "p",
    "audit.auth.reason": "r",
    "audit.subject.ids": ["p1", "p2"],
    "audit.changes": '[{"path": "/a", "before": 1, "after": 2}]',
    "audit.oversight.reviewer": "rev",
    "audit.oversight.decision": "approve",
    "audit.oversight.of": "x",
    "audit.oversight.reason": "fine",
    "audit.oversight.at": "2026-11-21T18:04:16.5+01:00",
    "audit.duration_ns": 1_500_000,
    "audit.error.message": "not today",
    "audit.sequence.number": 7,
}

FIELDS: dict[str, Any] = {
    "recordId": "9d0c6c1e-6b0f-4a35-9a5e-2f3b7a1c4e90",
    "user": {"id": "u8472", "type": "service", "origin": "audit.actor.id", "assurance": "asserted"},
    "action": "UPDATE",
    "outcome": "failure",
    "target": {"type": "model", "id": "churn/3"},
    "source": {"type": "ipv4", "id": "203.0.113.7"},
    "purpose": "support case 17",
    "session": "s-1",
    "onBehalfOf": {"id": "u1", "type": "user"},
    "auth": {
        "method": "oidc", "sessionId": "a-1", "credentialId": "c-1", "mfa": True, "decision": "allow",
        "policy": "p", "reason": "r",
    },
    "subjects": ["p1", "p2"],
    "changes": [{"path": "/a", "before": 1, "after": 2}],
    "oversight": {
        "reviewer": "rev", "decision": "approve", "of": "x", "reason": "fine",
        "at": "2026-11-21T17:04:16.500000000Z",
    },
    "errorMessage": "not today",
    "attributes": {"audit.sequence.number": 7},
}  # fmt: skip


@pytest.mark.parametrize("kind", ["internal", "server", "producer"])
def test_every_attribute_of_a_span_reaches_its_field(kind: str) -> None:
    span = make_span(kind, attributes=dict(FULL))
    lasted = span.end_unix_nano - span.start_unix_nano
    record = record_of(span)
    assert {key: record[key] for key in FIELDS} == FIELDS
    assert record["durationNs"] == lasted, "a span knows it by itself"
    assert record["stream"] == "platform"
    assert record["eventName"] == "model.update"


def test_log_event_with_audit_attributes_is_a_record() -> None:
    (record,) = records_of(logs=(make_log("model.change", attributes=dict(FULL), body="hello"),))
    expected = FIELDS | {
        "attributes": {"audit.sequence.number": 7, "log.body": "hello"},
        "durationNs": 1_500_000,
    }
    assert {key: record[key] for key in expected} == expected
    assert record["eventName"] == "model.change"
    assert record["timeUnixNano"] == START
    assert "spanKind" not in record
    assert "traceId" not in record


def test_plain_log_event_is_none() -> None:
    assert records_of(logs=(make_log("some.event", attributes={"a": 1}),)) == []


def test_platform_takes_audit_even_when_off() -> None:
    options = ConvertOptions(streams=frozenset())
    plain = make_span(attributes={"http.request.method": "GET"})
    audited = make_span(attributes={"http.request.method": "GET", "audit.action": "READ"})
    (record,) = records_of(plain, audited, options=options)
    assert (record["action"], record["stream"]) == ("READ", "platform")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audit.outcome", "great"),
        ("audit.action", 7),
        ("audit.auth.decision", "maybe"),
        ("audit.auth.mfa", "yes"),
        ("audit.source.id", "jane.doe@example.com"),
        ("audit.subject.ids", [1]),
        ("audit.changes", "not json"),
        ("audit.oversight.at", "yesterday"),
        ("audit.target.id", 7),
        ("audit.oversight.decision", "nod"),
        ("audit.on_behalf_of.type", "jane.doe@example.com"),
        ("audit.on_behalf_of.id", True),
        ("audit.duration_ns", -1),
        ("audit.duration_ns", "long"),
    ],
)
def test_values_that_do_not_fit_stay_attributes(name: str, value: Any) -> None:
    record = record_of(make_span("internal", attributes={name: value}))
    assert record["attributes"][name] == value
    assert notes_of(record) == ["wrong-type"]


def test_given_id_that_is_no_uuid_is_hashed_and_stable() -> None:
    ids = [
        record_of(make_span("internal", attributes={"audit.record.id": "order-17"}, span_id=span))["recordId"]
        for span in ("a" * 16, "b" * 16)
    ]
    assert ids[0] == ids[1]
    assert ids[0] != "order-17"


@pytest.mark.parametrize("key", ["audit.notes", "audit.partitioned_by", "audit.duplicate_of"])
def test_our_own_notes_cannot_be_forged(key: str) -> None:
    record = record_of(make_span(attributes={"http.request.method": "GET", key: "observed"}))
    assert record["attributes"] == {"received." + key: "observed", "audit.notes": ["reserved-key"]}


def test_forged_note_does_not_overwrite_what_looks_like_a_renamed_one() -> None:
    attributes = {"http.request.method": "GET", "received.audit.notes": "a", "audit.notes": "b"}
    record = record_of(make_span(attributes=attributes))
    assert record["attributes"] == {
        "received.audit.notes": "a", "received.audit.notes#2": "b",
        "audit.notes": ["duplicate-key", "reserved-key"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["audit.gap", "audit.start", "jane.doe@example.com", "Hello World", "x.4111111111"]
)
def test_event_names_outside_of_the_vocabulary_stay_attributes(name: str) -> None:
    (record,) = records_of(logs=(make_log(name, attributes={"audit.action": "X"}),))
    assert record["eventName"] == "audit.event"
    assert record["attributes"]["event.name"] == name
    assert notes_of(record) == ["name-unsafe"]


def test_outcome_of_a_log_event_is_unknown_unless_it_says() -> None:
    (record,) = records_of(logs=(make_log(attributes={"audit.action": "LOGIN"}),))
    assert record["outcome"] == "unknown"


def test_log_without_any_time_happened_when_it_was_seen() -> None:
    log = make_log(attributes={"audit.action": "X"}, time_unix_nano=0, observed_unix_nano=0)
    (record,) = records_of(logs=(log,))
    assert record["timeUnixNano"] == record["observedTimeUnixNano"]
    assert notes_of(record) == ["start-missing"]
