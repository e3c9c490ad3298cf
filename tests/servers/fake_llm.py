"""A language model that speaks the protocols of OpenAI, Anthropic, Google and Amazon Bedrock, for their real clients.

What it answers follows from what it is asked alone:

- a model whose name has ``overloaded`` in it refuses with that vendor's answer for too many requests;
- a request with tools, whose last message is no result of one, is answered by a call of the first tool;
- everything else is answered by :data:`ANSWER`, with personal data that nobody may find in anything written.

Needs the standard library only, so that any environment can run it: ``python fake_llm.py`` serves until its
standard input ends, and prints its base URL first.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "Order 1001 went to jane.doe@example.com, paid by card 4111 1111 1111 1111. Call +1 415 555 0100."
PIECES = (ANSWER[:20], ANSWER[20:68], ANSWER[68:])
"""As it is streamed: the address and the card are each in two pieces."""

ARGUMENTS = {"order_id": "1001", "email": "jane.doe@example.com"}
EMBEDDING = [0.25, -0.5, 0.125]

_OPENAI_USAGE = {"prompt_tokens": 21, "completion_tokens": 13, "total_tokens": 34}

Chunk = tuple[str, Any]
"""Name and content of an event of a stream."""


class OpenAi:
    """``/v1/chat/completions`` and ``/v1/embeddings``."""

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        if "overloaded" in asked["model"]:
            error = {"message": "Rate limit reached for jane.doe@example.com", "type": "rate_limit_error"}
            return 429, {"error": error | {"code": "rate_limit_exceeded"}}
        if path.endswith("/embeddings"):
            texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            data = [
                {"object": "embedding", "index": place, "embedding": EMBEDDING} for place in range(len(texts))
            ]
            usage = {"prompt_tokens": 7, "total_tokens": 7}
            return 200, {"object": "list", "data": data, "model": asked["model"], "usage": usage}
        calls = _first_tool([tool["function"]["name"] for tool in asked.get("tools", ())], asked["messages"])
        if asked.get("stream"):
            return 200, list(self._stream(asked, calls))
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else ANSWER}
        if calls:
            message["tool_calls"] = [self._call(calls)]
        choice = {"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": message}
        return 200, self._envelope(asked, "chat.completion") | {"choices": [choice], "usage": _OPENAI_USAGE}

    @staticmethod
    def _call(name: str) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(ARGUMENTS)}
        return {"id": "call_1001", "type": "function", "function": function}

    @staticmethod
    def _envelope(asked: dict[str, Any], kind: str) -> dict[str, Any]:
        model = f"{asked['model']}-2026-07-18"
        return {"id": "chatcmpl-1001", "object": kind, "created": 1_795_284_874, "model": model}

    def _stream(self, asked: dict[str, Any], calls: str | None) -> Iterator[Chunk]:
        head = self._envelope(asked, "chat.completion.chunk")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += (
            [{"tool_calls": [{"index": 0} | self._call(calls)]}]
            if calls
            else [{"content": piece} for piece in PIECES]
        )
        for delta in deltas:
            yield "", head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        reason = "tool_calls" if calls else "stop"
        yield "", head | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        if (asked.get("stream_options") or {}).get("include_usage"):
            yield "", head | {"choices": [], "usage": _OPENAI_USAGE}
        yield "", "[DONE]"


class Anthropic:
    """``/v1/messages``."""

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        if "overloaded" in asked["model"]:
            error = {"type": "rate_limit_error", "message": "Too many requests of jane.doe@example.com"}
            return 429, {"type": "error", "error": error, "request_id": "req_1001"}
        calls = _first_tool([tool["name"] for tool in asked.get("tools", ())], asked["messages"])
        if asked.get("stream"):
            return 200, list(self._stream(asked, calls))
        content = (
            {"type": "tool_use", "id": "toolu_1001", "name": calls, "input": ARGUMENTS}
            if calls
            else {"type": "text", "text": ANSWER}
        )
        return 200, self._message(asked) | {
            "content": [content],
            "stop_reason": "tool_use" if calls else "end_turn",
            "usage": {"input_tokens": 21, "output_tokens": 13},
        }

    @staticmethod
    def _message(asked: dict[str, Any]) -> dict[str, Any]:
        head = {"id": "msg_1001", "type": "message", "role": "assistant", "model": asked["model"]}
        return head | {"stop_sequence": None}

    def _stream(self, asked: dict[str, Any], calls: str | None) -> Iterator[Chunk]:
        usage = {"input_tokens": 21, "output_tokens": 1}
        start = self._message(asked) | {"content": [], "stop_reason": None, "usage": usage}
        yield "message_start", {"type": "message_start", "message": start}
        if calls:
            block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1001", "name": calls, "input": {}}
            text = json.dumps(ARGUMENTS)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (text[:25], text[25:])]
        else:
            block = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in PIECES]
        yield (
            "content_block_start",
            {"type": "content_block_start", "index": 0, "content_block": block},
        )
        for delta in deltas:
            yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": 0}
        stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        yield "message_delta", {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 13}}
        yield "message_stop", {"type": "message_stop"}


class Google:
    """``/v1beta/models/<model>:generateContent`` and ``:streamGenerateContent``."""

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        model = path.rpartition("/")[2].partition(":")[0]
        if "overloaded" in model:
            error = {"code": 429, "message": "Quota exceeded for jane.doe@example.com"}
            return 429, {"error": error | {"status": "RESOURCE_EXHAUSTED"}}
        tools = [
            function["name"]
            for tool in asked.get("tools", ())
            for function in tool.get("functionDeclarations", ())
        ]
        calls = _first_tool(tools, asked["contents"])
        usage = {"promptTokenCount": 21, "candidatesTokenCount": 13, "totalTokenCount": 34}
        head = {"modelVersion": f"{model}-001", "responseId": "resp-1001", "usageMetadata": usage}
        parts: list[dict[str, Any]] = (
            [{"functionCall": {"name": calls, "args": ARGUMENTS}}]
            if calls
            else [{"text": piece} for piece in PIECES]
        )
        if "streamGenerateContent" in path:
            chunks = []
            for place, part in enumerate(parts):
                one: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
                if place == len(parts) - 1:
                    one["finishReason"] = "STOP"
                chunks.append(("", head | {"candidates": [one]}))
            return 200, chunks
        if not calls:
            parts = [{"text": ANSWER}]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        return 200, head | {"candidates": [candidate]}


class Bedrock:
    """``/model/<model>/converse``, ``converse-stream`` and ``invoke`` (of Anthropic's models)."""

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        model, _, operation = path.removeprefix("/model/").rpartition("/")
        if "overloaded" in model:
            return 429, {"message": "Too many requests of jane.doe@example.com"}
        if operation == "invoke":
            return Anthropic().answer(path, asked | {"model": model})
        tools = [tool["toolSpec"]["name"] for tool in asked.get("toolConfig", {}).get("tools", ())]
        calls = _first_tool(tools, asked["messages"])
        usage = {"inputTokens": 21, "outputTokens": 13, "totalTokens": 34}
        reason = "tool_use" if calls else "end_turn"
        if operation == "converse-stream":
            return 200, list(self._stream(calls, reason, usage))
        content: dict[str, Any] = (
            {"toolUse": {"toolUseId": "tooluse_1001", "name": calls, "input": ARGUMENTS}}
            if calls
            else {"text": ANSWER}
        )
        message = {"role": "assistant", "content": [content]}
        metrics = {"latencyMs": 12}
        return 200, {
            "output": {"message": message}, "stopReason": reason, "usage": usage, "metrics": metrics
        }  # fmt: skip

    @staticmethod
    def _stream(calls: str | None, reason: str, usage: dict[str, int]) -> Iterator[Chunk]:
        yield "messageStart", {"role": "assistant"}
        if calls:
            start = {"toolUse": {"toolUseId": "tooluse_1001", "name": calls}}
            yield "contentBlockStart", {"contentBlockIndex": 0, "start": start}
            text = json.dumps(ARGUMENTS)
            deltas: list[dict[str, Any]] = [{"toolUse": {"input": piece}} for piece in (text[:25], text[25:])]
        else:
            deltas = [{"text": piece} for piece in PIECES]
        for delta in deltas:
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}
        yield "contentBlockStop", {"contentBlockIndex": 0}
        yield "messageStop", {"stopReason": reason}
        yield "metadata", {"usage": usage, "metrics": {"latencyMs": 12}}


