"""An ASGI application seen from outside: each message passes on at once and as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from otel_audit.sdk.capture.active import active
from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.capture.exchange import Exchange, announce, take_back

__all__ = ["AuditASGIMiddleware", "serve"]

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_SEEN: Final = "otel_audit.seen"
"""Member of a scope of which an outer wrapper sees everything already."""

_FILES: Final = frozenset({"http.response.pathsend", "http.response.zerocopysend"})
"""Messages by which the server sends a file by itself."""

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class AuditASGIMiddleware:
    """Shows an application's requests and responses to the audit log, as far as ``[capture]`` asks for them.

    FastAPI, Starlette and Django need none; it is for other ASGI applications. It belongs around whatever starts
    the server span, or directly inside of it. Websockets and lifespan pass unseen.

    Args:
        app: the application.
    """

    def __init__(self, app: _App) -> None:
        self.app = app

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        await serve(self.app, scope, receive, send)


async def serve(app: _App, scope: _Message, receive: _Receive, send: _Send) -> None:
    """Answer a request by ``app``, which gets and gives what it would without us."""
    capture = active()
    if capture is None or scope.get("type") != "http" or _SEEN in scope:
        await app(scope, receive, send)
        return
    exchange, is_announced = Exchange(capture), True
    with suppress(Exception):  # a scope may hold anything
        scope[_SEEN] = True
        headers = scope.get("headers") or ()
        recorder = exchange.see_request(headers, *_said(headers))
        if recorder is not None:
            receive, is_announced = _receiving(receive, recorder), _announces_body(scope, headers)
    if capture.response_body or capture.response_headers:
        send = _sending(send, exchange, is_head=scope.get("method") == "HEAD")
    token = announce(exchange)
    try:
        await app(scope, receive, send)
    finally:
        take_back(token)
        if not is_announced and exchange.request is not None and exchange.request.is_empty:
            exchange.request.end()
        exchange.end()


def _receiving(receive: _Receive, recorder: BodyRecorder) -> _Receive:
    async def receiving() -> _Message:
        message = await receive()
        if not recorder.is_done:
            with suppress(Exception):
                if message["type"] == "http.request":
                    recorder.write(message.get("body") or b"")
                    if not message.get("more_body"):
                        recorder.end()
                elif message["type"] == "http.disconnect":
                    recorder.end(is_whole=False)
        return message

    return receiving


def _sending(send: _Send, exchange: Exchange, *, is_head: bool) -> _Send:
    async def sending(message: _Message) -> None:
        with suppress(Exception):
            _see(message, exchange, is_head=is_head)
        await send(message)

    return sending


def _see(message: _Message, exchange: Exchange, *, is_head: bool) -> None:
    kind, recorder = message["type"], exchange.response
    if kind == "http.response.start":
        headers = list(message.get("headers") or ())
        if not isinstance(message.get("headers"), list | tuple):
            message["headers"] = headers  # it may have been an iterator
        recorder = exchange.see_response(headers, *_said(headers))
        status = message.get("status", 0)
        if recorder is not None and (is_head or status < 200 or status in {204, 304}):
            recorder.end()
    elif recorder is None:
        return
    elif kind == "http.response.body":
        recorder.write(message.get("body") or b"")
        if not message.get("more_body"):
            recorder.end()
    elif kind in _FILES:
        recorder.withhold("file")


def _announces_body(scope: _Message, headers: Iterable[tuple[Any, Any]]) -> bool:
    """Whether a request may have a body that the application did not ask for: over HTTP/1.1 its head says so
    (RFC 9112, section 6.3). Adapters of other protocols may bring one all the same."""
    return not str(scope.get("http_version", "")).startswith("1") or any(
        bytes(name).lower() in _FRAMING and bytes(value).strip() != b"0" for name, value in headers
    )


def _said(headers: Iterable[tuple[Any, Any]]) -> tuple[str, str]:
    """Content type and content encoding."""
    media_type = encoding = b""
    for name, value in headers:
        match bytes(name).lower():
            case b"content-type":
                media_type = bytes(value)
            case b"content-encoding":
                encoding = bytes(value)
    return media_type.decode("latin-1"), encoding.decode("latin-1")
