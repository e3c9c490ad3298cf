"""Each field that ``emit()`` can fill arrives: masked, in every format, and the same through OTLP."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from cli.conftest import Invoke, invoke
from otel_audit import Auth, Oversight, events
from otel_audit.errors import InputError
from sdk.written import LIFE

__all__ = ["invoke"]

_PSEUDONYM = re.compile(r"\[([A-Z_]+):k1:[a-z2-7]{26}\]")

KEY = "0123456789abcdef0123456789abcdef"

EMITTED: dict[str, Any] = {
    "actor_id": "u8472",
    "outcome": "failure",
    "actor_type": "user",
    "actor_name": "Jo Smith",
    "actor_email": "jo@example.com",
    "actor_roles": ["owner"],
    "on_behalf_of": "u1",
    "on_behalf_of_type": "service",
    "target_id": "churn",
    "source_id": "203.0.113.7",
    "purpose": "support case 17",
    "session": "s-1",
    "subjects": ["p-1", "p-2"],
    "auth": Auth(
        method="oidc",
        session_id="a-1",
        credential_id="c-1",
        mfa=True,
        decision="deny",
        policy="p",
        reason="no role",
    ),
    "changes": {
        "before": {"threshold": 0.5, "owner": {"email": "old@example.com", "password": "hunter2"}, "gone": 1},
        "after": {
            "threshold": 0.7,
            "owner": {"email": "new@example.com", "password": "hunter3"},
            "new": None,
        },
    },
    "oversight": Oversight(
        reviewer="rev-1",
        decision="reject",
        of="9d0c6c1e",
        reason="too early",
        at=datetime(2026, 11, 21, 18, tzinfo=UTC),
    ),
    "error_type": "PermissionError",
    "error_message": "jo@example.com may not",
    "duration_ns": 1_500_000,
    "time_unix_nano": 1_795_300_000_000_000_001,
    "attributes": {"ticket": "CHG-1042", "note": "card 4111 1111 1111 1111"},
}

ATTRIBUTES: dict[str, Any] = {
    "audit.actor.id": "u8472",
    "audit.actor.type": "user",
    "audit.actor.name": "Jo Smith",
    "audit.actor.email": "jo@example.com",
    "audit.actor.roles": ["owner"],
    "audit.on_behalf_of.id": "u1",
    "audit.on_behalf_of.type": "service",
    "audit.action": "UPDATE",
    "audit.outcome": "failure",
    "audit.target.id": "churn",
    "audit.target.type": "model",
    "audit.source.id": "203.0.113.7",
    "audit.purpose": "support case 17",
    "audit.session.id": "s-1",
    "audit.subject.ids": ["p-1", "p-2"],
    "audit.auth.method": "oidc",
    "audit.auth.session_id": "a-1",
    "audit.auth.credential_id": "c-1",
    "audit.auth.mfa": True,
    "audit.auth.decision": "deny",
    "audit.auth.policy": "p",
    "audit.auth.reason": "no role",
    "audit.changes": json.dumps(otel_audit.changes_between(**EMITTED["changes"])),
    "audit.oversight.reviewer": "rev-1",
    "audit.oversight.decision": "reject",
    "audit.oversight.of": "9d0c6c1e",
    "audit.oversight.reason": "too early",
    "audit.oversight.at": "2026-11-21T18:00:00Z",
    "error.type": "PermissionError",
    "audit.error.message": "jo@example.com may not",
    "audit.duration_ns": 1_500_000,
    "ticket": "CHG-1042",
    "note": "card 4111 1111 1111 1111",
}

EXPECTED: dict[str, Any] = {
    "eventName": "model.update",
    "timestamp": "2026-11-21T22:26:40.000000001Z",
    "durationNs": 1_500_000,
    "onBehalfOf": {"id": "u1", "type": "service"},
    "action": "UPDATE",
    "outcome": "failure",
    "target": {"type": "model", "id": "churn"},
    "source": {"type": "ipv4", "id": "203.0.113.7"},
    "purpose": "support case 17",
    "changes": [
        {"path": "/threshold", "before": 0.5, "after": 0.7},
        {"path": "/owner/email", "before": "[EMAIL]", "after": "[EMAIL]"},
        {"path": "/owner/password", "before": "[WITHHELD]", "after": "[WITHHELD]"},
        {"path": "/gone", "before": 1},
        {"path": "/new", "after": None},
    ],
    "oversight": {
        "reviewer": "rev-1", "decision": "reject", "of": "9d0c6c1e", "reason": "too early",
        "at": "2026-11-21T18:00:00.000000000Z",
    },
    "errorCode": "PermissionError",
    "errorMessage": "[EMAIL] may not",
    "attributes": {"note": "card [CREDIT_CARD]", "ticket": "CHG-1042"},
}  # fmt: skip


def otlp(folder: Path, attributes: dict[str, Any]) -> Path:
    """A file as a Collector writes it, with one log record."""

    def any_value(value: Any) -> dict[str, Any]:
        if isinstance(value, bool):
            return {"boolValue": value}
        if isinstance(value, int):
            return {"intValue": str(value)}
        if isinstance(value, list):
            return {"arrayValue": {"values": [any_value(item) for item in value]}}
        return {"stringValue": value}

    record = {
        "timeUnixNano": str(EMITTED["time_unix_nano"]),
        "eventName": "model.update",
        "attributes": [{"key": key, "value": any_value(value)} for key, value in attributes.items()],
    }
    file = folder / "logs.json"
    file.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
    return file


def read(invoke: Invoke, destination: Path) -> dict[str, Any]:
    """The one record at a destination that is not of the log's own life."""
    result = invoke("query", "-d", destination, "--format", "json")
    assert result.exit_code == 0, result.stderr
    (record,) = [one for one in json.loads(result.stdout) if one["eventName"] not in LIFE]
    found: dict[str, Any] = record
    return found


