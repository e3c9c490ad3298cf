"""What an inference dialect read reaches the record, and nothing unsafe reaches a field that is not masked."""

from __future__ import annotations

from typing import Any

from convert.building import make_span, notes_of, record_of

MCP = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "jsonrpc.request.id": "7"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}


def record(attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return record_of(make_span("client", attributes=dict(attributes), **fields))


def test_mcp_has_its_own_protocol_and_method() -> None:
    found = record(MCP)
    assert (found["protocol"], found["method"]) == ("mcp", "tools/call")
    assert found["target"] == {"type": "tool", "id": "search"}
    assert found["eventName"] == "gen_ai.execute_tool"


def test_mcp_method_that_may_hold_personal_data_stays_an_attribute() -> None:
    found = record(MCP | {"mcp.method.name": "jane.doe@example.com"})
    assert "method" not in found
    assert found["attributes"]["mcp.method"] == "jane.doe@example.com"
    assert notes_of(found) == ["name-unsafe"]


def test_counts_that_no_reader_keeps_exactly_become_attributes() -> None:
    found = record(CHAT | {"gen_ai.usage.input_tokens": 2**60})
    assert "inputTokens" not in found["modelInfo"]
    assert str(2**60) in found["attributes"].values()
    assert "number-as-text" in notes_of(found)


def test_session_of_an_association_is_used_where_the_span_has_none() -> None:
    association = {"traceloop.association.properties.session_id": "s-1", "traceloop.span.kind": "workflow"}
    assert record(CHAT | association)["session"] == "s-1"
    assert record(CHAT | association | {"session.id": "s-2"})["session"] == "s-2"


def test_http_of_the_transport_stays_beside_the_protocol_above_it() -> None:
    found = record(MCP | {"http.request.method": "POST", "http.response.status_code": 200})
    assert (found["protocol"], found["method"]) == ("mcp", "tools/call")
    assert "returnCode" not in found
    assert found["attributes"] == {"http.request.method": "POST", "http.response.status_code": 200}
