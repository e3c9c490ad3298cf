"""The GenAI conventions, current and older, and the flat attributes of dialects that build on them.

Source: ``gen-ai-spans.md``, ``gen-ai-agent-spans.md`` and the attribute registry of
https://github.com/open-telemetry/semantic-conventions-genai; older names from the deprecated part of the
registry; ``gen_ai.*`` and ``llm.*`` names that OpenLLMetry adds from its ``semconv_ai`` package.

Messages stand on spans as JSON text, on events as structured values; both are read. This is the dialect most
spans speak, so one pass over the attributes sorts them all, and text that is in normal form already is
checked rather than built anew.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.attributes import openai_attributes as openai

from otel_audit.convert import notes
from otel_audit.convert.inference.documents import documents
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import (
    MAX_EXACT,
    UNREADABLE,
    container,
    parse,
    plain_json,
    python_literal,
)
from otel_audit.convert.inference.messages import (
    Message,
    input_messages,
    message,
    output_messages,
    split_system,
)
from otel_audit.convert.inference.parts import content_parts
from otel_audit.convert.inference.providers import provider_named
from otel_audit.convert.inference.text_messages import read_text_messages
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Attributes, Value

__all__ = ["FIELDS", "OPERATION_NAME", "read", "structured", "system_parts"]

OPERATION_NAME: Final = gen_ai.GEN_AI_OPERATION_NAME

(_TEXT, _COUNT, _KNOW, _PARAMETER, _EXTRA, _PROVIDER, _FINISH, _USER, _INPUT, _OUTPUT, _SYSTEM, _TOOLS,
 _REQUEST, _RESPONSE, _TOTAL) = range(15)  # fmt: skip


def _fields() -> dict[str, tuple[int, str]]:
    request = "gen_ai.request."
    usage = "gen_ai.usage."
    table: dict[str, tuple[int, str]] = {
        gen_ai.GEN_AI_REQUEST_MODEL: (_TEXT, "modelName"),
        gen_ai.GEN_AI_RESPONSE_MODEL: (_TEXT, "responseModel"),
        gen_ai.GEN_AI_RESPONSE_ID: (_TEXT, "responseId"),
        gen_ai.GEN_AI_CONVERSATION_ID: (_TEXT, "conversationId"),
        gen_ai.GEN_AI_AGENT_ID: (_TEXT, "agentId"),
        gen_ai.GEN_AI_AGENT_NAME: (_TEXT, "agentName"),
        gen_ai.GEN_AI_TOOL_NAME: (_TEXT, "toolName"),
        gen_ai.GEN_AI_TOOL_CALL_ID: (_TEXT, "toolCallId"),
        gen_ai.GEN_AI_OUTPUT_TYPE: (_TEXT, "outputType"),
        gen_ai.GEN_AI_PROVIDER_NAME: (_PROVIDER, "provider"),
        gen_ai.GEN_AI_SYSTEM: (_PROVIDER, "provider"),
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: (_COUNT, "inputTokens"),
        gen_ai.GEN_AI_USAGE_PROMPT_TOKENS: (_COUNT, "inputTokens"),
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: (_COUNT, "outputTokens"),
        gen_ai.GEN_AI_USAGE_COMPLETION_TOKENS: (_COUNT, "outputTokens"),
        gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: (_COUNT, "cacheReadTokens"),
        usage + "cache_read_input_tokens": (_COUNT, "cacheReadTokens"),
        usage + "input_tokens.cached": (_COUNT, "cacheReadTokens"),
        # Newer than the oldest conventions package that is supported, so not among its constants.
        usage + "reasoning.output_tokens": (_COUNT, "reasoningTokens"),
        usage + "reasoning_tokens": (_COUNT, "reasoningTokens"),
        usage + "output_tokens.reasoning": (_COUNT, "reasoningTokens"),
        "llm.usage.reasoning_tokens": (_COUNT, "reasoningTokens"),
        usage + "total_tokens": (_TOTAL, ""),
        "llm.usage.total_tokens": (_TOTAL, ""),
        request + "stream": (_KNOW, "streaming"),
        request + "is_stream": (_KNOW, "streaming"),
        "gen_ai.is_streaming": (_KNOW, "streaming"),
        "llm.is_streaming": (_KNOW, "streaming"),
        gen_ai.GEN_AI_RESPONSE_FINISH_REASONS: (_FINISH, ""),
        "gen_ai.response.finish_reason": (_FINISH, ""),
        "gen_ai.response.stop_reason": (_FINISH, ""),
        "llm.response.finish_reason": (_FINISH, ""),
        "llm.response.stop_reason": (_FINISH, ""),
        "anthropic.message.stop_reason": (_FINISH, ""),
        "gen_ai.user": (_USER, ""),
        "gen_ai.user.id": (_USER, ""),
        request + "user": (_USER, ""),
        "gen_ai.openai.request.user": (_USER, ""),
        "openai.request.user": (_USER, ""),
        "llm.user": (_USER, ""),
        gen_ai.GEN_AI_INPUT_MESSAGES: (_INPUT, ""),
        gen_ai.GEN_AI_OUTPUT_MESSAGES: (_OUTPUT, ""),
        gen_ai.GEN_AI_SYSTEM_INSTRUCTIONS: (_SYSTEM, ""),
        gen_ai.GEN_AI_TOOL_DEFINITIONS: (_TOOLS, ""),
        gen_ai.GEN_AI_TOOL_CALL_ARGUMENTS: (_REQUEST, "arguments"),
        gen_ai.GEN_AI_TOOL_CALL_RESULT: (_RESPONSE, "result"),
        "anthropic.tool_result.content": (_RESPONSE, "result"),
        gen_ai.GEN_AI_RETRIEVAL_QUERY_TEXT: (_REQUEST, "query"),
        gen_ai.GEN_AI_RETRIEVAL_DOCUMENTS: (_RESPONSE, "documents"),
        "gen_ai.memory.query.text": (_REQUEST, "query"),
        "gen_ai.memory.records": (_RESPONSE, "records"),
    }
    parameters = {
        gen_ai.GEN_AI_REQUEST_TEMPERATURE: "temperature",
        gen_ai.GEN_AI_REQUEST_TOP_P: "top_p",
        gen_ai.GEN_AI_REQUEST_TOP_K: "top_k",
        gen_ai.GEN_AI_REQUEST_MAX_TOKENS: "max_tokens",
        gen_ai.GEN_AI_REQUEST_STOP_SEQUENCES: "stop_sequences",
        gen_ai.GEN_AI_REQUEST_SEED: "seed",
        gen_ai.GEN_AI_OPENAI_REQUEST_SEED: "seed",
        gen_ai.GEN_AI_REQUEST_FREQUENCY_PENALTY: "frequency_penalty",
        gen_ai.GEN_AI_REQUEST_PRESENCE_PENALTY: "presence_penalty",
        gen_ai.GEN_AI_REQUEST_CHOICE_COUNT: "choice_count",
        gen_ai.GEN_AI_REQUEST_ENCODING_FORMATS: "encoding_formats",
        gen_ai.GEN_AI_OPENAI_REQUEST_RESPONSE_FORMAT: "response_format",
        gen_ai.GEN_AI_OPENAI_REQUEST_SERVICE_TIER: "service_tier",
        openai.OPENAI_REQUEST_SERVICE_TIER: "service_tier",
        "anthropic.request.service_tier": "service_tier",
        request + "n": "choice_count",
        request + "max_completion_tokens": "max_tokens",
        request + "repetition_penalty": "repetition_penalty",
        request + "reasoning_effort": "reasoning_effort",
        request + "reasoning.level": "reasoning_effort",
        request + "reasoning_summary": "reasoning_summary",
        "llm.request.reasoning_effort": "reasoning_effort",
        "llm.request.repetition_penalty": "repetition_penalty",
        "llm.temperature": "temperature",
        "llm.top_p": "top_p",
        "llm.top_k": "top_k",
        "llm.frequency_penalty": "frequency_penalty",
        "llm.presence_penalty": "presence_penalty",
        "llm.chat.stop_sequences": "stop_sequences",
    }
    extra = {
        gen_ai.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: "cacheCreationTokens",
        usage + "cache_creation_input_tokens": "cacheCreationTokens",
        usage + "cache_write.input_tokens": "cacheCreationTokens",
        usage + "audio.input_tokens": "audioInputTokens",
        usage + "audio.output_tokens": "audioOutputTokens",
        usage + "image.input_tokens": "imageInputTokens",
        usage + "video.input_tokens": "videoInputTokens",
        gen_ai.GEN_AI_EMBEDDINGS_DIMENSION_COUNT: "dimensionCount",
        gen_ai.GEN_AI_AGENT_VERSION: "agentVersion",
        gen_ai.GEN_AI_DATA_SOURCE_ID: "dataSourceId",
        gen_ai.GEN_AI_TOOL_TYPE: "toolType",
        gen_ai.GEN_AI_PROMPT_NAME: "promptName",
        gen_ai.GEN_AI_OPENAI_RESPONSE_SERVICE_TIER: "serviceTier",
        gen_ai.GEN_AI_OPENAI_RESPONSE_SYSTEM_FINGERPRINT: "systemFingerprint",
        openai.OPENAI_RESPONSE_SERVICE_TIER: "serviceTier",
        openai.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: "systemFingerprint",
        openai.OPENAI_API_TYPE: "apiType",
        "anthropic.response.service_tier": "serviceTier",
        "gen_ai.openai.system_fingerprint": "systemFingerprint",
        "gen_ai.workflow.name": "workflowName",
        "gen_ai.task.name": "taskName",
        "gen_ai.memory.store.id": "memoryStoreId",
        "gen_ai.memory.record.id": "memoryRecordId",
        "gen_ai.memory.record.count": "memoryRecordCount",
    }
    table |= {key: (_PARAMETER, name) for key, name in parameters.items()}
    return table | {key: (_EXTRA, name) for key, name in extra.items()}


FIELDS: Final = _fields()
"""Attribute → how it is taken, and the name it goes to."""

_NO_MODEL: Final = "unknown"
"""What OpenLLMetry's LangChain writes where it does not know the model."""


