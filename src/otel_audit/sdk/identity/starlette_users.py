"""Starlette's and FastAPI's ``request.user``: what an authentication middleware has put into the ASGI scope."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from otel_audit.convert.span_notes import Scope
from otel_audit.sdk.identity.noting import actor_of, note_token, note_user
from otel_audit.sdk.identity.wishes import WISHES
from otel_audit.sdk.notes import open_scope

__all__ = ["around_middleware", "around_router", "header_of"]

_ORIGIN: Final = "starlette"
_CALLS: Final = ("http", "websocket")


def around_middleware(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``AuthenticationMiddleware.__call__``, which puts the user into the scope before it calls what is inside."""
    asgi = _call(args, kwargs)
    return wrapped(*args, **kwargs) if asgi is None else _watched(wrapped, args, kwargs, asgi)


def around_router(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``Router.__call__``, inside of all middleware: whichever put a user there has done so by now."""
    asgi = _call(args, kwargs)
    if asgi is None or ("user" not in asgi and not WISHES.now.tokens):
        return wrapped(*args, **kwargs)
    return _watched(wrapped, args, kwargs, asgi)


def _call(args: Any, kwargs: Any) -> dict[str, Any] | None:
    asgi = args[0] if args else kwargs.get("scope")
    return asgi if isinstance(asgi, dict) and asgi.get("type") in _CALLS else None


async def _watched(wrapped: Any, args: Any, kwargs: Any, asgi: dict[str, Any]) -> Any:
    scope, before = None, None
    with suppress(Exception):
        scope = open_scope()
        if scope is not None:
            note_token(scope, partial(header_of, asgi))
            before, scope.reader = scope.reader, partial(_look, asgi, scope)
    try:
        if scope is not None:
            _look(asgi, scope)
        return await wrapped(*args, **kwargs)
    finally:
        if scope is not None:
            scope.reader = before
            _look(asgi, scope)


def _look(asgi: dict[str, Any], scope: Scope) -> None:
    with suppress(Exception):
        user = asgi.get("user")
        if user is not None:
            actor = actor_of(user, _ORIGIN, _identity, name=_name, roles=lambda _: _scopes(asgi))
            if actor is not None:
                note_user(scope, actor)


def header_of(asgi: dict[str, Any], name: str) -> str:
    """The first value of a request's header, by its lower-case name; ``""`` where there is none."""
    wanted = name.encode()
    for key, value in asgi["headers"]:
        if key.lower() == wanted:
            return str(value, "latin-1")
    return ""


def _identity(user: Any) -> object:
    """``identity`` is what Starlette has for it, and its own ``SimpleUser`` does not implement it."""
    for attribute in ("identity", "id", "username", "display_name"):
        with suppress(NotImplementedError, AttributeError):
            if value := getattr(user, attribute):
                return value
    return None


def _name(user: Any) -> object:
    return getattr(user, "display_name", None)


def _scopes(asgi: dict[str, Any]) -> Iterable[object]:
    return [name for name in getattr(asgi.get("auth"), "scopes", ()) if name != "authenticated"]
