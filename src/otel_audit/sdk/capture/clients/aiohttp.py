"""aiohttp's client.

Rules:

- The body of a request is seen as it is given to the writer, before aiohttp compresses or chunks it.
- A response's ``content`` is stood in for: whatever reads it, and however, takes it from one method of the reader
  piece by piece, and that method is ours. What is decompressed by then is seen so.
- Redirects and repetitions are requests of one call, below one span.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from otel_audit.sdk.capture.clients.call import Call, begin, harmless
from otel_audit.sdk.capture.clients.observer import Observer
from otel_audit.sdk.capture.clients.patches import Patch, Proxy

__all__ = ["patches"]

_CALL: Final = "_otel_audit_call"
"""Member of a response's ``__dict__`` until its head is here: the call, and whether aiohttp decompresses."""

_SENT: Final = "_otel_audit_observer"
"""Member of a request's: what is to see its body."""

_READS: Final = ("read", "readany", "readline", "readuntil", "readchunk", "readexactly", "wait_eof")
"""Coroutines of aiohttp's ``StreamReader`` that may take from it."""

_ITERATIONS: Final = (
    "__aiter__", "iter_any", "iter_chunked", "iter_chunks", "read_nowait", "_read_nowait",
)  # fmt: skip
"""What else calls them, or what they call."""


def patches(module: ModuleType) -> list[Patch]:
    """What is wrapped in aiohttp, 3.10 and later."""
    return [
        Patch(module.ClientRequest, "send", _send),
        Patch(module.ClientRequest, "write_bytes", _write_bytes),
        Patch(module.ClientResponse, "start", _start),
    ]


async def _send(wrapped: Any, request: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = _begin(request)
    response = await wrapped(*args, **kwargs)
    if call is not None:
        session = request.__dict__.get("_session")
        response.__dict__[_CALL] = call, getattr(session, "auto_decompress", True)
    return response


@harmless
def _begin(request: Any) -> Call | None:
    call = begin(request.method, str(request.url))
    if call is not None:
        observer = call.see_request(
            request.headers.items(), has_body=bool(request.body), is_encoded=not request.compress
        )
        if observer is not None:
            request.__dict__[_SENT] = observer
    return call


async def _write_bytes(wrapped: Any, request: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    observer = request.__dict__.pop(_SENT, None)
    if observer is None or not args:
        return await wrapped(*args, **kwargs)
    try:
        return await wrapped(_Writer(args[0], observer), *args[1:], **kwargs)
    finally:
        observer.end(is_whole=False)


class _Writer(Proxy):
    """The writer of a request."""

    def __init__(self, writer: Any, observer: Observer) -> None:
        super().__init__(writer)
        self._self_observer = observer

    async def write(self, chunk: Any, *args: Any, **kwargs: Any) -> Any:
        self._self_observer.see(chunk)
        return await self.__wrapped__.write(chunk, *args, **kwargs)

    async def write_eof(self, chunk: Any = b"", *args: Any, **kwargs: Any) -> Any:
        if chunk:
            self._self_observer.see(chunk)
        self._self_observer.end()
        return await self.__wrapped__.write_eof(chunk, *args, **kwargs)


async def _start(wrapped: Any, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = await wrapped(*args, **kwargs)
    expected = response.__dict__.pop(_CALL, None)
    if expected is not None:
        _watch(response, *expected)
    return result


@harmless
def _watch(response: Any, call: Call, decompresses: bool) -> None:
    content = response.content
    if hasattr(content, "total_compressed_bytes"):  # since 3.12
        is_decoded = content.total_compressed_bytes is not None
    else:
        is_decoded = decompresses and "content-encoding" in response.headers
    observer = call.see_response(response.status, response.headers.items(), is_encoded=not is_decoded)
    if observer is None:
        return
    if content.at_eof():
        observer.end()
    elif hasattr(type(content), "_read_nowait_chunk"):
        response.content = _Content(content, observer)
        content.on_eof(lambda: observer.end() if content.at_eof() else None)
    else:
        observer.end(is_whole=False)


class _Content(Proxy):
    """The reader of a response: its own methods, run on this in its place, so that they all read through it."""

    def __init__(self, content: Any, observer: Observer) -> None:
        super().__init__(content)
        self._self_observer = observer
        self._self_is_put_back = 0

    def _read_nowait_chunk(self, size: int) -> Any:
        chunk = self.__wrapped__._read_nowait_chunk(size)
        again = min(self._self_is_put_back, len(chunk))
        self._self_is_put_back -= again
        self._self_observer.see(chunk[again:] if again else chunk)
        return chunk

    def unread_data(self, data: Any) -> None:
        self.__wrapped__.unread_data(data)
        self._self_is_put_back += len(data)

    def set_exception(self, *args: Any, **kwargs: Any) -> None:
        """A response that is closed fails its reader."""
        self._self_look()
        self.__wrapped__.set_exception(*args, **kwargs)
        self._self_look()

    def _self_look(self) -> None:
        if self.__wrapped__.exception() is not None:
            self._self_observer.end(is_whole=False)
        elif self.__wrapped__.at_eof():
            self._self_observer.end()


def _reading(name: str) -> Callable[..., Any]:
    async def read(self: _Content, *args: Any, **kwargs: Any) -> Any:
        try:
            return await getattr(type(self.__wrapped__), name)(self, *args, **kwargs)
        finally:
            self._self_look()

    return read


def _iterating(name: str) -> Callable[..., Any]:
    def iterate(self: _Content, *args: Any, **kwargs: Any) -> Any:
        return getattr(type(self.__wrapped__), name)(self, *args, **kwargs)

    return iterate


for _name in _READS:
    setattr(_Content, _name, _reading(_name))
for _name in _ITERATIONS:
    setattr(_Content, _name, _iterating(_name))
