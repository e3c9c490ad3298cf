"""Attributes of the GenAI conventions, current and older, and of dialects that build on them: where each goes.

Source: the attribute registry of https://github.com/open-telemetry/semantic-conventions-genai; older names
from the deprecated part of the registry; ``gen_ai.*`` and ``llm.*`` names that OpenLLMetry adds from its
``semconv_ai`` package.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.attributes import openai_attributes as openai

__all__ = ["FIELDS", "NO_MODEL", "OPERATION_NAME"]

OPERATION_NAME: Final = gen_ai.GEN_AI_OPERATION_NAME

(TEXT, COUNT, KNOW, PARAMETER, EXTRA, PROVIDER, FINISH, USER, INPUT, OUTPUT, SYSTEM, TOOLS,
 REQUEST, RESPONSE, TOTAL) = range(15)  # fmt: skip
"""How an attribute is taken."""

NO_MODEL: Final = "unknown"
"""What OpenLLMetry's LangChain writes where it does not know the model."""


def _fields() -> dict[str, tuple[int, str]]:
    request = "gen_ai.request."
    usage = "gen_ai.usage."
    table: dict[str, tuple[int, str]] = {
        gen_ai.GEN_AI_REQUEST_MODEL: (TEXT, "modelName"),
        gen_ai.GEN_AI_RESPONSE_MODEL: (TEXT, "responseModel"),
        gen_ai.GEN_AI_RESPONSE_ID: (TEXT, "responseId"),
        gen_ai.GEN_AI_CONVERSATION_ID: (TEXT, "conversationId"),
        gen_ai.GEN_AI_AGENT_ID: (TEXT, "agentId"),
        gen_ai.GEN_AI_AGENT_NAME: (TEXT, "agentName"),
        gen_ai.GEN_AI_TOOL_NAME: (TEXT, "toolName"),
        gen_ai.GEN_AI_TOOL_CALL_ID: (TEXT, "toolCallId"),
        gen_ai.GEN_AI_OUTPUT_TYPE: (TEXT, "outputType"),
        gen_ai.GEN_AI_PROVIDER_NAME: (PROVIDER, "provider"),
        gen_ai.GEN_AI_SYSTEM: (PROVIDER, "provider"),
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: (COUNT, "inputTokens"),
        gen_ai.GEN_AI_USAGE_PROMPT_TOKENS: (COUNT, "inputTokens"),
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: (COUNT, "outputTokens"),
        gen_ai.GEN_AI_USAGE_COMPLETION_TOKENS: (COUNT, "outputTokens"),
        gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: (COUNT, "cacheReadTokens"),
        usage + "cache_read_input_tokens": (COUNT, "cacheReadTokens"),
        usage + "input_tokens.cached": (COUNT, "cacheReadTokens"),
        # Newer than the oldest conventions package that is supported, so not among its constants.
        usage + "reasoning.output_tokens": (COUNT, "reasoningTokens"),
        usage + "reasoning_tokens": (COUNT, "reasoningTokens"),
        usage + "output_tokens.reasoning": (COUNT, "reasoningTokens"),
        "llm.usage.reasoning_tokens": (COUNT, "reasoningTokens"),
        usage + "total_tokens": (TOTAL, ""),
        "llm.usage.total_tokens": (TOTAL, ""),
        request + "stream": (KNOW, "streaming"),
        request + "is_stream": (KNOW, "streaming"),
        "gen_ai.is_streaming": (KNOW, "streaming"),
        "llm.is_streaming": (KNOW, "streaming"),
        gen_ai.GEN_AI_RESPONSE_FINISH_REASONS: (FINISH, ""),
        "gen_ai.response.finish_reason": (FINISH, ""),
        "gen_ai.response.stop_reason": (FINISH, ""),
        "llm.response.finish_reason": (FINISH, ""),
        "llm.response.stop_reason": (FINISH, ""),
        "anthropic.message.stop_reason": (FINISH, ""),
        "gen_ai.user": (USER, ""),
        "gen_ai.user.id": (USER, ""),
        request + "user": (USER, ""),
        "gen_ai.openai.request.user": (USER, ""),
        "openai.request.user": (USER, ""),
        "llm.user": (USER, ""),
        gen_ai.GEN_AI_INPUT_MESSAGES: (INPUT, ""),
        gen_ai.GEN_AI_OUTPUT_MESSAGES: (OUTPUT, ""),
        gen_ai.GEN_AI_SYSTEM_INSTRUCTIONS: (SYSTEM, ""),
        gen_ai.GEN_AI_TOOL_DEFINITIONS: (TOOLS, ""),
        gen_ai.GEN_AI_TOOL_CALL_ARGUMENTS: (REQUEST, "arguments"),
        gen_ai.GEN_AI_TOOL_CALL_RESULT: (RESPONSE, "result"),
        "anthropic.tool_result.content": (RESPONSE, "result"),
        gen_ai.GEN_AI_RETRIEVAL_QUERY_TEXT: (REQUEST, "query"),
        gen_ai.GEN_AI_RETRIEVAL_DOCUMENTS: (RESPONSE, "documents"),
        "gen_ai.memory.query.text": (REQUEST, "query"),
        "gen_ai.memory.records": (RESPONSE, "records"),
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
    table |= {key: (PARAMETER, name) for key, name in parameters.items()}
    return table | {key: (EXTRA, name) for key, name in extra.items()}


FIELDS: Final = _fields()
"""Attribute → how it is taken, and the name it goes to."""
