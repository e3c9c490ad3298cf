"""Where in a request a token stands. Loads nothing: the application's own threads look for it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["MAX_TOKEN", "find_token"]

MAX_TOKEN: Final = 16 << 10
"""Characters of a token that is looked at; most servers accept no longer header."""

_TOO_LONG: Final = "." * (MAX_TOKEN + 1)
"""Stands for every token that is longer, so that none of them takes memory while it waits."""

_SCHEME: Final = "bearer "
_DOTS: Final = 2
"""In the compact serialisation of a signed token (RFC 7515, 7.1); other bearers are opaque and prove nothing here."""


def find_token(header: str, cookie: str | None, read: Callable[[str], str]) -> str:
    """The token of a request, ``""`` where it brings none; of one that is too long only that it is.

    Args:
        header: lower-case name of the header that may bring it, after ``Bearer`` or, where it is not
            ``authorization``, alone.
        cookie: name of the cookie that may bring it instead.
        read: gives the value of a header by its lower-case name, ``""`` where there is none.
    """
    value = read(header).strip()
    if value[: len(_SCHEME)].lower() == _SCHEME:
        value = value[len(_SCHEME) :].strip()
    elif header == "authorization":
        value = ""
    if not value and cookie:
        for part in read("cookie").split(";"):
            name, _, text = part.strip().partition("=")
            if name == cookie:
                value = text.strip('"')
                break
    if len(value) > MAX_TOKEN:
        return _TOO_LONG
    return value if value.count(".") == _DOTS else ""