@pytest.mark.parametrize("key", ["", KEY], ids=["no key", "key"])
@pytest.mark.parametrize("form", ["parquet", "ndjson"])
@pytest.mark.parametrize("door", ["emit", "otlp"])
def test_every_field_arrives(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str, form: str, key: str
) -> None:
    log, fields = tmp_path / "log", ["name", "email", "roles"]
    monkeypatch.setenv("OTEL_AUDIT_STREAMS_PLATFORM_FORMAT", form)
    monkeypatch.setenv("OTEL_AUDIT_IDENTITY_FIELDS", ",".join(fields))
    if key:
        monkeypatch.setenv("OTEL_AUDIT_MASK_KEY", key)
    if door == "emit":
        with otel_audit.install(str(log), provider=TracerProvider(shutdown_on_exit=False)):
            receipt = otel_audit.get_audit_logger().emit(events.MODEL_UPDATE, **EMITTED)
    else:
        assert invoke("ingest", "-d", log, otlp(tmp_path, ATTRIBUTES)).exit_code == 0
    record = read(invoke, log)
    for name, value in EXPECTED.items():
        assert json.loads(_PSEUDONYM.sub(r"[\1]", json.dumps(record[name]))) == value, name
    who = {"id": "u8472", "type": "user", "name": "Jo Smith", "email": "jo@example.com", "roles": ["owner"]}
    assert {name: record["user"][name] for name in who} == who
    assert record["user"]["assurance"] == ("verified" if door == "emit" else "asserted")
    auth = {"method": "oidc", "mfa": True, "decision": "deny", "policy": "p", "reason": "no role"}
    assert {name: record["auth"][name] for name in auth} == auth
    pseudonyms = [record.get("session"), record["auth"].get("sessionId"), record["auth"].get("credentialId")]
    if key:
        assert all(str(one).split(":")[0] in {"[SESSION", "[CREDENTIAL"} for one in pseudonyms)
        assert [one.split(":")[0] for one in record["subjects"]] == ["[SUBJECT", "[SUBJECT"]
    else:
        assert pseudonyms == [None, None, None]
        assert "subjects" not in record
        assert {one["reason"] for one in record["masking"]["dropped"]} == {"no-key"}
    shown = invoke("show", "-d", log, record["recordId"])
    assert shown.exit_code == 0
    for text in ("too early", "support case 17", "no role", "/threshold", "PermissionError"):
        assert text in shown.stdout
    if door == "emit":
        assert record["recordId"] == receipt.record_id
    for planted in ("hunter2", "hunter3", "old@example.com", "4111 1111"):
        assert planted not in json.dumps(record)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"outcome": None}, "outcome"),
        ({"actor_roles": "owner"}, "actor_roles"),
        ({"subjects": [""]}, "subjects"),
        ({"source_id": "over there!"}, "source_id"),
        ({"target_id": 7}, "target_id"),
        ({"session": " "}, "session"),
        ({"on_behalf_of_type": "robot"}, "on_behalf_of_type"),
        ({"auth": {"method": "oidc"}}, "otel_audit.Auth"),
        ({"oversight": "approve"}, "otel_audit.Oversight"),
        ({"changes": "a lot"}, "changes"),
        ({"changes": {"before": 1}}, "before and after"),
        ({"changes": [{"path": "a", "after": 1}]}, "JSON Pointer"),
        ({"changes": [{"path": "/a"}]}, "before or after"),
        ({"changes": [{"path": "/a", "after": 1, "who": 2}]}, "nothing else"),
        ({"duration_ns": -1}, "duration_ns"),
        ({"time_unix_nano": 1.5}, "time_unix_nano"),
        ({"attributes": {7: 7}}, "attributes"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    places = {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}
    good = {"actor_id": "u1", "outcome": "success"}
    with (
        otel_audit.install(provider=TracerProvider(shutdown_on_exit=False), **places),
        pytest.raises(InputError, match=says),
    ):
        otel_audit.get_audit_logger().emit(events.MODEL_UPDATE, **(good | wrong))
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Auth(decision="maybe"),
        lambda: Auth(mfa="yes"),
        lambda: Auth(method=""),
        lambda: Oversight(reviewer="", decision="approve"),
        lambda: Oversight(reviewer="r", decision="nod"),
        lambda: Oversight(reviewer="r", decision="stop", at=datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda: Oversight(reviewer="r", decision="stop", at="yesterday"),
    ],
)
def test_who_decided_is_checked_where_it_is_said(make: Any) -> None:
    with pytest.raises(InputError, match=r"auth\.|oversight\."):
        make()


def test_what_is_said_beside_stays_where_no_argument_says_it(tmp_path: Path, invoke: Invoke) -> None:
    with otel_audit.install(str(tmp_path / "log"), provider=TracerProvider(shutdown_on_exit=False)):
        otel_audit.get_audit_logger().emit(
            "invoice.approve",
            actor_id="u1",
            action="APPROVE",
            outcome="success",
            attributes={"audit.target.id": "i-7", "audit.purpose": "month's end"},
        )
    record = read(invoke, tmp_path / "log")
    assert (record["target"], record["purpose"]) == ({"id": "i-7"}, "month's end")
    assert (record["eventName"], record["action"]) == ("invoice.approve", "APPROVE")


def test_whoever_is_acted_for_is_named_without_being_told(tmp_path: Path, invoke: Invoke) -> None:
    with (
        otel_audit.install(str(tmp_path / "log"), provider=TracerProvider(shutdown_on_exit=False)),
        otel_audit.acting_as("u9", type="service"),
    ):
        otel_audit.get_audit_logger().emit(
            events.LOGIN, actor_id="agent-1", actor_type="service", outcome="success"
        )
    record = read(invoke, tmp_path / "log")
    assert record["onBehalfOf"] == {"id": "u9", "type": "service"}
