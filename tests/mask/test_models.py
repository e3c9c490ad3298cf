"""Which records are tagged, and what they lose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.tags import ModelTag

_TAGS = (
    ModelTag("churn", endpoint="/v1/models/churn:predict", pii=True),
    ModelTag("gpt-4o-mini", pii=True),
    ModelTag("qwen*", pii=False),
    ModelTag("scorer", version="1", pii=True),
    ModelTag("scorer", version="2", pii=False),
)
_POLICY = MaskPolicy(models=_TAGS)


def chat(model: str | None, **more: Any) -> dict[str, Any]:
    return {
        "stream": "model-io",
        "eventName": "gen_ai.chat",
        "modelInfo": {"modelName": model, **more.pop("info", {})},
        "request": '{"messages":[]}',
        "response": '[{"role":"assistant"}]',
        **more,
    }


def masked(*rows: dict[str, Any], policy: MaskPolicy = _POLICY) -> list[dict[str, Any]]:
    return Masker(policy).mask(unmasked(*rows)).records.to_pylist()


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-mini",
        "GPT-4o-mini",
        "openai/gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "models/gpt-4o-mini@20240718",
    ],
)
def test_tagged_by_name(name: str) -> None:
    (record,) = masked(chat(name))
    assert record["request"] is None
    assert record["response"] is None
    assert record["modelInfo"]["pii"] is True
    assert {"path": "request", "reason": "model-pii"} in record["masking"]["dropped"]


def test_a_registered_model_without_the_tag_keeps_its_content() -> None:
    (record,) = masked(chat("qwen3-30b"))
    assert (record["request"], record["modelInfo"]["pii"]) == ('{"messages":[]}', False)


def test_a_model_that_is_not_registered_is_not_tagged() -> None:
    (record,) = masked(chat("claude-x"))
    assert (record["request"], record["modelInfo"]["pii"]) == ('{"messages":[]}', None)


def test_undecidable_is_tagged_once_any_model_has_the_tag() -> None:
    (record,) = masked(chat(None))
    assert record["request"] is None
    assert record["masking"]["dropped"][0]["reason"] == "model-undecidable"
    (record,) = masked(chat(None), policy=MaskPolicy(models=(ModelTag("x"),)))
    assert record["request"] is not None


@pytest.mark.parametrize(("version", "tagged"), [("1", True), ("2", False), (None, True)])
def test_versions(version: str | None, tagged: bool) -> None:
    (record,) = masked(chat("scorer", info={"modelVersion": version}))
    assert (record["request"] is None) is tagged


def test_an_endpoint_keeps_plain_predictions_and_loses_its_input() -> None:
    row = {
        "route": "/v1/models/churn:predict",
        "requestPath": "/v1/models/churn:predict",
        "requestQuery": "customer=4711",
        "request": '{"age":41}',
        "response": '{"churn":0.2}',
        "errorMessage": "bad age 41",
        "requestHeaders": {"content-type": ["application/json"], "x-customer": ["4711"]},
        "attributes": '{"gen_ai.usage.input_tokens":3,"app.age":41}',
        "events": [
            {
                "name": "exception",
                "attributes": '{"exception.message":"age 41","exception.type":"ValueError"}',
            }
        ],
    }
    (record,) = masked(row)
    assert record["response"] == '{"churn":0.2}'
    assert [record[name] for name in ("request", "requestQuery", "errorMessage")] == [None] * 3
    assert record["requestHeaders"] == [("content-type", ["application/json"])]
    assert json.loads(record["attributes"]) == {"gen_ai.usage.input_tokens": 3}
    assert json.loads(record["events"][0]["attributes"]) == {"exception.type": "ValueError"}
    # A fingerprint may have any digits.
    assert "41" not in json.dumps({**record["masking"], "policy": None})


@pytest.mark.parametrize(("outputs", "kept"), [("keep", True), ("withhold", False)])
def test_outputs_as_the_policy_says(outputs: Any, kept: bool) -> None:
    (record,) = masked(chat("gpt-4o-mini"), policy=MaskPolicy(models=_TAGS, pii_outputs=outputs))
    assert (record["response"] is not None) is kept


def test_path_parameters_go() -> None:
    row = chat(
        "gpt-4o-mini",
        route="/users/{name}/chat",
        requestPath="/users/jane/chat",
        spanName="POST /users/jane/chat",
    )
    (record,) = masked(row)
    assert record["requestPath"] == "/users/{name}/chat"
    assert "jane" not in record["spanName"]
    (record,) = masked(chat("gpt-4o-mini", requestPath="/users/jane"))
    assert record["requestPath"] is None


def test_the_body_names_the_model() -> None:
    (record,) = masked({"requestPath": "/x", "request": '{"model":"gpt-4o-mini","input":"a"}'})
    assert record["request"] is None


def test_what_is_above_and_below_is_tagged_and_siblings_are_not() -> None:
    trace = {"traceId": "t", "request": '{"a":1}'}
    rows = [
        {**trace, "spanId": "1", "parentSpanId": None},
        {**chat("gpt-4o-mini"), **trace, "spanId": "2", "parentSpanId": "1"},
        {**trace, "spanId": "3", "parentSpanId": "2"},
        {**trace, "spanId": "4", "parentSpanId": "1"},
        {**trace, "traceId": "u", "spanId": "2", "parentSpanId": "1"},
    ]
    assert [record["request"] is None for record in masked(*rows)] == [True, True, True, False, False]
