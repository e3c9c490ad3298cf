"""HTTP spans: the conventions of before 2023, those in force, and both at once (``http/dup``).

Old names are read into the leaves that the new ones fill. Where a span has both, the new one wins; the old
value is dropped where it says the same and stays an attribute where it differs in substance.
"""

from __future__ import annotations

import re
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    http_attributes,
    net_attributes,
    network_attributes,
    url_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.sorter import Room, Sorted
from otel_audit.convert.spans import Value
from otel_audit.convert.url import same_query, split_host, split_url

__all__ = [
    "MAX_PORT",
    "OLD_INTEGERS",
    "OLD_TEXT",
    "PLAIN_METHODS",
    "RENAMED",
    "SCHEME",
    "complete_http",
    "server_names",
]

PLAIN_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
"""RFC 9110, RFC 5789 and QUERY."""

_UNUSUAL_METHOD: Final = re.compile(r"[A-Z][A-Z-]{1,19}")
"""PROPFIND, PURGE …: short words in capitals; ``method`` is not masked, so it holds no free text."""

SCHEME: Final = re.compile(r"[a-z][a-z+]{1,9}")

_OTHER: Final = "_OTHER"
"""What the conventions write for a method that an instrumentation does not know."""

OLD_TEXT: Final = (
    (http_attributes.HTTP_METHOD, "method"),
    (http_attributes.HTTP_SCHEME, "scheme"),
    (http_attributes.HTTP_USER_AGENT, "userAgent"),
)

OLD_INTEGERS: Final = (
    (http_attributes.HTTP_STATUS_CODE, "returnCode", 2**31 - 1),
    (http_attributes.HTTP_REQUEST_CONTENT_LENGTH, "requestBytes", MAX_EXACT),
    (http_attributes.HTTP_RESPONSE_CONTENT_LENGTH, "responseBytes", MAX_EXACT),
)

RENAMED: Final = (
    (http_attributes.HTTP_FLAVOR, network_attributes.NETWORK_PROTOCOL_VERSION),
    (net_attributes.NET_PROTOCOL_VERSION, network_attributes.NETWORK_PROTOCOL_VERSION),
    (net_attributes.NET_PROTOCOL_NAME, network_attributes.NETWORK_PROTOCOL_NAME),
    (net_attributes.NET_SOCK_PEER_PORT, network_attributes.NETWORK_PEER_PORT),
)
"""Names without a field: the old one goes where the new one says the same."""

MAX_PORT: Final = 65_535

_CALLED: Final = (
    (net_attributes.NET_PEER_NAME, http_attributes.HTTP_HOST),
    net_attributes.NET_PEER_PORT,
)
_SERVING: Final = (
    (net_attributes.NET_HOST_NAME, http_attributes.HTTP_HOST, http_attributes.HTTP_SERVER_NAME),
    net_attributes.NET_HOST_PORT,
)
"""Old names of the called server's name, and of its port: on a client's span, and on others."""


def complete_http(found: Sorted, kind: str, oddities: list[str]) -> None:
    """Fills what the sorter alone could not: old names, URLs, hosts with ports, unusual methods.

    Works on any span: inference and RPC spans carry the same names. Takes what it uses out of ``found.held``.

    Args:
        found: the sorted attributes; ``row`` is filled.
        kind: span kind, since an old name may mean the one or the other end by it.
        oddities: takes notes.
    """
    row = found.row
    if found.rooms & Room.OLD_HTTP:
        _read_old(found, oddities)
    query = row.get("requestQuery")
    if query is not None and query[0] == "?":  # type: ignore[index]  # a str that is not empty
        _set(row, "requestQuery", query[1:])  # type: ignore[index]
    address = row.get("server.address")
    if address is not None and ":" in address:  # type: ignore[operator]
        host, port = split_host(address)  # type: ignore[arg-type]
        row["server.address"] = host
        if port is not None:
            row.setdefault("server.port", port)
    if found.rooms & Room.OLD_HTTP:
        _read_old_server(found, kind)
    if found.rooms & Room.URL:
        _read_url(found, kind)
    method = row.get("method")
    if method is not None and method not in PLAIN_METHODS:
        _read_unusual_method(found, str(method))
    scheme = row.get("scheme")
    if scheme is not None and scheme not in ("https", "http") and not SCHEME.fullmatch(str(scheme)):
        found.rest[url_attributes.URL_SCHEME] = str(row.pop("scheme"))
        oddities.append(notes.NAME_UNSAFE)


