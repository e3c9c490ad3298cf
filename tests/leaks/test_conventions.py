"""Every attribute that a convention knows, on every kind of span: whatever is mapped where, it is masked there."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import ModuleType
from typing import Any

import opentelemetry.semconv._incubating.attributes
import opentelemetry.semconv.attributes
import pytest

from leaks.artefacts import texts_of_row
from leaks.oracle import Oracle
from leaks.written import OBSERVED
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import ResourceData, SpanData, Value
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

_OF_DIALECTS = """
    openinference.span.kind input.value output.value llm.input_messages.0.message.role llm.model_name llm.provider
    llm.input_messages.0.message.content llm.input_messages.0.message.contents.0.message_content.text llm.system
    llm.output_messages.0.message.content llm.output_messages.0.message.tool_calls.0.tool_call.function.name
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments llm.invocation_parameters metadata tag.tags
    llm.prompt_template.variables llm.prompt_template.template llm.tools.0.tool.json_schema tool.parameters
    embedding.embeddings.0.embedding.text retrieval.documents.0.document.content tool.description agent.name
    retrieval.documents.0.document.id retrieval.documents.0.document.metadata graph.node.id
    traceloop.workflow.name traceloop.entity.name traceloop.entity.path traceloop.entity.input traceloop.entity.output
    traceloop.association.properties.note traceloop.span.kind gen_ai.prompt.0.content gen_ai.prompt.0.role
    gen_ai.completion.0.content gen_ai.completion.0.finish_reason gen_ai.completion.0.tool_calls.0.arguments
    gen_ai.completion.0.tool_calls.0.name gen_ai.prompt.variable.name llm.request.functions.0.description
    llm.request.functions.0.parameters llm.request.type llm.headers llm.chat.stop_sequences mlflow.spanInputs
    mlflow.spanOutputs mlflow.spanType mlflow.spanFunctionName mlflow.chat.messages mlflow.chat.tools
    http.request.header.referer http.request.header.x_note http.request.header.baggage http.request.header.forwarded
    http.response.header.location http.client_ip path_info rpc.grpc.request.metadata.x ai.prompt ai.prompt.messages
    ai.response.text ai.response.toolCalls ai.toolCall.args ai.toolCall.result ai.telemetry.metadata.note
    audit.action audit.outcome audit.purpose audit.target.id audit.target.type audit.auth.reason audit.auth.method
    audit.auth.session.id audit.subject.ids audit.changes audit.record.id audit.tenant audit.notes
    audit.oversight.reason audit.oversight.reviewer audit.partitioned_by audit.duplicate_of
"""

_WHO = ("user.id", "user.hash", "enduser.id", "enduser.pseudo.id", "llm.user")
"""An audit log says who: these are written unless a policy says otherwise."""

_SPANS: dict[str, tuple[str, dict[str, Value]]] = {
    "HTTP": ("server", {"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 200}),
    "chat": ("client", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}),
    "OpenLLMetry": (
        "client",
        {"gen_ai.system": "openai", "llm.request.type": "chat", "gen_ai.request.model": "m"},
    ),
    "OpenInference": ("internal", {"openinference.span.kind": "LLM", "llm.model_name": "m"}),
    "tool": ("internal", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}),
    "gRPC": ("server", {"rpc.system": "grpc", "rpc.service": "S", "rpc.method": "M"}),
    "MCP": ("client", {"mcp.method.name": "tools/call"}),
    "audit": ("internal", {"audit.action": "READ", "audit.actor.id": "u"}),
    "MLflow": ("internal", {"mlflow.spanType": '"CHAT_MODEL"'}),
}

_VALUES: dict[str, Value] = {
    "text": "jane.doe@example.com, card 4111 1111 1111 1111",
    "list": ["a", "of 123-45-6789"],
    "map": {"password": "hunter2", "jane.doe@example.com": ["+1 415 555 0100"]},
    "bytes": b"jane.doe@example.com",
    "nested JSON": json.dumps({"a": json.dumps({"to": "DE89370400440532013000", "p": "?token=s3cr3t"})}),
    "URL": "postgres://bob:hunter2@db:5432/x",
}


def attribute_names() -> list[str]:
    names = set(_OF_DIALECTS.split())
    for package in (opentelemetry.semconv.attributes, opentelemetry.semconv._incubating.attributes):
        for module in pkgutil.iter_modules(package.__path__):
            names |= _constants(importlib.import_module(f"{package.__name__}.{module.name}"))
    return sorted(names - set(_WHO))


def _constants(module: ModuleType) -> set[str]:
    return {
        value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "." in value
    }


def _span(kind: str, attributes: dict[str, Any], number: int) -> SpanData:
    return SpanData(
        name="op",
        kind=kind,
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        parent_span_id="",
        sampled=True,
        start_unix_nano=OBSERVED - 1000,
        end_unix_nano=OBSERVED,
        attributes=attributes,
        resource=ResourceData({"service.name": "shop"}, "t", "1"),
    )


@pytest.mark.parametrize("form", _VALUES)
def test_every_attribute_of_every_convention(form: str) -> None:
    names, masker, oracle = attribute_names(), Masker(MaskPolicy(field_timeout_s=3600)), Oracle()
    assert len(names) > 900
    converter = Converter(ConvertOptions(include_spans=frozenset({"db", "messaging", "internal"})))
    readable = []
    # A third of the spans for each form of value: enough, since what is masked does not depend on both.
    for base in list(_SPANS)[list(_VALUES).index(form) % 3 :: 3]:
        kind, attributes = _SPANS[base]
        spans = [_span(kind, {**attributes, name: _VALUES[form]}, at) for at, name in enumerate(names)]
        batch = converter.convert(spans, (), observed_unix_nano=OBSERVED)
        assert len(batch) > len(names) * 0.9
        records = masker.mask(batch).records.drop_columns(["salts", "digests", "recordId", "traceId"])
        for row in records.to_pylist():
            name = names[int(row["spanId"], 16)]
            readable += [f"{base}, {name}: {leak}" for leak in oracle.leaks(texts_of_row("", row))]
    assert readable == []
