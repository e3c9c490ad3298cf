"""LangChain's own forms: a serialised message where a tool's result is expected, and an agent's name."""

from __future__ import annotations

from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import container, parse
from otel_audit.convert.inference.media import is_nothing

__all__ = ["read_agent_name", "read_tool_message"]


def read_tool_message(draft: Draft) -> None:
    """Takes the content out of a result that is a tool message, and the id of the call it answers.

    LangChain writes ``{"lc": 1, "kwargs": {content, tool_call_id, …}}``, or ``{"type": "tool", "data": …}``.
    """
    result = draft.response_members.get("result")
    if not isinstance(result, dict):
        return
    inner = result.get("kwargs") if "lc" in result else result.get("data")
    if not isinstance(inner, dict) or inner.get("type") != "tool" or "content" not in inner:
        return
    if any(not is_nothing(inner.get(member)) for member in ("artifact", "additional_kwargs")):
        return
    content = inner["content"]
    draft.response_members["result"] = (
        container(content, draft.oddities) if isinstance(content, str) else content
    )
    if isinstance(inner.get("tool_call_id"), str):
        draft.know("toolCallId", inner["tool_call_id"])


def read_agent_name(draft: Draft) -> None:
    """The agent's name, which LangChain gives in the metadata of every span below it; the metadata stay."""
    text = draft.rest.get("metadata")
    tree = parse(text, []) if isinstance(text, str) and "lc_agent_name" in text else None
    name = tree.get("lc_agent_name") if isinstance(tree, dict) else None
    if isinstance(name, str) and "agentName" not in draft.info:
        draft.know("agentName", name)