def _read_old(found: Sorted, oddities: list[str]) -> None:
    row, held = found.row, found.held
    for name, leaf in OLD_TEXT:
        value = held.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            oddities.append(notes.WRONG_TYPE)
        elif row.setdefault(leaf, value) == value:
            del held[name]
    for name, leaf, limit in OLD_INTEGERS:
        value = held.get(name)
        if value is None:
            continue
        if type(value) is not int or not 0 <= value <= limit:
            oddities.append(notes.WRONG_TYPE)
        elif row.setdefault(leaf, value) == value:
            del held[name]
    for name, new in RENAMED:
        value = held.get(name)
        if value is not None and found.rest.get(new) == value:
            del held[name]
    target = held.get(http_attributes.HTTP_TARGET)
    if isinstance(target, str) and target:
        parts = split_url(target)
        if _merge(row, "requestPath", parts.path) & _merge_query(row, parts.query) and not (
            parts.fragment or parts.host
        ):
            del held[http_attributes.HTTP_TARGET]


def _read_old_server(found: Sorted, kind: str) -> None:
    """Reads the called server's name and port from the four old names that may hold them."""
    row, held = found.row, found.held
    names, port_name = server_names(kind)
    port = _port(held.get(port_name))
    if port is not None and row.setdefault("server.port", port) == port:
        del held[port_name]
    for name in names:
        value = held.get(name)
        if not isinstance(value, str) or not value:
            continue
        host, port = split_host(value)
        if not _merge(row, "server.address", host):
            continue
        if port is None or row.setdefault("server.port", port) == port:
            del held[name]
    if kind != "client":
        client_port = held.get(net_attributes.NET_PEER_PORT)
        if client_port is not None and found.rest.get(client_attributes.CLIENT_PORT) == client_port:
            del held[net_attributes.NET_PEER_PORT]


def server_names(kind: str) -> tuple[tuple[str, ...], str]:
    """Returns the old names of the called server's name, best first, and that of its port.

    Args:
        kind: span kind: on a client's span the server is the peer, on others the host.
    """
    return _CALLED if kind == "client" else _SERVING


def _read_url(found: Sorted, kind: str) -> None:
    """Reads URLs into the leaves that are still empty; keeps a URL only for what it says beyond them."""
    row, held = found.row, found.held
    template = held.get(url_attributes.URL_TEMPLATE)
    if isinstance(template, str) and template and _merge(row, "route", template):
        del held[url_attributes.URL_TEMPLATE]
    for name in (url_attributes.URL_FULL, http_attributes.HTTP_URL):
        url = held.get(name)
        if not isinstance(url, str) or not url:
            continue
        if name == http_attributes.HTTP_URL and url == held.get(url_attributes.URL_FULL):
            del held[name]
            continue
        parts = split_url(url)
        scheme = parts.scheme if SCHEME.fullmatch(parts.scheme) else ""
        known = _merge(row, "scheme", scheme)
        # A server's own name may be an address behind a proxy; the URL then shows how it was called.
        known &= _merge(row, "server.address", parts.host)
        if parts.port is not None:
            known &= row.setdefault("server.port", parts.port) == parts.port
        known &= _merge(row, "requestPath", parts.path)
        known &= _merge_query(row, parts.query)
        if known and not parts.user_info and not parts.fragment:
            del held[name]


def _read_unusual_method(found: Sorted, method: str) -> None:
    row, rest = found.row, found.rest
    original = rest.get(http_attributes.HTTP_REQUEST_METHOD_ORIGINAL)
    if method == _OTHER and isinstance(original, str) and _UNUSUAL_METHOD.fullmatch(original):
        row["method"] = original
    elif method != _OTHER and method.upper() in PLAIN_METHODS:
        row["method"] = method.upper()
        rest.setdefault(http_attributes.HTTP_REQUEST_METHOD_ORIGINAL, method)
    elif method != _OTHER and not _UNUSUAL_METHOD.fullmatch(method):
        row["method"] = _OTHER
        rest.setdefault(http_attributes.HTTP_REQUEST_METHOD_ORIGINAL, method)


def _merge(row: dict[str, object], leaf: str, value: str) -> bool:
    """Fills an empty leaf. Returns whether it now says what ``value`` says; an empty one says nothing."""
    return not value or row.setdefault(leaf, value) == value


def _merge_query(row: dict[str, object], query: str) -> bool:
    return not query or same_query(str(row.setdefault("requestQuery", query)), query)


def _set(row: dict[str, object], leaf: str, value: str) -> None:
    if value:
        row[leaf] = value
    else:
        row.pop(leaf, None)


def _port(value: Value) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_PORT else None
