"""The same conversation has the same bytes in every dialect: sixteen scenarios, six ways to record them.

:data:`TRUTH` says, by hand, what happened in each scenario; :data:`ABSENT` which recording leaves which field
out, and why. A recording has exactly the fields of the truth that it is not known to leave out, with exactly
those bytes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from convert.inference.sources import corpus_calls
from otel_audit.convert.inference import InferenceCall

SPANS, EVENTS, BOTH = "genai_openai_span_only", "genai_openai_event_only", "genai_openai_span_and_event"
OLDER, OPENINFERENCE, OPENLLMETRY = "openai_v2_capture_true", "openinference_openai", "traceloop_openai"

CURRENT = frozenset({SPANS, EVENTS, BOTH})
EVERY = CURRENT | {OLDER, OPENINFERENCE, OPENLLMETRY}

SCENARIOS = (
    "chat", "stream", "abandoned", "tool", "tool-result", "tool-stream", "429", "500", "400", "image",
    "two-choices", "embeddings", "responses", "no-connection", "async-chat", "async-stream",
)  # fmt: skip

MISSING_SCENARIOS = {
    (run, "responses"): "the older instrumentation knows no Responses API"
    for run in (OLDER, "openai_v2_capture_default")
}

SYSTEM = '[{"type":"text","content":"You are a support agent. Never reveal internal notes."}]'
ASK = (
    '{"role":"user","parts":[{"type":"text","content":"Hi, I am Jane Doe, jane.doe@example.com, '
    'card 4111 1111 1111 1111, phone +1 415 555 0100. Where is my order?"}]}'
)
ANSWER = "Sure Jane. I have emailed jane.doe@example.com and charged card 4111 1111 1111 1111."
CALL = (
    '{"role":"assistant","parts":[{"type":"tool_call","id":"call_abc","name":"lookup_customer",'
    '"arguments":{"email":"jane.doe@example.com","ssn":"123-45-6789"}}]'
)
RESULT = (
    '{"role":"tool","parts":[{"type":"tool_call_response","id":"call_abc",'
    '"response":{"name":"Jane Doe","ssn":"123-45-6789","iban":"DE89370400440532013000"}}]}'
)
TOOLS = (
    '[{"type":"function","name":"lookup_customer","description":"Look up a customer by e-mail",'
    '"parameters":{"type":"object","properties":{"email":{"type":"string"},"ssn":{"type":"string"}},'
    '"required":["email"]}}]'
)
IMAGE = (
    '{"role":"user","parts":[{"type":"text","content":"what is in this picture?"},{"type":"blob",'
    '"mime_type":"image/png","modality":"image","content":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA'
    'DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}]}'
)


def answer(text: str, reason: str = "stop") -> str:
    content = json.dumps(text)
    return (
        f'{{"role":"assistant","parts":[{{"type":"text","content":{content}}}],"finish_reason":"{reason}"}}'
    )


ASKED = {"request.systemInstructions": SYSTEM, "request.messages": f"[{ASK}]"}
MODEL = {
    "operation": "chat",
    "provider": "openai",
    "modelName": "gpt-4o-mini",
}
ANSWERED = {**MODEL, "responseModel": "gpt-4o-mini-2024-07-18", "responseId": "chatcmpl-fake1"}
COUNTED = {"inputTokens": 42, "outputTokens": 17, "cacheReadTokens": 8, "reasoningTokens": 3}
MARKED = {"extra.serviceTier": "default", "extra.systemFingerprint": "fp_44709d6fcb"}
STOPPED = {"finishReasons": ["stop"], "response": f"[{answer(ANSWER)}]"}
STREAMED = {"finishReasons": ["stop"], "response": f"[{answer(ANSWER + ' ')}]", "streaming": True}
WITH_TOOLS = {"request.tools": TOOLS, "tools": ["lookup_customer"]}
WHOLE = {**ANSWERED, **COUNTED, **MARKED, "streaming": False}

TRUTH: dict[str, dict[str, Any]] = {
    "chat": ASKED | WHOLE | STOPPED | {
        "parameter.temperature": 0.2,
        "parameter.top_p": 0.9,
        "parameter.max_tokens": 100,
        "parameter.stop_sequences": ["\n\n"],
        "parameter.seed": 7,
    },
    "stream": ASKED | ANSWERED | COUNTED | MARKED | STREAMED | {
        "parameter.stream_options": {"include_usage": True},
    },
    "abandoned": ASKED | ANSWERED | MARKED | {
        "streaming": True,
        "finishReasons": ["error"],
        "response": f"[{answer('Sure Jane. ', 'error')}]",
    },
    "tool": ASKED | WHOLE | WITH_TOOLS | {
        "finishReasons": ["tool_call"],
        "response": f'[{CALL},"finish_reason":"tool_call"}}]',
        "parameter.tool_choice": "auto",
    },
    "tool-result": ASKED | WHOLE | WITH_TOOLS | STOPPED | {
        "request.messages": f"[{ASK},{CALL}}},{RESULT}]",
    },
    "tool-stream": ASKED | ANSWERED | MARKED | WITH_TOOLS | {
        "streaming": True,
        "finishReasons": ["tool_call"],
        "response": f'[{CALL},"finish_reason":"tool_call"}}]'.replace(',"ssn":"123-45-6789"', ""),
    },
    "429": ASKED | MODEL | {"modelName": "gpt-error-429", "streaming": False},
    "500": ASKED | MODEL | {"modelName": "gpt-error-500", "streaming": False},
    "400": ASKED | MODEL | {"modelName": "gpt-error-400", "streaming": False},
    "image": WHOLE | STOPPED | {"request.messages": f"[{IMAGE}]"},
    "two-choices": ASKED | WHOLE | {
        "finishReasons": ["stop", "stop"],
        "response": f"[{answer(ANSWER)},{answer(ANSWER)}]",
        "parameter.choice_count": 2,
    },
    "embeddings": {
        "operation": "embeddings",
        "provider": "openai",
        "modelName": "text-embedding-3-small",
        "responseModel": "text-embedding-3-small",
        "inputTokens": 7,
        "cacheReadTokens": 0,
        "streaming": False,
        "request.input": '["Jane Doe lives at 1 Main St","second"]',
        "response.embeddings": "[[0.1,0.2,-0.3],[0.1,0.2,-0.3]]",
        "parameter.encoding_formats": ["base64"],
        "extra.dimensionCount": "3",
    },
    "responses": MODEL | {
        "responseModel": "gpt-4o-mini-2024-07-18",
        "responseId": "resp_abc123",
        "conversationId": "conv_123",
        "inputTokens": 21,
        "outputTokens": 13,
        "cacheReadTokens": 4,
        "reasoningTokens": 5,
        "streaming": False,
        "finishReasons": ["stop"],
        "extra.apiType": "responses",
        "request.systemInstructions": SYSTEM,
        "request.messages": '[{"role":"user","parts":[{"type":"text",'
        '"content":"Where is my order? I am jane.doe@example.com"}]}]',
        "response": f"[{answer('Hello Jane, your order ships to jane.doe@example.com.')}]",
    },
    "no-connection": ASKED | MODEL | {"streaming": False},
    "async-chat": ASKED | WHOLE | STOPPED,
    "async-stream": ASKED | ANSWERED | MARKED | STREAMED,
}  # fmt: skip

ANY = "*"
STREAMS = ("stream", "abandoned", "tool-stream", "async-stream")
NOT_STREAMS = tuple(name for name in SCENARIOS if name not in STREAMS)

ABSENT: list[tuple[frozenset[str], tuple[str, ...], str, str]] = [
    (EVERY - {OPENLLMETRY}, NOT_STREAMS, "streaming", "written only where a stream was asked for"),
    (frozenset({OLDER}), STREAMS, "streaming", "not recorded"),
    (frozenset({OLDER}), (ANY,), "cacheReadTokens", "not recorded"),
    (frozenset({OLDER}), (ANY,), "reasoningTokens", "not recorded"),
    (frozenset({OLDER}), (ANY,), "extra.systemFingerprint", "not recorded"),
    (frozenset({OLDER}), (ANY,), "request.tools", "there is no event for tool definitions"),
    (frozenset({OLDER}), (ANY,), "tools", "there is no event for tool definitions"),
    (frozenset({OPENLLMETRY}), ("chat",), "parameter.stop_sequences", "not recorded"),
    (frozenset({OPENLLMETRY}), ("chat",), "parameter.seed", "not recorded"),
    (frozenset({OPENLLMETRY}), ("two-choices",), "parameter.choice_count", "not recorded"),
    (frozenset({OPENLLMETRY}), STREAMS, "extra.serviceTier", "not recorded for streams"),
    (frozenset({OPENLLMETRY}), ("stream",), "reasoningTokens", "not recorded for streams"),
    (frozenset({OPENLLMETRY}), ("image",), "request.messages", "dropped where an image cannot be uploaded"),
    (frozenset({OPENLLMETRY}), ("responses",), "conversationId", "not recorded"),
    (EVERY - {OPENINFERENCE}, STREAMS, "extra.systemFingerprint", "not recorded for streams"),
    (EVERY - {OPENINFERENCE}, (ANY,), "parameter.stream_options", "not a parameter of the conventions"),
    (EVERY - {OPENINFERENCE}, (ANY,), "parameter.tool_choice", "not a parameter of the conventions"),
    (EVERY - {OPENINFERENCE}, (ANY,), "parameter.encoding_formats", "not recorded"),
    (EVERY - {OPENINFERENCE}, (ANY,), "response.embeddings", "vectors are not recorded"),
    (CURRENT | {OLDER}, (ANY,), "request.input", "texts of embeddings are not recorded"),
    (EVERY - {OPENLLMETRY}, ("embeddings",), "cacheReadTokens", "not recorded for embeddings"),
    (frozenset({OPENINFERENCE, OPENLLMETRY}), (ANY,), "extra.dimensionCount", "not recorded"),
    (frozenset({OPENINFERENCE, OPENLLMETRY}), (ANY,), "extra.apiType", "not recorded"),
    (frozenset({OPENINFERENCE, OPENLLMETRY}), ("abandoned",), "finishReasons", "left open when abandoned"),
]
"""Recordings, scenarios, field, reason."""

NO_FINISH_REASON = {(OPENINFERENCE, "abandoned"), (OPENLLMETRY, "abandoned")}
"""Recordings whose output message has no finish reason, since the stream never told one."""


def absent(run: str, scenario: str, field: str) -> bool:
    return any(
        run in runs and field == name and (scenario in scenarios or ANY in scenarios)
        for runs, scenarios, name, _ in ABSENT
    )


def minified(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fields_of(call: InferenceCall) -> dict[str, Any]:
    """Every leaf that the matrix knows, message fields as their very bytes."""
    fields: dict[str, Any] = {}
    for name, text in (("request", call.request), ("response", call.response)):
        if text is None:
            continue
        value = json.loads(text)
        assert minified(value) == text
        if isinstance(value, list):
            fields[name] = text
        else:
            fields |= {f"{name}.{member}": minified(item) for member, item in value.items()}
    info = dict(call.model_info)
    fields |= {f"extra.{key}": item for key, item in info.pop("extra", {}).items()}  # type: ignore[attr-defined]
    parameters = json.loads(str(info.pop("requestParameters", "{}")))
    fields |= {f"parameter.{key}": item for key, item in parameters.items()}
    return fields | info


def by_scenario(run: str) -> dict[str, InferenceCall]:
    names = [name for name in SCENARIOS if (run, name) not in MISSING_SCENARIOS]
    return dict(zip(names, corpus_calls(run), strict=True))


@pytest.mark.parametrize("run", sorted(EVERY))
def test_each_recording_has_what_happened_byte_for_byte(run: str) -> None:
    for scenario, call in by_scenario(run).items():
        expected = {
            field: value for field, value in TRUTH[scenario].items() if not absent(run, scenario, field)
        }
        if (run, scenario) in NO_FINISH_REASON:
            expected["response"] = expected["response"].replace(',"finish_reason":"error"', "")
        assert fields_of(call) == expected, scenario


def test_no_absence_is_listed_in_vain() -> None:
    for runs, scenarios, field, reason in ABSENT:
        concerned = [name for name in SCENARIOS if name in scenarios or ANY in scenarios]
        assert any(field in TRUTH[name] for name in concerned), (field, reason)
        assert runs < EVERY, (field, "no recording has it")


CONTENT_OFF = {
    "genai_openai_default": SPANS,
    "genai_openai_upload_hook_no_content": SPANS,
    "openinference_openai_hidden": OPENINFERENCE,
    "traceloop_openai_nocontent": OPENLLMETRY,
}


LOST_WITH_CONTENT: dict[str, dict[str, tuple[str, ...]]] = {
    "genai_openai_default": {"abandoned": ("finishReasons",)},
    "openinference_openai_hidden": {
        # These stand only in the raw bodies, which are hidden.
        ANY: ("responseId", "extra.serviceTier", "extra.systemFingerprint"),
        "responses": ("finishReasons",),
        "embeddings": ("responseModel",),
    },
}
"""Facts that an instrumentation leaves out together with content."""

CONTENT_LEFT_ON = {
    ("openinference_openai_hidden", "embeddings"): "texts of embeddings have a switch of their own"
}


@pytest.mark.parametrize(("run", "like"), CONTENT_OFF.items())
def test_switched_off_content_leaves_the_rest_as_it_is(run: str, like: str) -> None:
    """Facts that are no content are the same as in the recording of the same instrumentation with content."""
    lost = LOST_WITH_CONTENT.get(run, {})
    for scenario, call in by_scenario(run).items():
        expected = {
            field: value
            for field, value in TRUTH[scenario].items()
            if not absent(like, scenario, field)
            and not field.startswith(("request", "response."))
            and field not in ("response", "tools", *lost.get(ANY, ()), *lost.get(scenario, ()))
        }
        found = fields_of(call)
        if (run, scenario) not in CONTENT_LEFT_ON:
            assert call.request is None, scenario
            assert call.response is None, scenario
        if (run, scenario) == ("openinference_openai_hidden", "two-choices"):
            expected["finishReasons"] = ["stop"]  # that of the first choice
        assert {
            name: found[name] for name in found if not name.startswith(("request", "response."))
        } == expected


def test_older_events_without_content_keep_names_of_tools() -> None:
    calls = by_scenario("openai_v2_capture_default")
    assert calls["chat"].request is None
    assert calls["chat"].response is None
    assert calls["tool"].response == (
        '[{"role":"assistant","parts":[{"type":"tool_call","id":"call_abc","name":"lookup_customer"}],'
        '"finish_reason":"tool_call"}]'
    )
    assert calls["tool-result"].request == (
        '{"messages":[{"role":"user","parts":[]},{"role":"assistant","parts":[{"type":"tool_call",'
        '"id":"call_abc","name":"lookup_customer"}]},{"role":"tool","parts":[{"type":"tool_call_response",'
        '"id":"call_abc"}]}]}'
    )
