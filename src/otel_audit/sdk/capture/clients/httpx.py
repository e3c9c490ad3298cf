"""httpx and httpx2, whose transports are all alike: a request goes in, a response with an unread stream comes out.

Rules:

- The transport's request has our stream in the place of its own while it is being sent, and no longer: an
  application, a redirect or a challenge find the one they made.
- The response has our stream in the place of its own; httpx reads, and closes, what the application asks it to.
- A body that is in memory already is seen at once.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from otel_audit.sdk.capture.clients.call import Call, begin, harmless
from otel_audit.sdk.capture.clients.observer import Observer
from otel_audit.sdk.capture.clients.outgoing import Parts
from otel_audit.sdk.capture.clients.patches import Patch, Wrapper

__all__ = ["patches"]

_SYNC: Final = ("HTTPTransport", "WSGITransport", "MockTransport")
_ASYNC: Final = ("AsyncHTTPTransport", "ASGITransport", "MockTransport")


def patches(module: ModuleType) -> list[Patch]:
    """What is wrapped in httpx 0.20 and later, and in httpx2."""
    sync_stream = type("ObservedStream", (_Stream, module.SyncByteStream), {})
    async_stream = type("AsyncObservedStream", (_AsyncStream, module.AsyncByteStream), {})
    found = []
    for names, method, wrapper in (
        (_SYNC, "handle_request", _handler(sync_stream)),
        (_ASYNC, "handle_async_request", _async_handler(async_stream)),
    ):
        transports = (getattr(module, name, None) for name in names)
        found += [Patch(transport, method, wrapper) for transport in transports if transport is not None]
    return found


class _Stream:
    """A stream as it is read, and closed."""

    def __init__(self, stream: Any, observer: Observer) -> None:
        self._stream, self._observer = stream, observer

    def __iter__(self) -> Parts:
        return Parts(iter(self._stream), self._observer)

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._observer.end(is_whole=False)


class _AsyncParts:
    __slots__ = ("_observer", "_parts")

    def __init__(self, parts: Any, observer: Observer) -> None:
        self._parts, self._observer = parts, observer

    def __aiter__(self) -> _AsyncParts:
        return self

    async def __anext__(self) -> Any:
        try:
            part = await anext(self._parts)
        except StopAsyncIteration:
            self._observer.end()
            raise
        except BaseException:
            self._observer.end(is_whole=False)
            raise
        self._observer.see(part)
        return part


class _AsyncStream:
    """Likewise, on an event loop."""

    def __init__(self, stream: Any, observer: Observer) -> None:
        self._stream, self._observer = stream, observer

    def __aiter__(self) -> _AsyncParts:
        return _AsyncParts(aiter(self._stream), self._observer)

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._observer.end(is_whole=False)


def _handler(kind: type) -> Wrapper:
    def handle(wrapped: Any, _transport: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        exchange = _Exchange.begin(kind, args, kwargs)
        if exchange is None:
            return wrapped(*args, **kwargs)
        try:
            response = wrapped(*args, **kwargs)
        finally:
            exchange.sent()
        exchange.watch(response)
        return response

    return handle


def _async_handler(kind: type) -> Wrapper:
    async def handle(wrapped: Any, _transport: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        exchange = _Exchange.begin(kind, args, kwargs)
        if exchange is None:
            return await wrapped(*args, **kwargs)
        try:
            response = await wrapped(*args, **kwargs)
        finally:
            exchange.sent()
        exchange.watch(response)
        return response

    return handle


class _Exchange:
    """One request that a transport handles."""

    __slots__ = ("_call", "_kind", "_observer", "_ours", "_request", "_stream")

    def __init__(self, kind: type, call: Call, request: Any) -> None:
        self._kind, self._call, self._request = kind, call, request
        self._stream: Any = None
        self._ours: Any = None
        self._observer: Observer | None = None

    @staticmethod
    @harmless
    def begin(kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Exchange | None:
        """See the request, if it is one that belongs to a log."""
        request = args[0] if args else kwargs["request"]
        call = begin(request.method, str(request.url))
        if call is None:
            return None
        exchange = _Exchange(kind, call, request)
        exchange._watch_request()
        return exchange

    def _watch_request(self) -> None:
        request = self._request
        content = request.__dict__.get("_content")
        observer = self._call.see_request(request.headers.multi_items(), has_body=content != b"")
        if observer is None:
            return
        if content is not None:
            observer.see(content)
            observer.end()
            return
        self._observer, self._stream = observer, request.stream
        request.stream = self._ours = self._kind(request.stream, observer)

    @harmless
    def sent(self) -> None:
        """The transport is done with the request."""
        if self._observer is not None:
            if self._request.stream is self._ours:  # and nobody has put another there
                self._request.stream = self._stream
            self._observer.end(is_whole=False)

    @harmless
    def watch(self, response: Any) -> None:
        """See what came back."""
        content = response.__dict__.get("_content")
        observer = self._call.see_response(
            response.status_code, response.headers.multi_items(), is_encoded=content is None
        )
        if observer is None:
            return
        if content is None:
            response.stream = self._kind(response.stream, observer)
        else:
            observer.see(content)
            observer.end()