def _first_tool(tools: list[str], messages: Any) -> str | None:
    """The tool to call: the first, unless the last message tells what one gave."""
    last = json.dumps(messages[-1] if isinstance(messages, list) and messages else "")
    results = ('"role": "tool"', '"tool_result"', '"functionResponse"', '"toolResult"')
    return None if not tools or any(mark in last for mark in results) else tools[0]


def _vendor(path: str) -> OpenAi | Anthropic | Google | Bedrock | None:
    if path.startswith("/model/"):
        return Bedrock()
    if path.endswith("/messages"):
        return Anthropic()
    if "enerateContent" in path:
        return Google()
    return OpenAi() if path.endswith(("/chat/completions", "/embeddings")) else None


def _frame(name: str, content: Any) -> bytes:
    """A message of Amazon's event stream encoding: prelude, headers, payload, each guarded by a CRC-32."""
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in (
            (":message-type", "event"), (":event-type", name), (":content-type", "application/json")
        )
    )  # fmt: skip
    payload = json.dumps(content).encode()
    prelude = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


def _sse(name: str, content: Any) -> bytes:
    data = content if isinstance(content, str) else json.dumps(content)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.partition("?")[0].replace("%3A", ":")
        vendor = _vendor(path)
        status, answer = (404, {"error": "no such path"}) if vendor is None else vendor.answer(path, asked)
        if isinstance(answer, list):
            is_amazon = isinstance(vendor, Bedrock)
            kind = "application/vnd.amazon.eventstream" if is_amazon else "text/event-stream"
            body = b"".join((_frame if is_amazon else _sse)(*chunk) for chunk in answer)
        else:
            kind, body = "application/json", json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", "req_1001")
        if isinstance(vendor, Bedrock) and status == 429:
            self.send_header("x-amzn-errortype", "ThrottlingException")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """Stay silent."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve until the block ends; gives the base URL, without a vendor's ``/v1``."""
    server = ThreadingHTTPServer(("localhost", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    with serving() as url:
        print(url, flush=True)
        sys.stdin.read()
