"""LangChain's serialised messages where a tool's result is expected."""

from __future__ import annotations

from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import is_nothing

__all__ = ["read_tool_message"]


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
