"""urllib3, and requests, whose adapter sends by it (ADR 0070).

Rules:

- The body of a response is seen where urllib3 takes it from the socket: whole or in chunks, by ``read``,
  ``stream``, ``data`` or requests' ``iter_content``, it comes through one of two methods, as it was sent.
- urllib3 calls its own ``urlopen`` to try again and to follow redirects; whoever is innermost sees the response.
- What an application drops without closing it is closed when it is collected. Nothing here holds on to it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from otel_audit.sdk.capture.clients.call import Call, begin, harmless
from otel_audit.sdk.capture.clients.observer import Observer
from otel_audit.sdk.capture.clients.outgoing import is_watched, watch
from otel_audit.sdk.capture.clients.patches import Patch, Wrapper

__all__ = ["patches"]

_ARGUMENTS: Final = ("method", "url", "body", "headers")
"""Of ``urlopen``, in order."""

_SEEN: Final = "_otel_audit_observer"
"""Member of a response's ``__dict__``: what sees its body, or ``None`` where nobody does."""


def patches(module: ModuleType) -> list[Patch]:
    """What is wrapped in urllib3, 1.26 and later."""
    response = module.response.HTTPResponse
    wrappers: tuple[tuple[type, str, Wrapper], ...] = (
        (module.connectionpool.HTTPConnectionPool, "urlopen", _urlopen),
        (response, "_fp_read", _read),
        (response, "_handle_chunk", _read_chunk),
        (response, "_update_chunk_length", _begin_chunk),
        (response, "close", _close),
    )
    return [Patch(*wrapper) for wrapper in wrappers]


def _urlopen(wrapped: Any, pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    begun = _begin(pool, args, kwargs)
    if begun is None:
        return wrapped(*args, **kwargs)
    call, sent, args, kwargs = begun
    try:
        response = wrapped(*args, **kwargs)
    finally:
        if sent is not None:
            sent.end(is_whole=False)
    _watch_response(call, response)
    return response


@harmless
def _begin(
    pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call, Observer | None, tuple[Any, ...], dict[str, Any]] | None:
    """See the request, and put what shows its body to us in the place of it."""
    given = dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
    call = begin(
        str(given.get("method")).upper(), f"{pool.scheme}://{pool.host}:{pool.port} {given.get('url')}"
    )
    if call is None:
        return None
    body, headers = given.get("body"), given.get("headers")
    if headers is None:
        headers = pool.headers
    pairs = list((headers or {}).items())
    observer = call.see_request(pairs, has_body=body is not None and not is_watched(body))
    if observer is not None:
        seen = watch(body, observer, lambda again: call.start_over(again, pairs), call.max_bytes)
        if seen is not body:
            if len(args) > _ARGUMENTS.index("body"):
                args = (*args[:2], seen, *args[3:])
            else:
                kwargs = {**kwargs, "body": seen}
    return call, observer, args, kwargs


@harmless
def _watch_response(call: Call, response: Any) -> None:
    members = response.__dict__
    if _SEEN in members:  # by the call that followed a redirect, or tried again
        return
    members[_SEEN] = None
    loaded = members.get("_body")
    is_decoded = loaded is not None and response.decode_content and members.get("_decoder") is not None
    observer = call.see_response(response.status, response.headers.items(), is_encoded=not is_decoded)
    if observer is None:
        return
    if loaded is not None:
        observer.see(loaded)
        observer.end()
    elif "_fp" not in members or members.get("length_remaining") == 0 or _is_closed(response):
        observer.end()
    else:
        members[_SEEN] = observer


def _read(wrapped: Any, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    observer = response.__dict__.get(_SEEN)
    if observer is None:
        return wrapped(*args, **kwargs)
    try:
        content = wrapped(*args, **kwargs)
    except BaseException as error:
        _fail(observer, error)
        raise
    _see_read(response, observer, content, args, kwargs)
    return content


@harmless
def _see_read(
    response: Any, observer: Observer, content: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    if content:
        observer.see(content)
    size = args[0] if args else kwargs.get("amt")
    is_at_end = not content and size != 0
    if is_at_end or (size is None and not kwargs.get("read1")) or _is_closed(response):
        left = response.length_remaining  # before this
        observer.end(is_whole=left is None or left <= len(content or b""))


def _read_chunk(wrapped: Any, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    observer = response.__dict__.get(_SEEN)
    if observer is None:
        return wrapped(*args, **kwargs)
    try:
        content = wrapped(*args, **kwargs)
    except BaseException as error:
        _fail(observer, error)
        raise
    if content:
        observer.see(content)
    return content


def _begin_chunk(wrapped: Any, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    observer = response.__dict__.get(_SEEN)
    if observer is None:
        return wrapped(*args, **kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        _fail(observer, error)
        raise
    if response.chunk_left == 0:
        observer.end()
    return result


def _close(wrapped: Any, response: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    observer = response.__dict__.get(_SEEN)
    try:
        return wrapped(*args, **kwargs)
    finally:
        if observer is not None:
            observer.end(is_whole=False)


def _fail(observer: Observer, error: BaseException) -> None:
    """What had come before an error, which ``http.client`` hands on with it, was a part of the body."""
    partial = getattr(error, "partial", None)
    if isinstance(partial, bytes):
        observer.see(partial)
    observer.end(is_whole=False)


def _is_closed(response: Any) -> bool:
    file = response._fp
    try:
        return bool(file.isclosed())
    except AttributeError:
        return file is None or bool(getattr(file, "closed", False))
