"""MLflow: ``mlflow.spanType``, ``mlflow.spanInputs`` and ``mlflow.spanOutputs``.

Source: ``mlflow.tracing.constant`` and ``mlflow.entities.span`` of https://github.com/mlflow/mlflow. Every
attribute value is the JSON text of what was set, so a plain text has quotes around it. Inputs and outputs
of a model are the raw bodies of its provider's API.
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert import notes
from otel_audit.convert.inference.api_body import read_request, read_response
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import UNREADABLE, container, parse
from otel_audit.convert.inference.messages import input_messages, output_messages
from otel_audit.convert.inference.openinference_documents import document
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["SPAN_TYPE", "read"]

SPAN_TYPE: Final = "mlflow.spanType"

_INPUTS: Final = "mlflow.spanInputs"
_OUTPUTS: Final = "mlflow.spanOutputs"

_OPERATIONS: Final = {
    "LLM": "chat",
    "CHAT_MODEL": "chat",
    "EMBEDDING": "embeddings",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "CHAIN": "chain",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "PARSER": "chain",
    "UNKNOWN": "chain",
    "TASK": "chain",
    "WORKFLOW": "invoke_workflow",
    "MEMORY": "memory",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
}

_COUNTS: Final = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadTokens",
}

_MODEL_SPANS: Final = frozenset({"chat", "text_completion", "embeddings"})


def read(draft: Draft, span_name: str) -> str | None:
    """Reads what is MLflow's of ``draft.rest``; returns the operation, ``None`` for an unknown span type."""
    rest = draft.rest
    for key in [key for key in rest if key.startswith("mlflow.")]:
        rest[key] = _decoded(rest[key], draft.oddities)
    kind = rest.get(SPAN_TYPE)
    operation = _OPERATIONS.get(kind.upper()) if isinstance(kind, str) else None
    draft.take("mlflow.llm.model", "modelName")
    draft.take("mlflow.llm.provider", "provider")
    if (tools := rest.pop("mlflow.chat.tools", None)) is not None:
        draft.tools = draft.tools or tool_definitions(tools, draft.oddities)
    _read_usage(draft)
    if operation in _MODEL_SPANS:
        operation = _read_model_call(draft, operation)
    elif operation is not None:
        _read_step(draft, operation, span_name)
    if operation is not None:
        del rest[SPAN_TYPE]
    return operation


def _decoded(value: Value, oddities: list[str]) -> Value:
    if not isinstance(value, str):
        return value
    tree = parse(value, oddities)
    return value if tree is UNREADABLE else tree  # type: ignore[return-value]  # the sentinel is ruled out


def _read_usage(draft: Draft) -> None:
    usage = draft.rest.pop("mlflow.chat.tokenUsage", None)
    if not isinstance(usage, dict):
        if usage is not None:
            draft.rest["mlflow.chat.tokenUsage"] = usage
        return
    left = {key: value for key, value in usage.items() if not draft.know(_COUNTS.get(key, ""), value)}
    total = draft.info.get("inputTokens", 0) + draft.info.get("outputTokens", 0)
    if left.get("total_tokens") == total:
        del left["total_tokens"]
    if isinstance(created := left.get("cache_creation_input_tokens"), int):
        draft.add_extra("cacheCreationTokens", created)
        del left["cache_creation_input_tokens"]
    if left:
        draft.rest["mlflow.chat.tokenUsage"] = left


