"""Flask-Login's ``current_user``: taken where Flask-Login has just loaded it, and never the reason that it does."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from otel_audit.convert.span_notes import Actor
from otel_audit.sdk.identity.noting import actor_of, note_token, note_user
from otel_audit.sdk.identity.wishes import WISHES
from otel_audit.sdk.notes import open_scope

__all__ = ["around_dispatch", "around_finalize", "around_update"]

_ORIGIN: Final = "flask-login"
_LOGIN: Final = "flask_login"


def around_dispatch(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``Flask.dispatch_request``, which calls the view."""
    _look()
    return wrapped(*args, **kwargs)


def around_finalize(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``Flask.finalize_request``, which is called too where the view was not."""
    _look()
    return wrapped(*args, **kwargs)


def around_update(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``LoginManager._update_request_context_with_user``, called with whoever was loaded, logged in or out.

    Logging out loads first whom it is about.
    """
    result = wrapped(*args, **kwargs)
    with suppress(Exception):
        _note(args[0] if args else kwargs.get("user"))
    return result


def _look() -> None:
    """Look for a token, and for a user who was loaded before the span of the request began."""
    tokens = WISHES.now.tokens
    if not tokens and _LOGIN not in sys.modules:
        return
    with suppress(Exception):
        scope = open_scope()
        if scope is None:
            return
        from flask import g, request  # noqa: PLC0415

        if not scope.users and _LOGIN in sys.modules and (user := g.get("_login_user")) is not None:
            _note(user)
        if tokens and scope.token is None:
            note_token(scope, lambda name: request.headers.get(name, ""))


def _note(user: Any) -> None:
    scope = open_scope()
    actor = (
        Actor(None, "anonymous", origin=_ORIGIN)
        if user is None
        else actor_of(user, _ORIGIN, lambda user: user.get_id(), name=_name, roles=_roles)
    )
    if scope is not None and actor is not None:
        note_user(scope, actor)


def _name(user: Any) -> object:
    return getattr(user, "name", None)


def _roles(user: Any) -> Iterable[object]:
    roles = getattr(user, "roles", ())
    return roles if isinstance(roles, list | tuple | set | frozenset) else ()
