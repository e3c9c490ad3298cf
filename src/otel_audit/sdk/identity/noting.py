"""What frameworks know of the user, into the scope of the request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from otel_audit.convert.span_notes import Actor, BearerToken, Scope
from otel_audit.sdk.identity.wishes import WISHES
from otel_audit.tokens.place import find_token

__all__ = ["actor_of", "note_token", "note_user"]

_SAID: str = "set_user"


def actor_of(
    user: Any,
    origin: str,
    default_id: Callable[[Any], object],
    *,
    name: Callable[[Any], object],
    roles: Callable[[Any], Iterable[object]],
) -> Actor | None:
    """What a framework's user object says; ``None`` where it is no such object.

    Args:
        user: has ``is_authenticated``.
        origin: name of the framework.
        default_id: gives its id, unless a setting names an attribute.
        name: gives its name; asked only if that is written, like the e-mail address and the roles.
        roles: gives its roles.
    """
    authenticated = getattr(user, "is_authenticated", None)
    if authenticated is None:
        return None
    if not (authenticated() if callable(authenticated) else authenticated):
        return Actor(None, "anonymous", origin=origin)
    wishes = WISHES.now
    user_id = next((found for attribute in wishes.attributes if (found := _read(user, attribute))), None)
    if user_id is None:
        user_id = default_id(user)
    if user_id is None or user_id == "":
        return None
    fields = wishes.fields
    return Actor(
        str(user_id),
        name=_text(name(user)) if "name" in fields else None,
        email=_text(getattr(user, "email", None)) if "email" in fields else None,
        roles=tuple(role for role in map(_text, roles(user)) if role) if "roles" in fields else (),
        origin=origin,
        auth={"method": "session"},
    )


def note_user(scope: Scope, user: Actor) -> None:
    """It is this one, as a framework has it.

    What the application itself said is not replaced, and nobody becomes unknown by logging out: who asked to be
    logged out is who it was.
    """
    known = scope.user
    if known is None or known.origin != _SAID:
        if user.id or known is None or not known.id:
            scope.identify(user, time.time_ns())
    elif user.id and user.id != known.id:
        claim = (user.origin, user.id)
        if claim not in scope.claims:
            scope.claims = (*scope.claims, claim)


def note_token(scope: Scope, read: Callable[[str], str]) -> None:
    """Keep the token that a request brought until it is checked, if any is.

    Args:
        scope: of the request.
        read: gives a header's value by its lower-case name, ``""`` where there is none.
    """
    wishes = WISHES.now
    if scope.token is None:
        for header, cookie in wishes.tokens:
            if text := find_token(header, cookie, read):
                scope.token = BearerToken(text, time.time_ns(), wishes.checkers)
                return


def _read(user: Any, attribute: str) -> object:
    value = attrgetter(attribute)(user)
    return value() if callable(value) else value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
