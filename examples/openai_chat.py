"""Chats with a language model; nothing here knows that it is audited, messages and all.

Run it with::

    pip install "otel-audit[auto]" openai opentelemetry-instrumentation-genai-openai
    export OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
    export OTEL_SERVICE_NAME=assistant OTEL_AUDIT_DESTINATION=./audit-log
    export OTEL_AUDIT_STREAMS_MODEL_IO_CONTENT=full
    export OPENAI_API_KEY=…   # and OPENAI_BASE_URL for any other endpoint that speaks OpenAI's protocol
    opentelemetry-instrument python examples/openai_chat.py

Then look at what was asked and answered, masked::

    otel-audit query --destination ./audit-log --stream model-io
"""

import json
import os
from typing import Any

import openai

MODEL = os.environ.get("MODEL", "gpt-4o-mini")
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Finds an order",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    },
}

client = openai.OpenAI(max_retries=0)
messages: list[Any] = [
    {"role": "system", "content": "You are the assistant of a small shop."},
    {"role": "user", "content": "I am jane.doe@example.com, card 4111 1111 1111 1111. Where is order 1001?"},
]

answer = client.chat.completions.create(model=MODEL, messages=messages, user="u8472")
print(answer.choices[0].message.content)

# A tool: the model asks for it, is told the result, and answers.
asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
if asked.tool_calls:
    messages.append(asked.model_dump(exclude_none=True))
    for call in asked.tool_calls:
        result = {"status": "sent", "to": "jane.doe@example.com"}
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    print(answer.choices[0].message.content)

stream = client.chat.completions.create(model=MODEL, messages=messages[:2], stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
