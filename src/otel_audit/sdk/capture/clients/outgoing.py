"""Bodies of requests that come from a file or in parts: seen as they are sent, never read or rewound by us.

What stands in for them looks like them to whoever sends them: a length, a position or a type decide between
``Content-Length`` and chunks, and whether a body can be sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from otel_audit.sdk.capture.clients.observer import Observer
from otel_audit.sdk.capture.clients.patches import Proxy

__all__ = ["Parts", "is_watched", "watch"]

_BUFFERS = bytes | bytearray | memoryview


def watch(body: Any, observer: Observer, start_over: Callable[[Observer], None], max_bytes: int) -> Any:
    """See a body.

    Args:
        body: bytes, text, a file, or anything that gives parts.
        observer: sees it.
        start_over: called when it will be sent from its beginning again.
        max_bytes: of a text, what may be of interest.

    Returns:
        What is to be sent in its place.
    """
    if isinstance(body, str):
        observer.see(body[: max_bytes + 1])
    elif isinstance(body, _BUFFERS):
        observer.see(body)
    elif hasattr(body, "read"):
        return _File(body, observer, start_over)
    else:
        try:
            observer.see(memoryview(body).cast("B"))
        except TypeError:
            return _Iterable(body, observer)
    observer.end()
    return body


def is_watched(body: Any) -> bool:
    """Whether this is what :func:`watch` gave, as it is where somebody tries again."""
    return type(body) in (_File, _Iterable)


class Parts:
    """Parts of a body, seen as they are taken."""

    __slots__ = ("_observer", "_parts")

    def __init__(self, parts: Iterator[Any], observer: Observer) -> None:
        self._parts, self._observer = parts, observer

    def __iter__(self) -> Parts:
        return self

    def __next__(self) -> Any:
        try:
            part = next(self._parts)
        except StopIteration:
            self._observer.end()
            raise
        except BaseException:
            self._observer.end(is_whole=False)
            raise
        self._observer.see(part)
        return part


class _Iterable(Proxy):
    """A body that gives its parts."""

    def __init__(self, body: Any, observer: Observer) -> None:
        super().__init__(body)
        self._self_observer = observer

    def __iter__(self) -> Iterator[Any]:
        return Parts(iter(self.__wrapped__), self._self_observer)


class _File(_Iterable):
    """A body that is read."""

    def __init__(self, body: Any, observer: Observer, start_over: Callable[[Observer], None]) -> None:
        super().__init__(body, observer)
        self._self_start_over = start_over
        self._self_is_begun = False

    def read(self, *args: Any, **kwargs: Any) -> Any:
        try:
            part = self.__wrapped__.read(*args, **kwargs)
        except BaseException:
            self._self_observer.end(is_whole=False)
            raise
        self._self_is_begun = True
        if part:
            self._self_observer.see(part)
        else:
            self._self_observer.end()
        return part

    def seek(self, *args: Any, **kwargs: Any) -> Any:
        position = self.__wrapped__.seek(*args, **kwargs)
        if self._self_is_begun:
            self._self_is_begun = False
            self._self_start_over(self._self_observer)
        return position
