"""Which members of a request's baggage and body name a user: claims, since whoever sends a request writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["baggage_claims", "body_claims"]

_KEYS: Final = frozenset({"user.id", "enduser.id", "user_id", "userid", "user"})

_BODY_KEYS: Final = ("user", "user_id", "userId")

_PLAIN_ID: Final = re.compile(r"(?!.*\d{6})[A-Za-z0-9][A-Za-z0-9_.-]{0,35}", re.ASCII)
"""What may be taken out of a body, whose place in the record is masked while a claim's is not: no address, no
card, telephone or insurance number, nothing of a length that secrets have."""


def baggage_claims(members: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Yields ``(origin, id)`` of each member that names a user.

    Args:
        members: key and decoded value, in order.
    """
    for key, value in members:
        name = key.strip().lower()
        if name in _KEYS and isinstance(value, str) and value:
            yield f"baggage:{name}", value


def body_claims(body: str) -> Iterator[tuple[str, str]]:
    """Yields likewise of a JSON object, what it says under a key that names a user.

    Args:
        body: JSON text.
    """
    if '"user' not in body:
        return
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict):
        for key in _BODY_KEYS:
            value = found.get(key)
            text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            if isinstance(text, str) and _PLAIN_ID.fullmatch(text):
                yield f"body:{key}", text
