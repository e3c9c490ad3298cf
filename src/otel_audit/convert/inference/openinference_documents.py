"""OpenInference's retrievals, rerankings and embeddings: documents, queries, texts and vectors."""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.flattened import nested
from otel_audit.convert.inference.json_text import container
from otel_audit.convert.inference.media import is_nothing
from otel_audit.convert.spans import Value

__all__ = ["document", "read_documents"]

_MEMBERS: Final = ("id", "score", "content", "metadata")


def document(value: Value, oddities: list[str]) -> Value:
    """Returns a document as ``{id, score, content, metadata}``, further members behind."""
    inner = value.get("document") if isinstance(value, dict) else None
    if not isinstance(inner, dict):
        inner = value if isinstance(value, dict) else {"content": value}
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


def read_documents(draft: Draft) -> None:
    """Moves documents, queries and embeddings of ``draft.rest`` into the draft."""
    rest, oddities = draft.rest, draft.oddities
    retrieved = nested(rest, "retrieval.documents.", oddities)
    ranked = nested(rest, "reranker.output_documents.", oddities)
    for given in (retrieved, ranked):
        if isinstance(given, list):
            draft.response_members.setdefault("documents", [document(item, oddities) for item in given])
    query = rest.pop("reranker.query", None)
    if query is not None:
        draft.request_members["query"] = query
    given = nested(rest, "reranker.input_documents.", oddities)
    if isinstance(given, list):
        draft.request_members["documents"] = [document(item, oddities) for item in given]
    top = rest.get("reranker.top_k")
    if top is not None and draft.add_parameter("top_k", top):
        del rest["reranker.top_k"]
    embedded = nested(rest, "embedding.embeddings.", oddities)
    if isinstance(embedded, list):
        items = [item.get("embedding") for item in embedded if isinstance(item, dict)]
        members = [item for item in items if isinstance(item, dict)]
        texts = [item["text"] for item in members if "text" in item]
        vectors = [_vector(item["vector"], oddities) for item in members if "vector" in item]
        if texts:
            draft.request_members["input"] = texts
        if vectors:
            draft.response_members["embeddings"] = vectors


def _vector(value: Value, oddities: list[str]) -> Value:
    return container(value, oddities) if isinstance(value, str) else value
