"""Events that carry messages: one each in the older GenAI conventions, all at once in the current ones.

==================================================  =========================================================
event                                               content
==================================================  =========================================================
``gen_ai.system.message`` ``gen_ai.user.message``   body ``{role, content, tool_calls, id}``
``gen_ai.assistant.message`` ``gen_ai.tool.message``
``gen_ai.choice``                                   body ``{index, finish_reason, message}``
``gen_ai.content.prompt`` ``.completion``           attribute ``gen_ai.prompt``, ``gen_ai.completion``: JSON
``gen_ai.client.inference.operation.details``       attributes of a span, messages structured
==================================================  =========================================================

They come as log events, and from some instrumentations as span events, whose attributes are the members of
the body or hold it as JSON in ``gen_ai.event.content``. A log event that joins its span
(:mod:`otel_audit.convert.events`) becomes a span event of the latter form, so there is one way to read both.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai

from otel_audit.convert import notes
from otel_audit.convert.inference import semconv
from otel_audit.convert.inference.draft import Draft
from otel_audit.convert.inference.json_text import plain_json
from otel_audit.convert.inference.messages import (
    Message,
    has_content,
    input_messages,
    message,
    output_messages,
)
from otel_audit.convert.inference.semconv import structured
from otel_audit.convert.inference.tools import tool_definitions
from otel_audit.convert.spans import Attributes, EventData, Value

__all__ = [
    "BODY",
    "CHOICE",
    "DETAILS",
    "MESSAGES",
    "event_message",
    "event_tools",
    "is_message_event",
    "read",
]

BODY: Final = "gen_ai.event.content"
CHOICE: Final = "gen_ai.choice"
DETAILS: Final = "gen_ai.client.inference.operation.details"

MESSAGES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Event name → role of its message, where the body names none."""

_CONTENTS: Final = {
    "gen_ai.content.prompt": gen_ai.GEN_AI_PROMPT,
    "gen_ai.content.completion": gen_ai.GEN_AI_COMPLETION,
}

_ENVELOPE: Final = frozenset(
    {gen_ai.GEN_AI_SYSTEM, gen_ai.GEN_AI_PROVIDER_NAME, gen_ai.GEN_AI_OPERATION_NAME, "event.name"}
)
"""Attributes of an event that repeat its span."""


def is_message_event(name: str) -> bool:
    """Whether an event of that name carries messages."""
    return name in MESSAGES or name in (CHOICE, DETAILS) or name in _CONTENTS


def event_message(name: str, body: Value, oddities: list[str]) -> Message:
    """Returns the message of a ``gen_ai.*.message`` or ``gen_ai.choice`` event in normal form.

    Args:
        name: the event's name.
        body: an object, its JSON text, its Python ``repr``, or text; ``None`` where content is off.
    """
    role = MESSAGES.get(name, "assistant")
    tree = structured(body, oddities) if isinstance(body, str) else plain_json(body, oddities)
    if isinstance(tree, dict) and name != CHOICE and "message" in tree:
        tree = {"content": tree["message"], **{key: item for key, item in tree.items() if key != "message"}}
    return message(tree, role, oddities)


def event_tools(name: str, body: Value, oddities: list[str]) -> list[Message] | None:
    """Returns the tool definitions that OpenLLMetry's Anthropic sends as the content of a user message."""
    tree = structured(body, []) if isinstance(body, str) else body
    content = tree.get("content") if isinstance(tree, dict) and name == "gen_ai.user.message" else None
    if not isinstance(content, dict) or len(content) != 1 or not isinstance(content.get("tools"), list):
        return None
    return tool_definitions(plain_json(content["tools"], oddities), oddities)


def event_vector(name: str, body: Value, oddities: list[str]) -> list[Value] | None:
    """Returns the vector that OpenLLMetry sends as the content of a choice of an embedding."""
    tree = structured(body, []) if isinstance(body, str) else body
    answer = tree.get("message") if isinstance(tree, dict) and name == CHOICE else None
    content = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(content, list) or not content or not all(isinstance(item, float) for item in content):
        return None
    return [plain_json(item, oddities) for item in content]


