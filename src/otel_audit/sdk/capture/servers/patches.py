"""The doors of frameworks, wrapped while something is captured.

What is wrapped is the method of a class by which a server calls an application. Nothing is put into a list of
the application's own (middleware, hooks, handlers), and whether an instrumentation comes before or after us
makes no difference: it starts its span inside of the door.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final, NamedTuple

from otel_audit.sdk.capture.active import active
from otel_audit.sdk.capture.servers import asgi, wsgi
from otel_audit.sdk.identity.imports import ImportWatcher

__all__ = ["keep_up"]

_log = logging.getLogger(__name__)


class _Door(NamedTuple):
    """A class with the ``__call__`` that a server calls."""

    module: str
    name: str
    wrap: Callable[[Any], Any]


def _around_wsgi(door: Any) -> Any:
    @functools.wraps(door)
    def answer(self: Any, environ: Any, start_response: Any) -> Iterable[bytes]:
        return wsgi.serve(functools.partial(door, self), environ, start_response)

    return answer


def _around_asgi(door: Any) -> Any:
    @functools.wraps(door)
    async def answer(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await asgi.serve(functools.partial(door, self), scope, receive, send)

    return answer


_DOORS: Final = (
    _Door("flask.app", "Flask", _around_wsgi),
    _Door("django.core.handlers.wsgi", "WSGIHandler", _around_wsgi),
    _Door("django.core.handlers.asgi", "ASGIHandler", _around_asgi),
    _Door("starlette.applications", "Starlette", _around_asgi),
    _Door("opentelemetry.instrumentation.wsgi", "OpenTelemetryMiddleware", _around_wsgi),
    _Door("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware", _around_asgi),
)

_wrapped: Final[dict[_Door, tuple[Any, Any, Any]]] = {}
"""Door → its class, the method that was there and the one that is."""


def keep_up() -> None:
    """Wrap doors where something is captured now, and put back what was there where nothing is any more."""
    if active() is not None:
        _watcher.watch()
        return
    _watcher.stop()
    for door, (owner, before, now) in list(_wrapped.items()):
        # What somebody else has wrapped since stays, and passes everything on.
        if vars(owner).get("__call__") is now:
            owner.__call__ = before
            del _wrapped[door]


def _wrap(module: ModuleType) -> None:
    """Called by the import system, whose caller is the application: never raises."""
    for door in _DOORS:
        if door.module != module.__name__ or door in _wrapped or active() is None:
            continue
        try:
            owner = getattr(module, door.name)
            before = vars(owner)["__call__"]
            owner.__call__ = now = door.wrap(before)
            _wrapped[door] = owner, before, now
        except Exception as error:  # noqa: BLE001  (another version: its bodies stay unseen)
            _log.warning("%s.%s is not as known: %s", door.module, door.name, type(error).__name__)


_watcher: Final = ImportWatcher({door.module for door in _DOORS}, _wrap)