def read(attributes: Attributes, draft: Draft) -> None:
    """Moves what is known of ``attributes`` into ``draft`` and everything else into ``draft.rest``.

    ``gen_ai.operation.name`` stays in ``draft.rest``, for the reader to decide on.
    """
    rest, info, parameters = draft.rest, draft.info, draft.parameters
    total = None
    for key, value in attributes.items():
        field = FIELDS.get(key)
        if field is None:
            rest[key] = value
            continue
        kind, name = field
        if kind == _TEXT:
            if type(value) is str and value and name not in info and value != _NO_MODEL:
                info[name] = value
                continue
            taken = value != _NO_MODEL and draft.know(name, value)
        elif kind == _PARAMETER:
            type_ = type(value)
            if name not in parameters and (
                (type_ is float and value - value == 0.0)  # type: ignore[operator]  # finite
                or (type_ is int and -MAX_EXACT <= value <= MAX_EXACT)  # type: ignore[operator]
            ):
                parameters[name] = value
                continue
            taken = draft.add_parameter(name, value)
        elif kind == _COUNT:
            if type(value) is int and 0 <= value <= MAX_EXACT and name not in info:
                info[name] = value
                continue
            taken = draft.know(name, value)
        elif kind == _KNOW:
            taken = draft.know(name, value)
        elif kind == _PROVIDER:
            if type(value) is str and value and "provider" not in info:
                info["provider"] = provider_named(value)
                continue
            taken = draft.know(name, value)
        elif kind == _FINISH:
            taken = draft.finish(value)
        elif kind == _EXTRA:
            taken = isinstance(value, str | int | float) and draft.add_extra(name, value)
        elif kind == _USER:
            taken = draft.add_user(key, value)
        elif kind == _TOTAL:
            total = (key, value)
            continue
        else:
            taken = _read_content(kind, name, value, draft)
        if not taken:
            rest[key] = value
            if kind in (_TEXT, _COUNT, _KNOW, _FINISH, _USER, _PROVIDER) and name not in info:
                draft.oddities.append(notes.WRONG_TYPE)
    if total is not None:
        _read_total(*total, draft)


