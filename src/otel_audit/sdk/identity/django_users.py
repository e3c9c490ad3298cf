"""Django's ``request.user``: read when it is resolved, and never the reason that it is.

``request.user`` is lazy, and asking it would be a query that the application did not make. So it is taken where
``django.contrib.auth`` has just resolved it, and looked at again, if it is no longer lazy, before what the view
starts and when the view is done: authentication classes and middleware set it by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from otel_audit.convert.span_notes import Scope
from otel_audit.sdk.identity.noting import actor_of, note_token, note_user
from otel_audit.sdk.notes import open_scope

__all__ = ["around_aget_user", "around_get_response", "around_get_response_async", "around_get_user"]

_ORIGIN: Final = "django"


def around_get_user(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``django.contrib.auth.get_user``."""
    user = wrapped(*args, **kwargs)
    _note(user)
    return user


def around_aget_user(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``django.contrib.auth.aget_user``."""

    async def resolve() -> Any:
        user = await wrapped(*args, **kwargs)
        _note(user)
        return user

    return resolve()


def around_get_response(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``BaseHandler._get_response``, which calls the view inside of all middleware."""
    with _watched(args, kwargs):
        return wrapped(*args, **kwargs)


def around_get_response_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """``BaseHandler._get_response_async``."""

    async def respond() -> Any:
        with _watched(args, kwargs):
            return await wrapped(*args, **kwargs)

    return respond()


@contextmanager
def _watched(args: Any, kwargs: Any) -> Iterator[None]:
    request, scope = args[0] if args else kwargs.get("request"), None
    with suppress(Exception):
        scope = open_scope()
        if scope is not None:
            note_token(scope, lambda name: request.headers.get(name, ""))
            scope.reader = partial(_look, request, scope)
    try:
        yield
    finally:
        if scope is not None:
            scope.reader = None
            _look(request, scope)


def _look(request: Any, scope: Scope) -> None:
    with suppress(Exception):
        user = vars(request).get("user")
        # isinstance() would resolve it: a lazy object gives the class of what it stands for.
        if user is not None and not _is_lazy(user):
            _note(user, scope)


def _is_lazy(user: object) -> bool:
    from django.utils.functional import LazyObject, empty  # type: ignore[import-untyped] # noqa: PLC0415

    return issubclass(type(user), LazyObject) and vars(user).get("_wrapped") is empty


def _note(user: Any, scope: Scope | None = None) -> None:
    with suppress(Exception):
        found = scope or open_scope()
        actor = actor_of(user, _ORIGIN, lambda user: user.pk, name=_name, roles=_roles)
        if found is not None and actor is not None:
            note_user(found, actor)


def _name(user: Any) -> object:
    return user.get_full_name() if hasattr(user, "get_full_name") else None


def _roles(user: Any) -> Iterator[object]:
    """What a user is without asking the database for groups."""
    for flag, role in (("is_superuser", "superuser"), ("is_staff", "staff")):
        if getattr(user, flag, False):
            yield role