def _read_model_call(draft: Draft, operation: str | None) -> str | None:
    rest, oddities = draft.rest, draft.oddities
    inputs, outputs = rest.get(_INPUTS), rest.get(_OUTPUTS)
    if isinstance(inputs, dict):
        request = read_request(inputs, oddities)
        if request.model is not None:
            draft.know("modelName", request.model)
        if request.stream is not None:
            draft.know("streaming", request.stream)
        if request.user is not None:
            draft.add_user(f"{_INPUTS}.user", request.user)
        if request.conversation is not None:
            draft.know("conversationId", request.conversation)
        left = {n: v for n, v in request.parameters.items() if not draft.add_parameter(n, v)} | request.rest
        draft.tools = draft.tools or request.tools
        if operation == "embeddings" and request.texts is not None:
            texts = request.texts
            draft.request_members["input"] = texts if isinstance(texts, list) else [texts]
        elif request.messages is not None:
            draft.system, draft.messages = request.system, request.messages
            operation = "text_completion" if "prompt" in inputs and operation == "chat" else operation
        elif request.rest or not draft.parameters:
            draft.request_members["input"] = inputs
            left = {}
        _leave(draft, _INPUTS, left)
    elif isinstance(inputs, list) and operation == "chat":
        draft.messages = input_messages(inputs, oddities)
        del rest[_INPUTS]
    elif inputs is not None:
        draft.request_members["input"] = rest.pop(_INPUTS)
    if isinstance(outputs, dict):
        _read_response(draft, outputs)
    elif outputs is not None and operation != "embeddings":
        if isinstance(outputs, str | list):
            draft.outputs = output_messages(outputs, oddities)
        else:
            draft.response_members["output"] = outputs
        del rest[_OUTPUTS]
    elif outputs is not None:
        draft.response_members["embeddings"] = rest.pop(_OUTPUTS)
    return operation


def _read_response(draft: Draft, outputs: dict[str, Any]) -> None:
    response = read_response(outputs, draft.oddities)
    if response.outputs is None and response.embeddings is None:
        draft.response_members["output"] = draft.rest.pop(_OUTPUTS)
        return
    for name, value in (("responseId", response.id), ("responseModel", response.model)):
        if value is not None:
            draft.know(name, value)
    if response.service_tier is not None:
        draft.add_extra("serviceTier", response.service_tier)
    if response.system_fingerprint is not None:
        draft.add_extra("systemFingerprint", response.system_fingerprint)
    for name, count in response.counts.items():
        draft.know(name, count)
    if response.embeddings is not None:
        draft.response_members["embeddings"] = response.embeddings
    draft.outputs = response.outputs
    draft.finish_reasons = draft.finish_reasons or response.finish_reasons
    _leave(draft, _OUTPUTS, response.rest)


def _leave(draft: Draft, key: str, left: dict[str, Any]) -> None:
    if left:
        draft.rest[key] = left
    else:
        del draft.rest[key]


def _read_step(draft: Draft, operation: str, span_name: str) -> None:
    """A tool, agent, chain or retriever: what went in, what came out."""
    rest = draft.rest
    if operation == "execute_tool":
        draft.know("toolName", rest.get("mlflow.spanFunctionName") or span_name)
        names = ("arguments", "result")
        if rest.get("mlflow.spanFunctionName") == draft.info.get("toolName"):
            rest.pop("mlflow.spanFunctionName", None)
    elif operation in ("retrieval", "rerank"):
        names = ("query", "documents")
    else:
        names = ("input", "output")
        if operation == "invoke_agent":
            draft.know("agentName", span_name)
    given = rest.pop(_INPUTS, None)
    if given is not None:
        if names[0] == "query" and isinstance(given, dict) and len(given) == 1:
            given = next(iter(given.values()))
        draft.request_members[names[0]] = given
    came = rest.pop(_OUTPUTS, None)
    if came is not None:
        if names[1] == "documents" and isinstance(came, list):
            came = [_document(item, draft.oddities) for item in came]
        elif names[1] == "result" and isinstance(came, str):
            came = container(came, draft.oddities)
        draft.response_members[names[1]] = came


def _document(item: Value, oddities: list[str]) -> Value:
    """MLflow's ``page_content`` is a document's content."""
    if isinstance(item, dict) and "page_content" in item:
        item = {"content": item["page_content"]} | {k: v for k, v in item.items() if k != "page_content"}
    elif not isinstance(item, dict):
        oddities.append(notes.WRONG_TYPE)
    return document(item, oddities)