def _read_total(key: str, total: Value, draft: Draft) -> None:
    """A total that is the sum of what is known says nothing new."""
    parts = (draft.info.get("inputTokens"), draft.info.get("outputTokens"))
    if total == sum(part or 0 for part in parts):
        return
    if not isinstance(total, int | float) or not draft.add_extra("totalTokens", total):
        draft.rest[key] = total


def _read_content(kind: int, name: str, value: Value, draft: Draft) -> bool:
    oddities = draft.oddities
    if kind == _INPUT:
        if draft.messages is None and draft.text_messages is None:
            if type(value) is str:
                draft.text_messages = read_text_messages(value, is_request=True)
            if draft.text_messages is None:
                draft.messages = input_messages(structured(value, oddities), oddities)
            return True
        draft.open()
        given = input_messages(structured(value, oddities), oddities)
        return draft.messages is not None and given in (draft.messages, split_system(draft.messages)[1])
    if kind == _OUTPUT:
        if draft.outputs is None and draft.text_outputs is None:
            if type(value) is str:
                draft.text_outputs = read_text_messages(value, is_request=False)
            if draft.text_outputs is None:
                draft.outputs = output_messages(structured(value, oddities), oddities)
            return True
        draft.open()
        return draft.outputs == output_messages(structured(value, oddities), oddities)
    if kind == _SYSTEM:
        parts = system_parts(structured(value, oddities), oddities)
        draft.system = draft.system or parts
        return draft.system == parts
    if kind == _TOOLS:
        tools = tool_definitions(structured(value, oddities), oddities)
        if draft.tools is None:
            draft.tools = tools
        return draft.tools == tools
    inner = container(value, oddities) if isinstance(value, str) else plain_json(value, oddities)
    if name == "documents":
        inner = documents(inner, oddities)
    members = draft.request_members if kind == _REQUEST else draft.response_members
    return bool(members.setdefault(name, inner) == inner)


def structured(value: Value, oddities: list[str]) -> Value:
    """Returns the value that an attribute holds, as JSON text or as it is; text that is no JSON as text.

    Text that looks like JSON and is none, since a limit has cut it, is noted.
    """
    if not isinstance(value, str):
        return plain_json(value, oddities)
    text = value.strip()
    if not text.startswith(("[", "{")):
        return value
    tree = parse(text, oddities)
    if tree is UNREADABLE:
        tree = python_literal(text, oddities)
    if tree is UNREADABLE:
        oddities.append(notes.CONTENT_UNREADABLE)
        return value
    return tree  # type: ignore[return-value]  # the sentinel is ruled out


def system_parts(value: Value, oddities: list[str]) -> list[Message]:
    """Returns the parts of system instructions given as text, parts, or messages of parts."""
    parts: list[Message] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and ("parts" in item or "role" in item):
            parts += message(item, "system", oddities)["parts"]
        else:
            parts += content_parts(item, oddities)
    return parts
