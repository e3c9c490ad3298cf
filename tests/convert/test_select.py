"""What becomes a record, and in which stream."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import make_span, record_of, records_of
from otel_audit.convert.options import ConvertOptions, ModelEndpoint
from otel_audit.errors import ConfigurationError

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
HTTP = {"http.request.method": "POST", "url.path": "/v1/chat", "http.response.status_code": 200}
MCP = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}

ONLY_PLATFORM = ConvertOptions(streams=frozenset({"platform"}))
ONLY_MODEL_IO = ConvertOptions(streams=frozenset({"model-io"}))
NO_TOOLS = ConvertOptions(include_tools=False)


def names(
    attributes: dict[str, Any], kind: str, options: ConvertOptions | None = None
) -> list[tuple[str, str]]:
    records = records_of(make_span(kind, attributes=dict(attributes)), options=options)
    return [(record["eventName"], record["stream"]) for record in records]


@pytest.mark.parametrize(
    ("attributes", "kind", "event"),
    [
        (HTTP, "server", "http.server"),
        (HTTP, "client", "http.client"),
        ({"http.status_code": 200, "http.route": "/x"}, "server", "http.server"),
        ({"url.full": "http://a/x"}, "client", "http.client"),
        ({"rpc.system": "grpc"}, "server", "rpc.server"),
        ({"rpc.method": "a.B/C"}, "client", "rpc.client"),
        (HTTP | {"db.system": "elasticsearch"}, "server", "http.server"),
    ],
)
def test_platform_records(attributes: dict[str, Any], kind: str, event: str) -> None:
    assert names(attributes, kind) == [(event, "platform")]
    assert names(attributes, kind, ONLY_PLATFORM) == [(event, "platform")]
    assert names(attributes, kind, ONLY_MODEL_IO) == []


@pytest.mark.parametrize(
    ("attributes", "event"),
    [
        (CHAT, "gen_ai.chat"),
        (CHAT | HTTP, "gen_ai.chat"),
        (TOOL, "gen_ai.execute_tool"),
        (MCP, "gen_ai.execute_tool"),
    ],
)
@pytest.mark.parametrize("kind", ["client", "internal", "server"])
def test_inference_records(attributes: dict[str, Any], event: str, kind: str) -> None:
    assert names(attributes, kind) == [(event, "model-io")]
    assert names(attributes, kind, ONLY_PLATFORM) == []
    assert names(attributes, kind, ONLY_MODEL_IO) == [(event, "model-io")]


def test_tools_can_be_left_out() -> None:
    assert names(TOOL, "internal", NO_TOOLS) == []
    assert names(MCP, "client", NO_TOOLS) == []
    assert names(CHAT, "client", NO_TOOLS) == [("gen_ai.chat", "model-io")]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"asgi.event.type": "http.response.start", "http.status_code": 200}, "internal"),
        ({"type": "http.request"}, "internal"),
        ({"http.request.method": "GET"}, "internal"),
        ({"db.system": "postgresql", "server.address": "db"}, "client"),
        (
            {"db.system.name": "elasticsearch", "http.request.method": "GET", "url.full": "http://es/x"},
            "client",
        ),
        ({"messaging.system": "kafka"}, "producer"),
        ({"messaging.system": "aws_sqs", "rpc.system": "aws-api"}, "client"),
        ({"db.system": "dynamodb", "rpc.system": "aws-api"}, "client"),
        ({"code.function.name": "f"}, "internal"),
        ({}, "client"),
    ],
)
def test_no_records(attributes: dict[str, Any], kind: str) -> None:
    assert names(attributes, kind) == []


@pytest.mark.parametrize(
    ("family", "attributes", "kind", "event"),
    [
        ("db", {"db.system": "postgresql"}, "client", "db.client"),
        ("messaging", {"messaging.system": "kafka"}, "consumer", "messaging.consumer"),
        ("internal", {"code.function.name": "f"}, "internal", "audit.event"),
    ],
)
def test_other_spans_on_request(family: str, attributes: dict[str, Any], kind: str, event: str) -> None:
    assert names(attributes, kind, ConvertOptions(include_spans=frozenset({family}))) == [(event, "platform")]


def test_asgi_children_stay_out_even_with_internal_spans_in() -> None:
    options = ConvertOptions(include_spans=frozenset({"internal"}))
    assert names({"asgi.event.type": "http.request"}, "internal", options) == []


def test_inference_with_audit_attributes_and_model_io_off_is_a_platform_record_without_content() -> None:
    record = record_of(make_span("client", attributes=CHAT | {"audit.purpose": "support"}), ONLY_PLATFORM)
    assert record["stream"] == "platform"
    assert record["purpose"] == "support"
    assert record["capture"] == {"state": "none"}
    assert "hi" not in str(record.get("request")) + str(record.get("attributes", ""))


ENDPOINT = (ModelEndpoint("/v1/models/churn:predict", "churn"),)
PREDICT = HTTP | {"url.path": "/v1/models/churn:predict", "http.request.body.content": '{"age":5}'}


def test_model_endpoint_with_model_io_off_stays_in_platform_without_content() -> None:
    options = ConvertOptions(streams=frozenset({"platform"}), models=ENDPOINT)
    record = record_of(make_span(attributes=dict(PREDICT)), options)
    assert record["stream"] == "platform"
    assert record["modelInfo"]["modelName"] == "churn"
    assert "request" not in record
    assert record["capture"] == {"state": "none"}


def test_model_endpoint_with_platform_off_is_recorded() -> None:
    options = ConvertOptions(streams=frozenset({"model-io"}), models=ENDPOINT)
    assert names(PREDICT, "server", options) == [("http.server", "model-io")]
    assert names(HTTP, "server", options) == []


def test_content_off_leaves_out_messages_bodies_and_what_dialects_leave_behind() -> None:
    options = ConvertOptions(content="off")
    chat = record_of(make_span("client", attributes=CHAT | {"gen_ai.prompt.variable.name": "Jane"}), options)
    assert "request" not in chat
    assert chat["attributes"] == {"audit.notes": ["content-off"]}
    assert chat["modelInfo"]["modelName"] == "gpt-4o-mini"
    body = record_of(make_span(attributes=dict(PREDICT)), options)
    assert "request" not in body


def test_one_span_with_http_and_inference_maps_both() -> None:
    record = record_of(make_span("client", attributes=CHAT | HTTP | {"server.address": "api.openai.com"}))
    assert record["eventName"] == "gen_ai.chat"
    assert (record["method"], record["protocol"], record["returnCode"]) == ("POST", "http", 200)
    assert record["action"] == "EXECUTE"
    assert record["target"] == {"type": "model", "id": "gpt-4o-mini"}
    assert record["server"] == {"address": "api.openai.com"}


def test_bedrock_has_rpc_http_and_inference_on_one_span() -> None:
    record = record_of(
        make_span(
            "client",
            attributes={
                "rpc.system": "aws-api",
                "rpc.service": "Bedrock Runtime",
                "rpc.method": "Converse",
                "aws.region": "us-east-1",
                "server.address": "bedrock-runtime.us-east-1.amazonaws.com",
                "server.port": 443,
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "aws.bedrock",
                "gen_ai.request.model": "amazon.titan-text-express-v1",
                "gen_ai.response.finish_reasons": ["stop"],
                "http.status_code": 200,
            },
        )
    )
    assert record["eventName"] == "gen_ai.chat"
    assert record["rpc"] == {"service": "Bedrock Runtime", "method": "Converse"}
    assert (record["protocol"], record["returnCode"], record["outcome"]) == ("http", 200, "success")
    assert record["modelInfo"]["provider"] == "aws.bedrock"
    assert record["attributes"] == {"aws.region": "us-east-1", "rpc.system": "aws-api"}


@pytest.mark.parametrize(
    "options", [{"streams": frozenset({"x"})}, {"include_spans": frozenset({"x"})}, {"content": "some"}]
)
def test_unknown_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ConvertOptions(**options)
