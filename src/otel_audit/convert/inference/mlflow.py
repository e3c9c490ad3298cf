"""MLflow: ``mlflow.spanType``, ``mlflow.spanInputs`` and ``mlflow.spanOutputs``.

Source: ``mlflow.tracing.constant`` and ``mlflow.entities.span`` of https://github.com/mlflow/mlflow. Every
attribute value is the JSON text of what was set, so a plain text has quotes around it. Inputs and outputs
of a model are the raw bodies of its provider's API; autologging repeats members of the request as attributes
of their own (``model``, ``temperature``, ``user`` …).
"""

from __future__ import annotations

from typing import Any, Final

from otel_audit.convert.inference.api_body import ApiRequest, read_request, read_response
from otel_audit.convert.inference.documents import documents
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import UNREADABLE, container, dump, parse
from otel_audit.convert.inference.messages import input_messages, output_messages
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["SPAN_TYPE", "read"]

SPAN_TYPE: Final = "mlflow.spanType"

_INPUTS: Final = "mlflow.spanInputs"
_OUTPUTS: Final = "mlflow.spanOutputs"
_FUNCTION: Final = "mlflow.spanFunctionName"
_TOOLS: Final = "mlflow.chat.tools"
_USAGE: Final = "mlflow.chat.tokenUsage"

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

_MODEL_CALLS: Final = frozenset({"chat", "embeddings"})

_MEMBERS: Final = {
    "execute_tool": ("arguments", "result"),
    "retrieval": ("query", "documents"),
    "rerank": ("query", "documents"),
}


def read(draft: Draft, span_name: str) -> str | None:
    """Reads what is MLflow's of ``draft.rest``; returns the operation, ``None`` for an unknown span type."""
    kind = _decoded(draft, SPAN_TYPE)
    operation = _OPERATIONS.get(kind.upper()) if isinstance(kind, str) else None
    if operation is None:
        return None
    del draft.rest[SPAN_TYPE]
    _read_usage(draft)
    if operation in _MODEL_CALLS:
        operation = _read_request(draft, operation)
        _read_response(draft, operation)
    else:
        _read_step(draft, operation, span_name)
    _read_facts(draft)
    return operation


def _decoded(draft: Draft, key: str) -> Any:
    """The value whose JSON text an attribute is; the text itself where it is no JSON."""
    value = draft.rest.get(key)
    if not isinstance(value, str):
        return value
    tree = parse(value, draft.oddities)
    return value if tree is UNREADABLE else tree


def _read_usage(draft: Draft) -> None:
    usage = _decoded(draft, _USAGE)
    if not isinstance(usage, dict):
        return
    left = {key: count for key, count in usage.items() if not _take_count(draft, key, count)}
    total = draft.info.get("inputTokens", 0) + draft.info.get("outputTokens", 0)
    if left.get("total_tokens") == total:
        del left["total_tokens"]
    _leave(draft, _USAGE, left)


def _take_count(draft: Draft, key: str, count: Value) -> bool:
    if key in _COUNTS:
        return draft.know(_COUNTS[key], count)
    is_extra = key == "cache_creation_input_tokens" and isinstance(count, int)
    return is_extra and draft.add_extra("cacheCreationTokens", count)  # type: ignore[arg-type]  # an int


def _read_request(draft: Draft, operation: str) -> str:
    inputs = _decoded(draft, _INPUTS)
    if isinstance(inputs, dict):
        return _read_body(draft, operation, inputs)
    if isinstance(inputs, list) and operation == "chat":
        draft.messages = input_messages(inputs, draft.oddities)
        del draft.rest[_INPUTS]
    elif inputs is not None:
        draft.request_members["input"] = inputs
        del draft.rest[_INPUTS]
    return operation


def _read_body(draft: Draft, operation: str, inputs: dict[str, Any]) -> str:
    request = read_request(inputs, draft.oddities)
    if request.messages is None:  # arguments of a function that calls a model, not a body
        draft.request_members["input"] = inputs
        del draft.rest[_INPUTS]
        return operation
    left = _take_request(draft, request) | request.rest
    if operation == "embeddings":
        texts = request.texts
        draft.request_members["input"] = texts if isinstance(texts, list) else [texts]
    else:
        draft.system, draft.messages = request.system, request.messages
        operation = "text_completion" if "prompt" in inputs else operation
    for key in inputs.keys() & draft.rest.keys():
        if _decoded(draft, key) == inputs[key]:
            del draft.rest[key]
    _leave(draft, _INPUTS, left)
    return operation


