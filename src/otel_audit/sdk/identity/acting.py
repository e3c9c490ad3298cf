"""What an application says of who acts: ``set_user`` and ``acting_as``."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextvars import Token
from types import TracebackType
from typing import Final, Literal

from otel_audit.convert.span_notes import Actor
from otel_audit.convert.spans import Value
from otel_audit.errors import InputError
from otel_audit.sdk.identity.attached import is_attached
from otel_audit.sdk.notes import acting_for, open_scope

__all__ = ["acting_as", "set_user"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 60.0

_ANONYMOUS: Final = "anonymous"
_TYPES: Final = ("user", "service", "system")
_DECISIONS: Final = ("allow", "deny", "unknown")


class _Said:
    at_s = float("-inf")


def set_user(
    id: object = None,  # noqa: A002  (the word that the record and OpenTelemetry use)
    *,
    email: str | None = None,
    roles: Sequence[str] = (),
    name: str | None = None,
    type: Literal["user", "service", "system", "anonymous"] = "user",  # noqa: A002  (likewise)
    method: str | None = None,
    session_id: str | None = None,
    credential_id: str | None = None,
    mfa: bool | None = None,
    decision: Literal["allow", "deny", "unknown"] | None = None,
    policy: str | None = None,
    reason: str | None = None,
) -> bool:
    """Say who makes the current request; the application vouches for it, so it is ``verified``.

    Holds for the record of the request itself and of everything below it that ends from now on: calls to models
    and services, tools, in tasks and in threads that carry the context. Never for another request. What anybody
    else says it is stands in ``userClaims``.

    Args:
        id: stable, unique in the application: a text, a number, a UUID. Without one, ``type`` is
            ``anonymous``: nobody is logged in.
        email: written only if ``identity.fields`` lists it; so are ``roles`` and ``name``.
        roles: as the application names them.
        name: of the person.
        type: what it is.
        method: how it was authenticated: ``password``, ``oidc``, ``api-key`` …
        session_id: written as a pseudonym; withheld where there is no masking key.
        credential_id: likewise.
        mfa: whether more than one factor was asked for.
        decision: what was decided.
        policy: by which policy.
        reason: why.

    Returns:
        Whether there is a request to say it of; outside of every span there is none, and nothing happens.

    Raises:
        InputError: ``type`` or ``decision`` is a word that is not accepted.
    """
    if type not in (*_TYPES, _ANONYMOUS):
        raise InputError(f"type is one of {', '.join(_TYPES)}, {_ANONYMOUS}")
    if decision is not None and decision not in _DECISIONS:
        raise InputError(f"decision is one of {', '.join(_DECISIONS)}")
    scope = open_scope()
    if scope is None:
        _say_nowhere()
        return False
    named = "" if id is None or type == _ANONYMOUS else str(id)
    auth: dict[str, Value] = {
        "method": _text(method),
        "sessionId": _text(session_id),
        "credentialId": _text(credential_id),
        "mfa": None if mfa is None else bool(mfa),
        "decision": decision,
        "policy": _text(policy),
        "reason": _text(reason),
    }
    user = Actor(
        named or None,
        type if named else _ANONYMOUS,
        _text(name),
        _text(email),
        (roles,) if isinstance(roles, str) else tuple(map(str, roles)),
        auth={member: value for member, value in auth.items() if value is not None},
    )
    scope.identify(user, time.time_ns())
    return True


class acting_as:  # noqa: N801  (used as a statement: with acting_as(...))
    """For whom the caller acts within the block: impersonation, delegation, an agent at work for somebody.

    ``with`` and ``async with``; may be nested. ``onBehalfOf`` of every span that begins or ends within, and of the
    request that the outermost block is part of. ``user`` stays whoever authenticated.

    Args:
        id: stable, unique in the application: a text, a number, a UUID.
        type: what it is.

    Raises:
        InputError: ``type`` is a word that is not accepted.
    """

    def __init__(
        self,
        id: object,  # noqa: A002  (the word that the record uses)
        type: Literal["user", "service", "system"] = "user",  # noqa: A002  (likewise)
    ) -> None:
        if type not in _TYPES:
            raise InputError(f"type is one of {', '.join(_TYPES)}")
        self._actor = Actor(str(id), type, origin="acting_as")
        self._tokens: list[tuple[Token[Actor | None], Actor | None]] = []

    def __enter__(self) -> None:
        before, scope = acting_for.get(), open_scope()
        if scope is not None and scope.on_behalf_of is None:
            scope.on_behalf_of = self._actor
        self._tokens.append((acting_for.set(self._actor), before))

    def __exit__(
        self,
        kind: object = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        token, before = self._tokens.pop()
        try:
            acting_for.reset(token)
        except ValueError:  # a generator that began in one context is closed in another
            acting_for.set(before)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__()


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _say_nowhere() -> None:
    now_s = time.monotonic()
    if is_attached() and now_s - _Said.at_s >= _EVERY_S:
        _Said.at_s = now_s
        _log.warning("set_user was called outside of every span: there is no request to say it of")
