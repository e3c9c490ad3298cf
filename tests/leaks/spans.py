"""Every place of a span that an application can write to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from leaks.written import OBSERVED
from otel_audit.convert.spans import LogData, ResourceData

START = OBSERVED - 60_000_000_000
END = START + 5_000_000

_SERVER = {"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 500}
_CLIENT = {"http.request.method": "GET", "url.full": "http://shop.example/a"}
_CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}
_TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}


def _message(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _call(text: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": "c1", "name": "lookup", "arguments": {"of": text}}


ATTRIBUTES: dict[str, tuple[SpanKind, Callable[[str], dict[str, Any]]]] = {
    "attribute": (SpanKind.SERVER, lambda text: {**_SERVER, "app.note": text}),
    "attribute of bytes": (SpanKind.SERVER, lambda text: {**_SERVER, "app.note": text.encode()}),
    "list": (SpanKind.SERVER, lambda text: {**_SERVER, "app.notes": ["a", text]}),
    "attribute name": (SpanKind.SERVER, lambda text: {**_SERVER, f"app {text}": True}),
    "JSON": (SpanKind.SERVER, lambda text: {**_SERVER, "app.note": json.dumps({"a": json.dumps({text: text})})}),
    "method": (SpanKind.SERVER, lambda text: {**_SERVER, "http.request.method": text}),
    "original method": (SpanKind.SERVER, lambda text: {**_SERVER, "http.request.method_original": text}),
    "path": (SpanKind.SERVER, lambda text: {**_SERVER, "url.path": f"/a/{text}"}),
    "query": (SpanKind.SERVER, lambda text: {**_SERVER, "url.query": f"a=1&q={text}"}),
    "route": (SpanKind.SERVER, lambda text: {**_SERVER, "http.route": f"/a/{text}"}),
    "scheme": (SpanKind.SERVER, lambda text: {**_SERVER, "url.scheme": text}),
    "protocol": (SpanKind.SERVER, lambda text: {**_SERVER, "network.protocol.name": text}),
    "user agent": (SpanKind.SERVER, lambda text: {**_SERVER, "user_agent.original": text}),
    "error type": (SpanKind.SERVER, lambda text: {**_SERVER, "error.type": text}),
    "server": (SpanKind.SERVER, lambda text: {**_SERVER, "server.address": text}),
    "URL": (SpanKind.CLIENT, lambda text: {**_CLIENT, "url.full": f"http://shop.example/a?q={text}"}),
    "old URL": (SpanKind.CLIENT, lambda text: {"http.method": "GET", "http.url": f"http://shop.example/{text}"}),
    "old target": (SpanKind.SERVER, lambda text: {"http.method": "GET", "http.target": f"/a?q={text}"}),
    "request header": (SpanKind.SERVER, lambda text: {**_SERVER, "http.request.header.x_note": [text]}),
    "request id": (SpanKind.SERVER, lambda text: {**_SERVER, "http.request.header.x_request_id": [text]}),
    "header name": (SpanKind.SERVER, lambda text: {**_SERVER, f"http.request.header.{text}": ["a"]}),
    "response header": (SpanKind.SERVER, lambda text: {**_SERVER, "http.response.header.location": ["a", text]}),
    "message": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.input.messages": json.dumps([_message(text)])}),
    "answer": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.output.messages": json.dumps([_message(text)])}),
    "role": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.input.messages": json.dumps([_message("a", text)])}),
    "unread messages": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.input.messages": f'[{{"role":"{text}'}),
    "instructions": (
        SpanKind.CLIENT,
        lambda text: {**_CHAT, "gen_ai.system_instructions": json.dumps([{"type": "text", "content": text}])},
    ),
    "tool call": (
        SpanKind.CLIENT,
        lambda text: {**_CHAT, "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [_call(text)]}])},
    ),
    "tool definition": (
        SpanKind.CLIENT,
        lambda text: {**_CHAT, "gen_ai.tool.definitions": json.dumps([{"name": text, "description": text}])},
    ),
    "stop sequence": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.request.stop_sequences": [text]}),
    "model": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.request.model": text}),
    "operation": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.operation.name": text}),
    "provider": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.provider.name": text}),
    "finish reason": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.response.finish_reasons": [text]}),
    "conversation": (SpanKind.CLIENT, lambda text: {**_CHAT, "gen_ai.conversation.id": text}),
    "tool arguments": (
        SpanKind.INTERNAL, lambda text: {**_TOOL, "gen_ai.tool.call.arguments": json.dumps({"a": [text]})},
    ),
    "tool result": (SpanKind.INTERNAL, lambda text: {**_TOOL, "gen_ai.tool.call.result": text}),
    "tool name": (SpanKind.INTERNAL, lambda text: {**_TOOL, "gen_ai.tool.name": text}),
    "OpenInference": (
        SpanKind.INTERNAL,
        lambda text: {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "input.value": text,
            "llm.input_messages.0.message.content": text,
            "llm.prompt_template.variables": json.dumps({"who": text}),
            "llm.invocation_parameters": json.dumps({"stop": text}),
        },
    ),
    "OpenLLMetry": (
        SpanKind.CLIENT,
        lambda text: {
            "gen_ai.system": "openai",
            "llm.request.type": "chat",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": text,
            "gen_ai.completion.0.content": text,
            "traceloop.association.properties.note": text,
        },
    ),
    "gRPC": (SpanKind.SERVER, lambda text: {"rpc.system": "grpc", "rpc.service": text, "rpc.method": "Get"}),
    "action": (SpanKind.INTERNAL, lambda text: {"audit.action": text}),
    "audit": (
        SpanKind.INTERNAL,
        lambda text: {
            "audit.outcome": text, "audit.purpose": text, "audit.target.id": text,
            "audit.target.type": text, "audit.auth.reason": text, "audit.record.id": text, "audit.subject.ids": [text],
            "audit.changes": json.dumps([{"path": text, "before": text, "after": None}]),
        },
    ),
}  # fmt: skip
"""Places of attributes: kind of span and its attributes with a text at that place."""


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def make_spans(provider: TracerProvider, text: str) -> None:
    """Ends a span for each place of a span."""

    def span(
        kind: SpanKind, attributes: dict[str, Any], name: str = "GET", scope: str = "web", **fields: Any
    ) -> Any:
        tracer = provider.get_tracer(scope, "1")
        return tracer.start_span(name, kind=kind, attributes=attributes, start_time=START, **fields)

    ended = [span(kind, make(text)) for kind, make in ATTRIBUTES.values()]
    ended.append(span(SpanKind.SERVER, _SERVER, f"GET /no/such/{text}"))
    ended.append(span(SpanKind.SERVER, _SERVER, scope=text))
    elsewhere = SpanContext(7, 8, is_remote=True)
    ended.append(span(SpanKind.SERVER, _SERVER, links=[Link(elsewhere, {"note": text, text: "a"})]))
    failed = span(SpanKind.SERVER, _SERVER)
    failed.set_status(Status(StatusCode.ERROR, f"ValueError: {text}"))
    failed.record_exception(raised(text), {"note": text}, START + 1)
    failed.add_event(text, {"exception.message": text, text: [text]}, START + 2)
    ended.append(failed)
    chat = span(SpanKind.CLIENT, _CHAT)
    chat.add_event("gen_ai.user.message", {"content": text}, START + 1)
    chat.add_event("gen_ai.choice", {"message": json.dumps({"content": text}), "index": 0}, START + 2)
    ended.append(chat)
    for one in ended:
        one.end(END)


def make_providers(text: str) -> Iterator[TracerProvider]:
    """An ordinary resource, and one with a text wherever it can have one."""
    yield TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    hostile = {"service.name": text, "service.version": text, "host.note": text, f"note {text}": "a"}
    yield TracerProvider(resource=Resource.create(hostile), shutdown_on_exit=False)


def make_logs(text: str) -> Iterator[LogData]:
    """Log events with a text at each place that they have."""
    call = {"gen_ai.system": "openai"}
    for name, body, attributes in (
        ("gen_ai.user.message", {"content": text}, call),
        (
            "gen_ai.choice",
            {"index": 0, "message": {"content": text, "role": "assistant"}, "finish_reason": text},
            call,
        ),
        ("gen_ai.choice", text, call),
        (
            "gen_ai.client.inference.operation.details",
            None,
            {"gen_ai.input.messages": [_message(text)], **_CHAT},
        ),
        ("gen_ai.user.message", str({"content": text}), call),
        ("user.login", text, {"audit.action": "LOGIN", "note": text}),
        ("user.login", [{text: [text]}], {"audit.action": "LOGIN", text: text.encode()}),
        (text, {"deep": [{"er": text}]}, {"audit.action": "LOGIN"}),
    ):
        yield LogData(
            name=name,
            time_unix_nano=START,
            observed_unix_nano=START + 1,
            trace_id="",
            span_id="",
            body=body,
            attributes=dict(attributes),
            resource=ResourceData({"service.name": "shop"}),
        )
