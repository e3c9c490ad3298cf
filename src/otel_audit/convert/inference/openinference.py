"""OpenInference: ``openinference.span.kind``, ``llm.*``, ``input.value`` and what goes with them.

Source: ``openinference.semconv.trace`` and the specification at
https://github.com/Arize-ai/openinference/tree/main/spec. Messages are spread over numbered attributes; the
raw request and response stand beside them in ``input.value`` and ``output.value``, which say what the
attributes leave out (finish reasons of each choice, the response's id). Of these two only what the record
does not hold stays among the attributes.

``llm.model_name`` is the response's model where the invocation parameters name the request's, else the
request's. A hidden value is ``__REDACTED__``; it stays, to show that something was there.
"""

from __future__ import annotations

from typing import Final

from otel_audit.convert.inference.api_body import ApiRequest, ApiResponse, read_request
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.flattened import has_prefix, nested
from otel_audit.convert.inference.json_text import dump, parse
from otel_audit.convert.inference.langchain import read_agent_name
from otel_audit.convert.inference.messages import message
from otel_audit.convert.inference.openinference_bodies import bodies, read_values, take_request
from otel_audit.convert.inference.openinference_documents import read_documents
from otel_audit.convert.inference.openinference_messages import openinference_message
from otel_audit.convert.inference.providers import provider_named, provider_of
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["SPAN_KIND", "read"]

SPAN_KIND: Final = "openinference.span.kind"

_OPERATIONS: Final = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "CHAIN": "chain",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
    "PROMPT": "prompt",
    "DECISION": "predict",
    "UNKNOWN": "chain",
}

_COUNTS: Final = {
    "llm.token_count.prompt": "inputTokens",
    "llm.token_count.completion": "outputTokens",
    "llm.token_count.prompt_details.cache_read": "cacheReadTokens",
    "llm.token_count.completion_details.reasoning": "reasoningTokens",
    "decision.token_count.input": "inputTokens",
    "decision.token_count.output": "outputTokens",
}

_EXTRA_COUNTS: Final = {
    "llm.token_count.prompt_details.cache_write": "cacheCreationTokens",
    "llm.token_count.prompt_details.audio": "audioInputTokens",
    "llm.token_count.completion_details.audio": "audioOutputTokens",
}

_ASKED: Final = ("messages", "input", "prompt", "contents", "system", "instructions", "system_instruction")
"""Members of a request that are messages: the span has them elsewhere."""

_MODELS: Final = ("embedding.model_name", "reranker.model_name", "decision.model_name")

_MODEL_CALLS: Final = frozenset({"chat", "text_completion", "embeddings"})

_LLAMA_INDEX: Final = "openinference.instrumentation.llama_index"


def read(draft: Draft, scope: str) -> str | None:
    """Reads what is OpenInference's of ``draft.rest``.

    Args:
        scope: name of the instrumentation scope. LlamaIndex's labels every method of a language model
            ``LLM``, also those that only prepare a call and leave it to another span.

    Returns:
        The operation, ``None`` where the kind is none of those known.
    """
    rest = draft.rest
    kind = rest.get(SPAN_KIND)
    operation = _OPERATIONS.get(kind.upper()) if isinstance(kind, str) else None
    _read_invocation(draft)
    _read_messages(draft)
    _read_counts(draft)
    draft.take("tool.name", "toolName")
    draft.take("tool_call.id", "toolCallId")
    draft.take("tool.id", "toolCallId")
    draft.take("agent.name", "agentName")
    if operation == "invoke_agent":
        read_agent_name(draft)
    read_documents(draft)
    if operation == "chat" and has_prefix(rest, "llm.prompts"):
        operation = "text_completion"
    _read_prompts(draft)
    if operation == "chat" and scope == _LLAMA_INDEX and not _shows_call(draft):
        operation = "chain"
    is_call = operation in _MODEL_CALLS and scope != _LLAMA_INDEX
    request, response = bodies(draft) if is_call else (None, None)
    _read_models(draft, request, response)
    read_values(draft, operation, request, response)
    if operation in _MODEL_CALLS and "modelName" not in draft.info and "responseModel" not in draft.info:
        operation = "chain"
    if operation is not None and (operation != "chain" or _OPERATIONS[str(kind).upper()] == "chain"):
        del rest[SPAN_KIND]
    return operation


def _shows_call(draft: Draft) -> bool:
    """Whether anything tells that the model was called in this very span."""
    return bool(draft.messages or draft.outputs or draft.finish_reasons or "inputTokens" in draft.info)