def _take_request(draft: Draft, request: ApiRequest) -> dict[str, Any]:
    draft.tools = draft.tools or request.tools
    if request.model is not None:
        draft.know("modelName", request.model)
    if request.stream is not None:
        draft.know("streaming", request.stream)
    if request.user is not None:
        draft.add_user(f"{_INPUTS}.{request.user_member}", request.user)
    if request.conversation is not None:
        draft.know("conversationId", request.conversation)
    return {name: value for name, value in request.parameters.items() if not draft.add_parameter(name, value)}


def _read_response(draft: Draft, operation: str) -> None:
    outputs = _decoded(draft, _OUTPUTS)
    if outputs is None:
        return
    if not isinstance(outputs, dict):
        if operation == "embeddings":
            draft.response_members["embeddings"] = outputs
        elif isinstance(outputs, str | list):
            draft.outputs = output_messages(outputs, draft.oddities)
        else:
            draft.response_members["output"] = outputs
        del draft.rest[_OUTPUTS]
        return
    response = read_response(outputs, draft.oddities)
    if response.outputs is None and response.embeddings is None:
        draft.response_members["output"] = outputs
        del draft.rest[_OUTPUTS]
        return
    for name, value in (("responseId", response.id), ("responseModel", response.model)):
        if value is not None:
            draft.know(name, value)
    for name, fact in response.extra.items():
        draft.add_extra(name, fact)
    for name, count in response.counts.items():
        if not draft.know(name, count):
            response.keep_count(name)
    if response.embeddings is not None:
        draft.response_members["embeddings"] = response.embeddings
    draft.outputs = response.outputs
    draft.finish_reasons = draft.finish_reasons or response.finish_reasons
    _leave(draft, _OUTPUTS, response.rest)


def _leave(draft: Draft, key: str, left: dict[str, Any]) -> None:
    """Keeps of an attribute what the call does not hold."""
    if left:
        draft.rest[key] = dump(left)
    else:
        del draft.rest[key]


def _read_facts(draft: Draft) -> None:
    """Model, provider and tools, where the bodies have not told them."""
    rest = draft.rest
    model = _decoded(draft, "mlflow.llm.model")
    if isinstance(model, str):
        known = {draft.info.get("modelName"), draft.info.get("responseModel")}
        name = "responseModel" if "modelName" in draft.info else "modelName"
        if model in known or draft.know(name, model):
            del rest["mlflow.llm.model"]
    provider = _decoded(draft, "mlflow.llm.provider")
    if isinstance(provider, str) and draft.know("provider", provider):
        del rest["mlflow.llm.provider"]
    tools = _decoded(draft, _TOOLS)
    if tools is not None:
        definitions = tool_definitions(tools, draft.oddities)
        draft.tools = draft.tools or definitions
        if draft.tools == definitions:
            del rest[_TOOLS]


def _read_step(draft: Draft, operation: str, span_name: str) -> None:
    """A tool, agent, chain or retriever: what went in, what came out."""
    rest = draft.rest
    if operation == "execute_tool":
        draft.know("toolName", span_name)
    elif operation == "invoke_agent":
        draft.know("agentName", span_name)
    if _decoded(draft, _FUNCTION) == span_name:
        del rest[_FUNCTION]
    asked, answered = _MEMBERS.get(operation, ("input", "output"))
    given, came = _decoded(draft, _INPUTS), _decoded(draft, _OUTPUTS)
    if given is not None:
        if asked == "query" and isinstance(given, dict) and len(given) == 1:
            given = next(iter(given.values()))
        draft.request_members[asked] = given
        del rest[_INPUTS]
    if came is not None:
        if answered == "documents":
            came = documents(came, draft.oddities)
        elif answered == "result" and isinstance(came, str):
            came = container(came, draft.oddities)
        draft.response_members[answered] = came
        del rest[_OUTPUTS]
