"""Retrieved documents in one form: ``{id, score, content, metadata}``, further members behind."""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.spans import Value

__all__ = ["document", "documents"]

_MEMBERS: Final = ("id", "score", "content", "metadata")


def documents(value: Value, oddities: list[str]) -> Value:
    """Returns a list of documents in normal form; anything else as it is."""
    return [document(item, oddities) for item in value] if isinstance(value, list) else value


def document(value: Value, oddities: list[str]) -> Value:
    """Returns a document in normal form.

    Args:
        value: a document of the GenAI conventions, OpenInference or LangChain, or its text.
        oddities: takes notes of what could not be read.
    """
    inner = value.get("document") if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        inner = value if isinstance(value, dict) else {"content": value}
    if "page_content" in inner and "content" not in inner:  # LangChain's
        inner = {"content": inner["page_content"]} | {k: v for k, v in inner.items() if k != "page_content"}
    found: dict[str, Any] = {}
    for name in _MEMBERS:
        member = inner.get(name)
        if name == "metadata" and isinstance(member, str):
            member = container(member, oddities)
        if not is_nothing(member):
            found[name] = member
    for name, member in inner.items():
        if name not in _MEMBERS and not is_nothing(member):
            found[name] = member
    return found
