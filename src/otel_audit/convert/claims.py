"""Which members of a request's baggage name a user: claims, since whoever sends a request writes its baggage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["baggage_claims"]

_KEYS: Final = frozenset({"user.id", "enduser.id", "user_id", "userid", "user"})


def baggage_claims(members: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Yields ``(origin, id)`` of each member that names a user.

    Args:
        members: key and decoded value, in order.
    """
    for key, value in members:
        name = key.strip().lower()
        if name in _KEYS and isinstance(value, str) and value:
            yield f"baggage:{name}", value
