"""For which settings identity is read in this process, and what is patched while it is for any."""

from __future__ import annotations

import threading
from typing import Final

from otel_audit.config.identity import wants_tokens
from otel_audit.config.settings import Identity, Jwt
from otel_audit.sdk.identity import patches
from otel_audit.sdk.identity.wishes import WISHES, Wishes

__all__ = ["attach", "detach", "is_attached"]

_attached: Final[list[Identity]] = []
_lock: Final = threading.Lock()


class _State:
    propagates = False


def is_attached() -> bool:
    """Whether a door of ours is open."""
    return bool(_attached)


def attach(settings: Identity) -> None:
    """Read identity as these settings say. Each call is answered by one :func:`detach`."""
    with _lock:
        _attached.append(settings)
        _renew()


def detach(settings: Identity) -> None:
    """Read it for these settings no more; after the last, everything is as it was before."""
    with _lock:
        if settings in _attached:
            _attached.remove(settings)
            _renew()


def _renew() -> None:
    jwts = [one.jwt for one in _attached if wants_tokens(one.jwt)]
    WISHES.take(
        Wishes(
            fields=frozenset().union(*(one.fields for one in _attached)),
            attributes=tuple(dict.fromkeys(one.user_attribute for one in _attached if one.user_attribute)),
            tokens=tuple(dict.fromkeys((_header_name(jwt), jwt.cookie) for jwt in jwts)),
            checkers=len(jwts),
        )
    )
    if _attached:
        patches.apply(checks_tokens=bool(jwts))
    else:
        patches.restore()
    hosts = [host for one in _attached for host in one.propagate_to]
    if hosts or _State.propagates:
        # Not at the top: it loads the propagators, which the application may still want to choose.
        from otel_audit.sdk.identity.propagation import propagate_to  # noqa: PLC0415

        propagate_to(hosts)
        _State.propagates = bool(hosts)


def _header_name(jwt: Jwt) -> str:
    return jwt.header.lower().replace("_", "-")
