"""OpenInference's retrievals, rerankings and embeddings: documents, queries, texts and vectors."""

from __future__ import annotations

from otel_audit.convert.inference.documents import documents
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.flattened import nested
from otel_audit.convert.inference.json_text import container
from otel_audit.convert.spans import Value

__all__ = ["read_documents"]


def read_documents(draft: Draft) -> None:
    """Moves documents, queries and embeddings of ``draft.rest`` into the draft."""
    rest, oddities = draft.rest, draft.oddities
    retrieved = nested(rest, "retrieval.documents.", oddities)
    ranked = nested(rest, "reranker.output_documents.", oddities)
    for given in (retrieved, ranked):
        if given is not None:
            draft.response_members.setdefault("documents", documents(given, oddities))
    query = rest.pop("reranker.query", None)
    if query is not None:
        draft.request_members["query"] = query
    given = nested(rest, "reranker.input_documents.", oddities)
    if given is not None:
        draft.request_members["documents"] = documents(given, oddities)
    top = rest.get("reranker.top_k")
    if top is not None and draft.add_parameter("top_k", top):
        del rest["reranker.top_k"]
    embedded = nested(rest, "embedding.embeddings.", oddities)
    if embedded is not None:
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
