"""Where in a request a token stands. Loads nothing: the application's own threads look for it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["find_token"]

_SCHEME: Final = "bearer "
_DOTS: Final = 2
"""In the compact serialisation of a signed token (RFC 7515, 7.1); other bearers are opaque and prove nothing here."""


def find_token(header: str, cookie: str | None, read: Callable[[str], str]) -> str:
    """The token of a request, ``""`` where it brings none.

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
    return value if value.count(".") == _DOTS else ""
