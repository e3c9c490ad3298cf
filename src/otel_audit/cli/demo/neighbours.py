"""What the shop talks to: a stock service, and an OpenAI-compatible endpoint for when no real one is set.

Both are plain HTTP servers on free loopback ports, in threads of the demonstration's own process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _JsonHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: dict[str, object]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """Stay silent: the demonstration prints what a person wants to see."""


class _Stock(_JsonHandler):
    def do_GET(self) -> None:
        self.answer(200, {"sku": self.path.rsplit("/", 1)[-1], "inStock": 7})


class _LanguageModel(_JsonHandler):
    """Answers chat completions by the protocol; quotes the question, as models do, to show masking of output."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = asked["model"]
        if model == "overloaded":
            self.answer(429, {"error": {"message": "Rate limit reached", "type": "rate_limit_error"}})
            return
        question = asked["messages"][-1]["content"]
        self.answer(
            200,
            {
                "id": f"chatcmpl-{abs(hash(question)):x}",
                "object": "chat.completion",
                "created": 1_795_284_874,
                "model": f"{model}-2024-07-18",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {
                            "role": "assistant",
                            "content": f"You asked: {question} It is on its way.",
                        },
                    }
                ],
                "usage": {
                    "prompt_tokens": 20 + len(question) // 4,
                    "completion_tokens": 12 + len(question) // 4,
                    "total_tokens": 32 + len(question) // 2,
                },
            },
        )


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve ``handler`` until the block ends; gives the base URL."""
    server = ThreadingHTTPServer(("localhost", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def stock_service() -> AbstractContextManager[str]:
    """Context manager: the base URL of a running stock service."""
    return serving(_Stock)


def language_model() -> AbstractContextManager[str]:
    """Context manager: the base URL of a running OpenAI-compatible endpoint."""
    return serving(_LanguageModel)
