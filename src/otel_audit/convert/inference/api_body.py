"""Requests and responses of providers' APIs, as dialects that record raw bodies hold them.

Read are OpenAI's chat, completions, responses and embeddings, Anthropic's messages, Bedrock's Converse,
Gemini's ``generateContent`` and LangChain's generations. Each yields messages in normal form, parameters by
their own name, and a ``rest``: the members that were not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from otel_audit.convert.inference.finish_reasons import finish_reason
from otel_audit.convert.inference.langchain_answers import open_generations
from otel_audit.convert.inference.media import first, is_nothing
from otel_audit.convert.inference.messages import Message, input_messages, output_messages
from otel_audit.convert.inference.parameters import NOT_PARAMETERS
from otel_audit.convert.inference.semconv import system_parts
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Value

__all__ = ["ApiRequest", "ApiResponse", "read_request", "read_response"]

_MESSAGES: Final = ("messages", "contents", "input", "prompt", "inputText")
_SYSTEMS: Final = ("system", "instructions", "system_instruction", "systemInstruction")
_SETTINGS: Final = ("inferenceConfig", "generationConfig", "generation_config", "config")
_IDS: Final = ("id", "response_id", "responseId")

_COUNTS: Final = {
    "prompt_tokens": "inputTokens",
    "input_tokens": "inputTokens",
    "inputTokens": "inputTokens",
    "prompt_token_count": "inputTokens",
    "promptTokenCount": "inputTokens",
    "completion_tokens": "outputTokens",
    "output_tokens": "outputTokens",
    "outputTokens": "outputTokens",
    "candidates_token_count": "outputTokens",
    "candidatesTokenCount": "outputTokens",
    "cache_read_input_tokens": "cacheReadTokens",
    "cached_content_token_count": "cacheReadTokens",
    "cachedContentTokenCount": "cacheReadTokens",
    "thoughts_token_count": "reasoningTokens",
    "thoughtsTokenCount": "reasoningTokens",
}


@dataclass(slots=True)
class ApiRequest:
    """A request.

    Attributes:
        messages: in normal form; ``None`` where it has none.
        texts: what an embedding takes.
        user_member: which member named the user.
        rest: members that were not read.
    """

    model: str | None = None
    system: list[Message] = field(default_factory=list)
    messages: list[Message] | None = None
    texts: Value = None
    tools: list[dict[str, Any]] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    stream: bool | None = None
    user: object = None
    user_member: str = "user"
    conversation: object = None
    rest: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ApiResponse:
    """A response.

    Attributes:
        outputs: in normal form; ``None`` where it has none.
        counts: children of ``modelInfo`` that are counts; see :meth:`keep_count`.
        extra: further facts, by their name in ``modelInfo.extra``.
        rest: members that were not read.
    """

    id: str | None = None
    model: str | None = None
    outputs: list[Message] | None = None
    embeddings: Value = None
    counts: dict[str, int] = field(default_factory=dict)
    count_keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    extra: dict[str, str | int] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)

    def keep_count(self, name: str) -> None:
        """Puts a count that the call does not take back into ``rest``, where it came from."""
        holder, key = self.count_keys[name]
        self.rest[holder] = {**self.rest.get(holder, {}), key: self.counts[name]}

    @property
    def finish_reasons(self) -> list[str]:
        """One word an output message, as far as they are known."""
        return [item["finish_reason"] for item in self.outputs or [] if "finish_reason" in item]


def read_request(body: dict[str, Any], oddities: list[str]) -> ApiRequest:
    """Reads a request of any API; what is none gives an :class:`ApiRequest` of only ``rest``."""
    rest = dict(body)
    request = ApiRequest()
    model = first(body, "model", "modelId", "model_id", "model_name")
    if isinstance(model, str):
        request.model = model
        for name in ("model", "modelId", "model_id", "model_name"):
            if rest.get(name) == model:
                del rest[name]
    for name in _SETTINGS:
        if isinstance(rest.get(name), dict):
            rest = {**rest.pop(name), **rest}
    holder_name = next((name for name in _MESSAGES if not is_nothing(rest.get(name))), None)
    if holder_name is not None:
        given = rest.pop(holder_name)
        request.texts = given
        request.messages = input_messages(given, oddities)
    for name in _SYSTEMS:
        if not is_nothing(rest.get(name)):
            request.system += system_parts(rest.pop(name), oddities)
    holder = rest.pop("toolConfig", None)
    tools = first(rest, "tools", "functions") or (holder.get("tools") if isinstance(holder, dict) else None)
    if not is_nothing(tools):
        request.tools = tool_definitions(tools, oddities)
        rest.pop("tools", None)
        rest.pop("functions", None)
    if isinstance(rest.get("stream"), bool):
        request.stream = rest.pop("stream")
    request.user = rest.pop("user", None)
    metadata = rest.get("metadata")  # Anthropic's
    if request.user is None and isinstance(metadata, dict) and "user_id" in metadata:
        request.user, request.user_member = metadata["user_id"], "metadata.user_id"
        rest["metadata"] = {key: value for key, value in metadata.items() if key != "user_id"}
    conversation = rest.pop("conversation", None)
    request.conversation = conversation.get("id") if isinstance(conversation, dict) else conversation
    for name in list(rest):
        if name not in NOT_PARAMETERS and rest[name] is not None:
            request.parameters[name] = rest.pop(name)
    request.rest = {name: value for name, value in rest.items() if not is_nothing(value)}
    return request


def read_response(body: dict[str, Any], oddities: list[str]) -> ApiResponse:
    """Reads a response of any API; what is none gives an :class:`ApiResponse` of only ``rest``."""
    rest = dict(body)
    response = ApiResponse()
    if isinstance(rest.get("generations"), list):
        open_generations(rest)
    if isinstance(model := first(rest, "model", "model_version", "modelVersion"), str):
        response.model = model
        for name in ("model", "model_version", "modelVersion"):
            rest.pop(name, None)
    response.outputs = _outputs(rest, oddities)
    if isinstance(identifier := first(rest, *_IDS), str):
        response.id = identifier
        for name in _IDS:
            rest.pop(name, None)
    for key, name in (("service_tier", "serviceTier"), ("system_fingerprint", "systemFingerprint")):
        if isinstance(rest.get(key), str):
            response.extra[name] = rest.pop(key)
    if response.outputs is None and isinstance(data := rest.get("data"), list):
        vectors = [item.get("embedding") for item in data if isinstance(item, dict)]
        if vectors and all(vector is not None for vector in vectors):
            response.embeddings = vectors
            del rest["data"]
    _take_usage(rest, response)
    response.rest = {name: value for name, value in rest.items() if not is_nothing(value)}
    return response


def _outputs(rest: dict[str, Any], oddities: list[str]) -> list[Message] | None:
    """Takes the output messages out of a response."""
    if isinstance(choices := rest.get("choices"), list):
        if any(isinstance(choice, dict) and not is_nothing(choice.get("logprobs")) for choice in choices):
            return output_messages(choices, oddities)  # the choices say more than messages do: they stay
        del rest["choices"]
        return output_messages([_choice(choice) for choice in choices], oddities)
    output = rest.get("output")
    if isinstance(output, list) and (rest.get("object") == "response" or _are_items(output)):
        del rest["output"]
        return _response_items(output, rest, oddities)
    if isinstance(output, dict) and isinstance(output.get("message"), dict):
        del rest["output"]
        return output_messages([output | {"stopReason": rest.pop("stopReason", None)}], oddities)
    if isinstance(candidates := rest.get("candidates"), list):
        del rest["candidates"]
        return output_messages([_candidate(candidate) for candidate in candidates], oddities)
    if isinstance(generations := rest.get("generations"), list):
        del rest["generations"]
        return output_messages(generations, oddities)
    if "content" in rest and ("role" in rest or "stop_reason" in rest):
        names = ("role", "content", "stop_reason", "tool_calls", "type", "stop_sequence")
        return output_messages([{name: rest.pop(name) for name in names if name in rest}], oddities)
    return None


def _choice(choice: Value) -> Value:
    if isinstance(choice, dict) and "message" not in choice and "text" in choice:
        return {"content": choice["text"], "finish_reason": choice.get("finish_reason")}
    return choice


def _candidate(candidate: Value) -> Value:
    if not isinstance(candidate, dict):
        return candidate
    content = candidate.get("content")
    reason = first(candidate, "finish_reason", "finishReason")
    return {**content, "finish_reason": reason} if isinstance(content, dict) else candidate


def _are_items(output: list[Value]) -> bool:
    kinds = ("message", "function_call", "reasoning")
    return bool(output) and all(isinstance(item, dict) and item.get("type") in kinds for item in output)


def _response_items(items: list[Value], rest: dict[str, Any], oddities: list[str]) -> list[Message]:
    """Items of the Responses API are one answer: what was thought, said and asked for, in order."""
    parts = [part for item in output_messages(items, oddities) for part in item["parts"]]
    answer: Message = {"role": "assistant", "parts": parts}
    details = rest.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    word = finish_reason(reason or rest.get("status"))
    if any(part["type"] == "tool_call" for part in parts) and word == "stop":
        word = "tool_call"
    if word is not None:
        answer["finish_reason"] = word
        rest.pop("status", None)
    return [answer]


def _take_usage(rest: dict[str, Any], response: ApiResponse) -> None:
    name = next((name for name in ("usage", "usage_metadata", "usageMetadata") if name in rest), None)
    usage = rest.get(name) if name is not None else None
    if name is None or not isinstance(usage, dict):
        return
    left = dict(usage)
    for key, value in usage.items():
        if key in _COUNTS and isinstance(value, int):
            response.counts[_COUNTS[key]] = left.pop(key)
            response.count_keys[_COUNTS[key]] = (name, key)
    for holder, key, count in (
        ("prompt_tokens_details", "cached_tokens", "cacheReadTokens"),
        ("input_tokens_details", "cached_tokens", "cacheReadTokens"),
        ("completion_tokens_details", "reasoning_tokens", "reasoningTokens"),
        ("output_tokens_details", "reasoning_tokens", "reasoningTokens"),
    ):
        details = left.get(holder)
        if isinstance(details, dict) and isinstance(details.get(key), int):
            response.counts[count] = details[key]
            response.count_keys[count] = (name, f"{holder}.{key}")
            left[holder] = {name: value for name, value in details.items() if name != key and value}
    if isinstance(left.get("cache_creation_input_tokens"), int):
        response.extra["cacheCreationTokens"] = left.pop("cache_creation_input_tokens")
    known = response.counts.get("inputTokens", 0) + response.counts.get("outputTokens", 0)
    for total in ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount"):
        if left.get(total) == known:
            del left[total]
    rest[name] = {key: value for key, value in left.items() if not is_nothing(value)}