def read(events: Sequence[EventData], draft: Draft) -> list[EventData]:
    """Reads messages out of a span's events.

    Messages that attributes gave already win; events that say the same are read, those that differ stay.

    Returns:
        The events that remain.
    """
    if not any(is_message_event(event.name) for event in events):
        return [*events]
    draft.open()
    remaining: list[EventData] = []
    inputs: list[Message] = []
    outputs: list[tuple[int, Message]] = []
    vectors: list[tuple[int, list[Value]]] = []
    read_events: list[EventData] = []
    for event in events:
        if event.name in MESSAGES or event.name == CHOICE:
            body, index = _body(event.attributes)
            tools = event_tools(event.name, body, draft.oddities)
            if tools is not None and draft.tools in (None, tools):
                draft.tools = tools
                read_events.append(event)
                continue
            if (vector := event_vector(event.name, body, draft.oddities)) is not None:
                vectors.append((index if index is not None else len(vectors), vector))
                read_events.append(event)
                continue
            found = event_message(event.name, body, draft.oddities)
            if event.name == CHOICE:
                outputs.append((index if index is not None else len(outputs), found))
            elif not _repeats_tool_results(inputs, found):
                inputs.append(found)
            read_events.append(event)
        elif event.name == DETAILS:
            _read_details(event, draft, remaining)
        elif (key := _CONTENTS.get(event.name)) is not None and key in event.attributes:
            tree = structured(event.attributes[key], draft.oddities)
            if key == gen_ai.GEN_AI_PROMPT:
                inputs += input_messages(tree, draft.oddities)
            else:
                outputs += enumerate(output_messages(tree, draft.oddities), len(outputs))
            read_events.append(event)
        else:
            remaining.append(event)
    if vectors:
        vectors.sort(key=itemgetter(0))
        draft.response_members.setdefault("embeddings", [vector for _, vector in vectors])
    answers = [item for _, item in sorted(outputs, key=itemgetter(0))]
    if not draft.finish_reasons:
        draft.finish_reasons = [item["finish_reason"] for item in answers if "finish_reason" in item]
    if _agrees(draft.messages, inputs) and _agrees(draft.outputs, answers):
        draft.messages = draft.messages or inputs or None
        if not draft.outputs and answers:
            draft.outputs = answers
        remaining += [rest for event in read_events if (rest := _left(event)) is not None]
    else:
        remaining += read_events
    return sorted(remaining, key=lambda event: event.time_unix_nano) if read_events else remaining


def _body(attributes: Attributes) -> tuple[Value, int | None]:
    body = attributes.get(BODY)
    if body is None and BODY not in attributes:
        members = {key: value for key, value in attributes.items() if key not in _ENVELOPE}
        body = members or None
    tree = structured(body, []) if isinstance(body, str) else body
    index = tree.get("index") if isinstance(tree, dict) else None
    return body, index if isinstance(index, int) else None


def _left(event: EventData) -> EventData | None:
    """What an event held beside its message."""
    if BODY not in event.attributes:
        return None
    left = {key: item for key, item in event.attributes.items() if key not in _ENVELOPE and key != BODY}
    return EventData(event.name, event.time_unix_nano, left) if left else None


def _agrees(known: list[Message] | None, found: list[Message]) -> bool:
    return not known or not found or not has_content(found) or known == found


def _repeats_tool_results(messages: list[Message], found: Message) -> bool:
    """Bedrock's instrumentation tells a tool result twice: by itself, and in the user message that has it."""
    if found["role"] != "tool" or not found["parts"]:
        return False
    last: list[Any] = []
    for item in reversed(messages):
        if item["role"] != "tool" or len(last) >= len(found["parts"]):
            break
        last = item["parts"] + last
    return last == found["parts"] and len(last) > 0 and "name" not in found


def _read_details(event: EventData, draft: Draft, remaining: list[EventData]) -> None:
    """Attributes of the event fill what the span left open; what differs from the span stays on the event."""
    span_rest, draft.rest = draft.rest, {}
    known = len(draft.oddities)
    semconv.read(event.attributes, draft)
    left, draft.rest = draft.rest, span_rest
    del draft.oddities[known:]
    for key in [key for key, value in left.items() if span_rest.get(key) == value or key in _ENVELOPE]:
        del left[key]
    if left:
        draft.oddities.append(notes.DUPLICATE_KEY)
        remaining.append(EventData(event.name, event.time_unix_nano, left))
