"""Every place of a record where a text can stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _message(text: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "content": text}]}


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "spanName": lambda text: {"spanName": text},
    "scope": lambda text: {"scope": {"name": text, "version": "1"}},
    "action": lambda text: {"action": text},
    "target": lambda text: {"target": {"type": "thing", "id": text}},
    "auth": lambda text: {"auth": {"reason": text}},
    "purpose": lambda text: {"purpose": text},
    "session": lambda text: {"session": text},
    "subjects": lambda text: {"subjects": ["a", text]},
    "changes": lambda text: {"changes": _json([{"path": "/a", "before": text, "after": None}])},
    "oversight": lambda text: {"oversight": {"reason": text}},
    "route": lambda text: {"route": text},
    "requestPath": lambda text: {"requestPath": "/a/" + text},
    "requestQuery": lambda text: {"requestQuery": "a=1&q=" + text},
    "rpc": lambda text: {"rpc": {"service": text}},
    "userAgent": lambda text: {"userAgent": text},
    "server": lambda text: {"server": {"address": text}},
    "request header": lambda text: {"requestHeaders": {"x-note": [text]}},
    "second header line": lambda text: {"responseHeaders": {"x-note": ["one", text]}},
    "header name": lambda text: {"requestHeaders": {text: ["one"]}},
    "message": lambda text: {"request": _json({"messages": [_message("Hello"), _message(text)]})},
    "answer": lambda text: {
        "response": _json([{**_message(text), "role": "assistant", "finish_reason": "stop"}])
    },
    "tool arguments": lambda text: {
        "request": _json({"messages": [{"parts": [{"arguments": {"a": [text]}}]}]})
    },
    "body text": lambda text: {"request": _json(text)},
    "body key": lambda text: {"request": _json({text: 1})},
    "body in base64": lambda text: {"requestBase64": text},
    "errorCode": lambda text: {"errorCode": text},
    "errorMessage": lambda text: {"errorMessage": text},
    "requestId": lambda text: {"requestId": text},
    "namespace": lambda text: {"namespace": text},
    "service": lambda text: {"service": {"name": text}},
    "tool name": lambda text: {"modelInfo": {"toolName": text}},
    "tools": lambda text: {"modelInfo": {"tools": ["a", text]}},
    "request parameters": lambda text: {"modelInfo": {"requestParameters": _json({"stop": [text]})}},
    "extra": lambda text: {"modelInfo": {"extra": [("note", text)]}},
    "event": lambda text: {"events": [{"name": text, "attributes": None}]},
    "stack trace": lambda text: {
        "events": [{"name": "exception", "attributes": _json({"exception.stacktrace": text})}]
    },
    "link": lambda text: {"links": [{"traceId": "", "attributes": _json({"note": text})}]},
    "attribute": lambda text: {"attributes": _json({"app.note": text})},
    "attribute name": lambda text: {"attributes": _json({f"app.{text}": 1})},
    "resource": lambda text: {"resource": _json({"host.note": text})},
}