def _read_invocation(draft: Draft) -> None:
    for key in ("llm.invocation_parameters", "embedding.invocation_parameters"):
        text = draft.rest.get(key)
        tree = parse(text, draft.oddities) if isinstance(text, str) else None
        if not isinstance(tree, dict):
            continue
        asked = {name: tree.pop(name) for name in _ASKED if name in tree}
        request = read_request(tree, draft.oddities)
        left = take_request(draft, request, origin=key) | request.rest | asked
        if request.tools and draft.tools is None:
            draft.tools = request.tools
        if left:
            draft.rest[key] = dump(left)
        else:
            del draft.rest[key]


def _read_messages(draft: Draft) -> None:
    rest, oddities = draft.rest, draft.oddities
    given = nested(rest, "llm.input_messages.", oddities)
    if given is not None:
        messages = [openinference_message(item, "user", oddities) for item in given]
        draft.messages = draft.messages or messages
    given = nested(rest, "llm.output_messages.", oddities)
    if given is not None:
        outputs = [openinference_message(item, "assistant", oddities) for item in given]
        draft.outputs = draft.outputs or outputs
    tools = nested(rest, "llm.tools.", oddities)
    if tools is not None:
        schemas: list[Value] = [_schema(item) for item in tools]
        draft.tools = draft.tools or tool_definitions(schemas, oddities)


def _schema(item: Value) -> Value:
    tool = item.get("tool") if isinstance(item, dict) else item
    if not isinstance(tool, dict):
        return tool
    return tool.get("json_schema", tool)


def _read_counts(draft: Draft) -> None:
    rest = draft.rest
    for key, name in _COUNTS.items():
        draft.take(key, name)
    for key, name in _EXTRA_COUNTS.items():
        if rest.get(key) == 0:
            del rest[key]
        else:
            draft.take_extra(key, name)
    total = rest.get("llm.token_count.total")
    counts = (draft.info.get("inputTokens"), draft.info.get("outputTokens"))
    if total is not None and total == sum(count or 0 for count in counts):
        del rest["llm.token_count.total"]
    else:
        draft.take_extra("llm.token_count.total", "totalTokens")
    if draft.finish(rest.get("llm.finish_reason")):
        del rest["llm.finish_reason"]


def _read_prompts(draft: Draft) -> None:
    """Prompts and completions of text completion."""
    rest, oddities = draft.rest, draft.oddities
    prompts = rest.pop("llm.prompts", None) or nested(rest, "llm.prompts.", oddities)
    if isinstance(prompts, list) and prompts and not draft.messages:
        texts = [_inner_text(item, "prompt") for item in prompts]
        draft.messages = [message(text, "user", oddities) for text in texts]
    elif prompts is not None:
        rest["llm.prompts"] = prompts
    choices = nested(rest, "llm.choices.", oddities)
    if isinstance(choices, list) and not draft.outputs:
        draft.outputs = [message(_inner_text(item, "completion"), "assistant", oddities) for item in choices]


def _inner_text(item: Value, holder: str) -> Value:
    inner = item.get(holder, item) if isinstance(item, dict) else item
    return inner.get("text", inner) if isinstance(inner, dict) else inner


def _read_models(draft: Draft, request: ApiRequest | None, response: ApiResponse | None) -> None:
    draft.take("llm.request.model_name", "modelName")
    draft.take("llm.response.model_name", "responseModel")
    if request is not None and request.model is not None:
        draft.know("modelName", request.model)
    if response is not None and response.model is not None:
        draft.know("responseModel", response.model)
    name = draft.rest.get("llm.model_name")
    if isinstance(name, str) and name == draft.info.get("modelName"):
        del draft.rest["llm.model_name"]
    else:
        draft.take("llm.model_name", "responseModel" if "modelName" in draft.info else "modelName")
    for key in _MODELS:
        if draft.rest.get(key) == draft.info.get("modelName") and key in draft.rest:
            del draft.rest[key]
        draft.take(key, "responseModel" if "modelName" in draft.info else "modelName")
    system, host = draft.rest.get("llm.system"), draft.rest.get("llm.provider")
    provider = provider_of(*(name if isinstance(name, str) else None for name in (system, host)))
    if provider is not None and draft.know("provider", provider):
        draft.rest.pop("llm.provider", None)
        # Whose API it is says something more where somebody else runs the model.
        if isinstance(system, str) and (host is None or provider_named(system) == provider):
            del draft.rest["llm.system"]
