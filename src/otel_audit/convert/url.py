"""URLs and host names as instrumentations write them: split without ever raising.

Not a validator: what is none comes back in one piece. The parts stay as they were encoded, since masking
decodes them with care and an audit log shows what was asked for.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_plus

__all__ = ["AddressType", "UrlParts", "address_type", "same_query", "split_host", "split_url"]

AddressType: TypeAlias = Literal["ipv4", "ipv6", "hostname"]

_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")

_AUTHORITY_END: Final = re.compile(r"[/?#]")

REDACTED: Final = "REDACTED"
"""What instrumentations write in place of a query value or credential that they withhold."""


@dataclass(frozen=True, slots=True)
class UrlParts:
    """Parts of a URL (RFC 3986, appendix B); ``""`` or ``None`` where missing."""

    scheme: str
    user_info: str
    host: str
    port: int | None
    path: str
    query: str
    fragment: str


def split_url(url: str) -> UrlParts:
    """Splits an absolute URL, or a relative one such as ``/path?query``."""
    scheme, separator, rest = url.partition("://")
    user_info = host = ""
    port = None
    if separator and scheme.isalnum():
        found = _AUTHORITY_END.search(rest)
        cut = found.start() if found else len(rest)
        authority, rest = rest[:cut], rest[cut:]
        user_info, _, authority = authority.rpartition("@")
        host, port = split_host(authority)
    else:
        scheme, rest = "", url
    rest, _, fragment = rest.partition("#")
    path, _, query = rest.partition("?")
    return UrlParts(scheme.lower(), user_info, host, port, path, query, fragment)


def split_host(text: str) -> tuple[str, int | None]:
    """Splits ``host``, ``host:port``, ``[v6]`` and ``[v6]:port``; a bare IPv6 address has no port."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        return text, None
    if port.isascii() and port.isdigit() and len(port) <= 5:
        return host, int(port)
    return (host, None) if not port else (text, None)


def address_type(text: str) -> AddressType | None:
    """Returns what kind of address ``text`` is, ``None`` where it is none."""
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        pass
    else:
        return "ipv4"
    try:
        socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, ValueError):
        return "hostname" if _HOSTNAME.fullmatch(text) else None
    return "ipv6"


def same_query(new: str, old: str) -> bool:
    """Whether two forms of one query say the same, up to encoding and to values that ``old`` redacts."""
    if new == old:
        return True
    new_pairs, old_pairs = _pairs(new), _pairs(old)
    return len(new_pairs) == len(old_pairs) and all(
        mine[0] == theirs[0] and (mine[1] == theirs[1] or theirs[1] == REDACTED)
        for mine, theirs in zip(new_pairs, old_pairs, strict=True)
    )


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
