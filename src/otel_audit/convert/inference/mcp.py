"""Model Context Protocol: ``mcp.method.name``, ``mcp.session.id``, ``jsonrpc.request.id``.

Source: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md. A tool call
is an ``execute_tool`` like any other; the rest are ``mcp``. MCP spans are of kind server or client, and
speak no HTTP: their protocol is ``mcp``, the method is MCP's, the return code JSON-RPC's. The session id lets
who holds it go on with the session, so it goes where only pseudonyms are written.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.semconv._incubating.attributes import jsonrpc_attributes as jsonrpc
from opentelemetry.semconv._incubating.attributes import mcp_attributes as mcp

from otel_audit.convert.inference.draft import Draft, whole_number
from otel_audit.convert.inference.json_text import container, plain_json
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.spans import Value

__all__ = ["METHOD", "TOOL", "read"]

METHOD: Final = mcp.MCP_METHOD_NAME
TOOL: Final = "mcp.tool.name"

_CODES: Final = ("rpc.response.status_code", "rpc.jsonrpc.error_code")

_EXTRA: Final = {
    mcp.MCP_PROTOCOL_VERSION: "mcpProtocolVersion",
    jsonrpc.JSONRPC_REQUEST_ID: "jsonrpcRequestId",
    "mcp.request.id": "jsonrpcRequestId",
    "mcp.prompt.name": "promptName",
    "mcp.server.name": "mcpServerName",
}

_REQUESTS: Final = (
    "mcp.request.argument",
    "mcp.request.arguments",
    "mcp.request.params",
    "mcp.tool.arguments",
)
_RESPONSES: Final = ("mcp.response.value", "mcp.tool.result", "mcp.response.result")


def read(draft: Draft) -> str:
    """Reads what is MCP's of ``draft.rest``; returns the operation."""
    rest = draft.rest
    draft.protocol = "mcp"
    method = rest.get(METHOD)
    draft.take(TOOL, "toolName")
    draft.take("mcp.tool.call.id", "toolCallId")
    is_tool = method == "tools/call" or (method is None and "toolName" in draft.info)
    if isinstance(method, str):
        draft.method = method
        del rest[METHOD]
    session = rest.get(mcp.MCP_SESSION_ID)
    if isinstance(session, str) and draft.session in (None, session):
        draft.session = session
        del rest[mcp.MCP_SESSION_ID]
    resource = rest.get(mcp.MCP_RESOURCE_URI)
    if isinstance(resource, str) and resource:
        draft.target = ("resource", resource)
        del rest[mcp.MCP_RESOURCE_URI]
    for key, name in _EXTRA.items():
        draft.take_extra(key, name)
    for key in _CODES:
        code = whole_number(_number(rest.get(key)))
        if code is not None and draft.return_code in (None, code):
            draft.return_code = code
            del rest[key]
    for keys, name, members in (
        (_REQUESTS, "arguments" if is_tool else "input", draft.request_members),
        (_RESPONSES, "result" if is_tool else "output", draft.response_members),
    ):
        for key in keys:
            _take(draft, key, name, members)
    if not is_tool:
        _rename(draft.request_members, "arguments", "input")
        _rename(draft.response_members, "result", "output")
    return "execute_tool" if is_tool else "mcp"


def _number(value: Value) -> Value:
    """JSON-RPC's codes are negative and stand as text."""
    if isinstance(value, str) and value[:1] == "-" and value[1:].isascii() and value[1:].isdigit():
        return int(value[:17])
    return value


def _take(draft: Draft, key: str, name: str, members: dict[str, Any]) -> None:
    value = draft.rest.get(key)
    if is_nothing(value):
        return
    oddities = draft.oddities
    inner = container(value, oddities) if isinstance(value, str) else plain_json(value, oddities)
    if members.setdefault(name, inner) == inner:
        del draft.rest[key]


def _rename(members: dict[str, Any], old: str, new: str) -> None:
    if old in members and new not in members:
        members[new] = members.pop(old)
