"""A WSGI application (PEP 3333) seen from outside: nothing is read, held back or changed on its way.

What the application reads of the request is seen as it reads it, what it answers as the server takes it. A list
of parts goes to the server as it is, and so does a file that the server may send by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeAlias

from otel_audit.sdk.capture.active import Capture, active
from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.capture.exchange import Exchange, announce, take_back
from otel_audit.sdk.capture.servers.wsgi_input import Input

__all__ = ["AuditWSGIMiddleware", "serve"]

_Environ: TypeAlias = dict[str, Any]
_App: TypeAlias = Callable[[_Environ, Any], Iterable[bytes]]

_SEEN: Final = "otel_audit.seen"
"""Member of an environment of which an outer wrapper sees everything already."""

_NO_BODY: Final = ("1", "204", "304")
"""How the status of a response begins that has no body (RFC 9110)."""


class AuditWSGIMiddleware:
    """Shows an application's requests and responses to the audit log, as far as ``[capture]`` asks for them.

    Flask and Django need none; it is for other WSGI applications. It belongs around whatever starts the server
    span, or directly inside of it.

    Args:
        app: the application.
    """

    def __init__(self, app: _App) -> None:
        self.app = app

    def __call__(self, environ: _Environ, start_response: Any) -> Iterable[bytes]:
        return serve(self.app, environ, start_response)


def serve(app: _App, environ: _Environ, start_response: Any) -> Iterable[bytes]:
    """Answer a request by ``app``, which gets and gives what it would without us."""
    capture = active()
    if capture is None or _SEEN in environ:
        return app(environ, start_response)
    call = _Call(capture, environ, start_response)
    token = announce(call.exchange)
    try:
        parts = app(environ, call.start_response)
    except BaseException:
        call.exchange.end()
        raise
    finally:
        take_back(token)
    return call.seen(parts)


class _Call:
    """One request and its response."""

    def __init__(self, capture: Capture, environ: _Environ, start_response: Any) -> None:
        self.exchange = Exchange(capture)
        self._start = start_response
        self._is_head = environ.get("REQUEST_METHOD") == "HEAD"
        self._file_wrapper = environ.get("wsgi.file_wrapper")
        self._files: list[Any] = []
        with suppress(Exception):  # an environment may hold anything
            self._see_request(environ)

    def _see_request(self, environ: _Environ) -> None:
        environ[_SEEN] = True
        recorder = self.exchange.see_request(
            _headers(environ), environ.get("CONTENT_TYPE") or "", environ.get("HTTP_CONTENT_ENCODING") or ""
        )
        if recorder is not None:
            length = str(environ.get("CONTENT_LENGTH") or "")
            expected = int(length) if length.isdecimal() else None
            has_end = "HTTP_TRANSFER_ENCODING" in environ or environ.get("wsgi.input_terminated")
            if expected == 0 or (expected is None and not has_end):
                recorder.end()  # there is none
            else:
                environ["wsgi.input"] = Input(environ["wsgi.input"], recorder, expected)
        if self._file_wrapper is not None and not isinstance(self._file_wrapper, type):
            # A function, as uWSGI has: what it makes is known by having been made here.
            environ["wsgi.file_wrapper"] = self._wrap_file

    def _wrap_file(self, *arguments: Any) -> Any:
        wrapped = self._file_wrapper(*arguments)  # type: ignore[misc]  # put in its place only where there is one
        self._files.append(wrapped)
        return wrapped

    def start_response(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        """What the application calls in the place of the server's."""
        recorder = None
        with suppress(Exception):
            recorder = self._see_head(status, headers)
        write = self._start(status, headers, *exc_info)
        return write if recorder is None else _observed_write(write, recorder)

    def _see_head(self, status: str, headers: list[tuple[str, str]]) -> BodyRecorder | None:
        media_type = encoding = ""
        for name, value in headers:
            match name.lower():
                case "content-type":
                    media_type = value
                case "content-encoding":
                    encoding = value
        recorder = self.exchange.see_response(headers, media_type, encoding)
        if recorder is not None and (self._is_head or status.startswith(_NO_BODY)):
            recorder.end()
        return recorder

    def seen(self, parts: Iterable[bytes]) -> Iterable[bytes]:
        """What the server gets: the very same object, where it can be seen without standing in between."""
        exchange = self.exchange
        if isinstance(parts, list | tuple):
            if exchange.response is not None:
                for part in parts:
                    exchange.response.write(part)
                exchange.response.end()
            exchange.end()
            return parts
        if self._is_file(parts):
            if exchange.response is not None:
                exchange.response.withhold("file")
            exchange.end()
            return parts
        return _SizedParts(parts, exchange) if hasattr(parts, "__len__") else _Parts(parts, exchange)

    def _is_file(self, parts: object) -> bool:
        wrapper = self._file_wrapper
        if isinstance(wrapper, type):
            return isinstance(parts, wrapper)
        return any(parts is file for file in self._files)


class _Parts:
    """The parts of a response as the server takes them."""

    def __init__(self, parts: Iterable[bytes], exchange: Exchange) -> None:
        self._parts, self._exchange = parts, exchange
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._begun()
        return self

    def _begun(self) -> Iterator[bytes]:
        # Not before the server does: what a response raises there is the server's to hear.
        iterator = self._iterator
        if iterator is None:
            iterator = self._iterator = iter(self._parts)
        return iterator

    def __next__(self) -> bytes:
        try:
            part = next(self._begun())
        except StopIteration:
            if self._exchange.response is not None:
                self._exchange.response.end()
            raise
        except BaseException:
            self._exchange.end()
            raise
        if self._exchange.response is not None:
            self._exchange.response.write(part)
        return part

    def close(self) -> None:
        """Called by the server in any case, and then nothing more comes."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._exchange.end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parts, name)

    def __del__(self) -> None:
        with suppress(AttributeError):
            self._exchange.end()


class _SizedParts(_Parts):
    """Of a response that knows how many they are: servers make a ``Content-Length`` of it where it is one."""

    def __len__(self) -> int:
        return len(self._parts)  # type: ignore[arg-type]  # looked up before


def _observed_write(write: Callable[[bytes], object], recorder: BodyRecorder) -> Callable[[bytes], object]:
    def observed(part: bytes) -> object:
        recorder.write(part)
        return write(part)

    return observed


def _headers(environ: _Environ) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:], value
        elif name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value:
            yield name, value
