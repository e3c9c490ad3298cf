"""Names of model providers: one for each, whatever a dialect calls it.

The names are those of ``gen_ai.provider.name`` in the GenAI conventions. A name that is not among them stays
as it is, in lower case.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from otel_audit.convert.casing import lower_name

__all__ = ["provider_named", "provider_of"]

_NAMES: Final = {
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "cohere.chat": "cohere",
    "gemini": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google": "gcp.gen_ai",
    "google_ai": "gcp.gen_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}

_API_SUFFIXES: Final = (".chat", ".responses", ".completion", ".completions", ".messages", ".embedding")
"""What the Vercel AI SDK puts behind a provider to name its API."""


@lru_cache(maxsize=256)
def provider_named(name: str) -> str:
    """Returns the one name of a provider."""
    lower = lower_name(name.strip())
    for suffix in _API_SUFFIXES:
        lower = lower.removesuffix(suffix)
    return _NAMES.get(lower, lower)


def provider_of(system: str | None, host: str | None) -> str | None:
    """Returns the provider where a dialect tells the maker of the API and who hosts it.

    Args:
        system: ``openai``, ``anthropic``, ``vertexai`` …: whose API it is.
        host: ``azure``, ``aws``, ``google`` …: who runs it.
    """
    system_name = lower_name(system.strip()) if system else None
    host_name = lower_name(host.strip()) if host else None
    if host_name == "azure":
        return "azure.ai.openai" if system_name in (None, "openai") else "azure.ai.inference"
    if host_name == "google":
        return "gcp.vertex_ai" if system_name == "vertexai" else "gcp.gen_ai"
    chosen = host_name or system_name
    return provider_named(chosen) if chosen else None
