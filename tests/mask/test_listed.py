"""Fields that are withheld for what they are called: by a rule, or since they are not on the allow-list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy, MaskRule
from otel_audit.record.schema import FIELDS, Treatment

_ROW = {
    "stream": "model-io",
    "request": json.dumps(
        {"messages": [{"role": "user", "parts": [{"type": "text", "content": "secret plan"}]}], "n": 123456789012,
         "flag": True, "empty": None, "digits": [4, 1, 1], "inner": json.dumps({"a": "secret plan"})}
    ),
    "requestHeaders": {"x-plan": ["secret plan"], "accept": ["*/*"]},
    "attributes": json.dumps({"my.plan": "secret plan", "my.price": 12.5}),
    "resource": json.dumps({"host.name": "secret plan"}),
    "userAgent": "secret plan",
    "errorMessage": "secret plan",
    "spanName": "secret plan",
    "requestPath": "/secret plan",
    "target": {"type": "model", "id": "churn"},
    "service": {"name": "shop", "version": "1", "instanceId": None},
    "modelInfo": {"modelName": "churn", "extra": [("plan", "secret plan")]},
    "events": [{"name": "secret plan", "timestamp": None, "attributes": json.dumps({"a": "secret plan"})}],
}  # fmt: skip


def _masked(policy: MaskPolicy, row: dict[str, Any] = _ROW) -> dict[str, Any]:
    return Masker(policy).mask(unmasked(row)).records.to_pylist()[0]


def _dropped(record: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in record["masking"]["dropped"] or ()}


def test_what_is_not_listed_is_withheld_numbers_and_flags_too() -> None:
    record = _masked(MaskPolicy(listed=("service", "target", "modelInfo.modelName")))
    assert "secret plan" not in json.dumps(record, default=str)
    request = json.loads(record["request"])
    assert request["n"] == request["flag"] == request["inner"] == "[WITHHELD]"
    assert request["digits"] == ["[WITHHELD]"] * 3
    assert request["empty"] is None
    assert json.loads(record["attributes"])["my.price"] == "[WITHHELD]"
    assert record["service"]["name"] == "shop"
    assert record["target"]["id"] == record["modelInfo"]["modelName"] == "churn"
    assert _dropped(record)["request.messages[0].parts[0].content"] == "not-listed"
    assert _dropped(record)["requestHeaders.x-plan"] == "not-listed"


def test_ids_times_and_codes_are_no_fields_of_the_list() -> None:
    record = _masked(MaskPolicy(listed=()), {**_ROW, "returnCode": 200, "traceId": "ab" * 16})
    assert record["returnCode"] == 200
    assert record["traceId"] == "ab" * 16


def test_what_is_below_a_listed_path_is_listed() -> None:
    record = _masked(MaskPolicy(listed=("request.messages", "requestHeaders.x-*", "attributes.my.price")))
    request = json.loads(record["request"])
    assert request["messages"][0]["parts"][0]["content"] == "secret plan"
    assert request["n"] == "[WITHHELD]"
    assert dict(record["requestHeaders"]) == {"accept": ["[WITHHELD]"], "x-plan": ["secret plan"]}
    assert json.loads(record["attributes"]) == {"my.plan": "[WITHHELD]", "my.price": 12.5}


def test_listed_fields_are_still_masked() -> None:
    record = _masked(MaskPolicy(listed=("errorMessage",)), {"errorMessage": "to jane@example.com"})
    assert record["errorMessage"] == "to [EMAIL]"


def test_a_rule_lists_a_field_too() -> None:
    policy = MaskPolicy(listed=(), rules=(MaskRule("errorMessage", "redact"),))
    assert _masked(policy, {"errorMessage": "to jane@example.com"})["errorMessage"] == "to [EMAIL]"


@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("request", lambda record: record["request"] == '"[WITHHELD]"'),
        ("request.messages", lambda record: json.loads(record["request"])["messages"] == "[WITHHELD]"),
        ("request.n", lambda record: json.loads(record["request"])["n"] == "[WITHHELD]"),
        ("userAgent", lambda record: record["userAgent"] == "[WITHHELD]"),
        ("resource.host.name", lambda record: json.loads(record["resource"]) == {"host.name": "[WITHHELD]"}),
        ("requestHeaders.x-plan", lambda record: dict(record["requestHeaders"])["x-plan"] == ["[WITHHELD]"]),
    ],
)
def test_a_rule_drops_a_field_of_any_kind(field: str, gone: Any) -> None:
    record = _masked(MaskPolicy(rules=(MaskRule(field, "drop"),)))
    assert gone(record)
    assert set(_dropped(record).values()) == {"policy"}
    assert record["errorMessage"] == "secret plan"


def test_every_text_of_the_schema_is_withheld_by_an_empty_list() -> None:
    names = [
        field.name for field in FIELDS if field.treatment is Treatment.TEXT and str(field.type) == "string"
    ]
    record = _masked(MaskPolicy(listed=()), dict.fromkeys(names, "secret plan"))
    assert [name for name in names if record[name] == "secret plan"] == []
