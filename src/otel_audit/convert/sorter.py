"""Every attribute of a span is looked at once, and goes to one of four places.

- a leaf of the record, where a convention in force says the same as the field;
- a captured header;
- *held*: names that a room of conversion reads together with others (the old HTTP names, URLs, addresses,
  RPC, identity, ``audit.*``, bodies); what no room takes from there goes to the rest;
- the rest.

The table of names is learnt: an unknown name is classified once, so that a header or a custom attribute costs
one dictionary lookup afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    error_attributes,
    http_attributes,
    net_attributes,
    network_attributes,
    rpc_attributes,
    server_attributes,
    session_attributes,
    url_attributes,
    user_agent_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.rest import MAX_EXACT, encode_value
from otel_audit.convert.spans import Attributes, Value
from otel_audit.convert.values import clean_text

__all__ = ["Room", "Sorted", "sort_attributes"]


class Room:
    """Who reads what is held: bits, plain integers because members of an enumeration cost Python code each."""

    OLD_HTTP: Final = 1
    URL: Final = 2
    ADDRESS: Final = 4
    RPC: Final = 8
    IDENTITY: Final = 16
    AUDIT: Final = 32
    BODY: Final = 64


_TEXT_LEAF: Final = 0
_INTEGER_LEAF: Final = 1
_REQUEST_HEADER: Final = 2
_RESPONSE_HEADER: Final = 3
_HELD_NAME: Final = 4
_OTHER_NAME: Final = 5


@dataclass(slots=True)
class Sorted:
    """A span's attributes after sorting.

    Attributes:
        row: leaves of the record, by path: ``method``, ``server.address``.
        held: names that rooms read; they take out what they use.
        rooms: bits of :class:`Room` whose names are among them.
        rest: what stays an attribute.
    """

    row: dict[str, object] = field(default_factory=dict)
    held: Attributes = field(default_factory=dict)
    rooms: int = 0
    rest: Attributes = field(default_factory=dict)


_TEXT: Final = {
    http_attributes.HTTP_REQUEST_METHOD: "method",
    http_attributes.HTTP_ROUTE: "route",
    url_attributes.URL_SCHEME: "scheme",
    url_attributes.URL_PATH: "requestPath",
    url_attributes.URL_QUERY: "requestQuery",
    user_agent_attributes.USER_AGENT_ORIGINAL: "userAgent",
    server_attributes.SERVER_ADDRESS: "server.address",
    error_attributes.ERROR_TYPE: "errorCode",
    session_attributes.SESSION_ID: "session",
    rpc_attributes.RPC_SERVICE: "rpc.service",
    rpc_attributes.RPC_METHOD: "rpc.method",
}

_INTEGER: Final = {
    http_attributes.HTTP_RESPONSE_STATUS_CODE: "returnCode",
    http_attributes.HTTP_REQUEST_BODY_SIZE: "requestBytes",
    http_attributes.HTTP_RESPONSE_BODY_SIZE: "responseBytes",
    server_attributes.SERVER_PORT: "server.port",
}

_LIMITS: Final = {"returnCode": 2**31 - 1, "server.port": 65_535}

_HELD: Final = {
    **dict.fromkeys(
        (
            http_attributes.HTTP_METHOD,
            http_attributes.HTTP_SCHEME,
            http_attributes.HTTP_STATUS_CODE,
            http_attributes.HTTP_USER_AGENT,
            http_attributes.HTTP_REQUEST_CONTENT_LENGTH,
            http_attributes.HTTP_RESPONSE_CONTENT_LENGTH,
            http_attributes.HTTP_TARGET,
            http_attributes.HTTP_HOST,
            http_attributes.HTTP_SERVER_NAME,
            http_attributes.HTTP_FLAVOR,
            net_attributes.NET_HOST_NAME,
            net_attributes.NET_HOST_PORT,
            net_attributes.NET_PEER_NAME,
            net_attributes.NET_PEER_PORT,
            net_attributes.NET_PROTOCOL_NAME,
            net_attributes.NET_PROTOCOL_VERSION,
            net_attributes.NET_SOCK_PEER_PORT,
        ),
        Room.OLD_HTTP,
    ),
    http_attributes.HTTP_URL: Room.OLD_HTTP | Room.URL,
    url_attributes.URL_FULL: Room.URL,
    url_attributes.URL_TEMPLATE: Room.URL,
    http_attributes.HTTP_CLIENT_IP: Room.OLD_HTTP | Room.ADDRESS,
    net_attributes.NET_PEER_IP: Room.OLD_HTTP | Room.ADDRESS,
    net_attributes.NET_SOCK_PEER_ADDR: Room.OLD_HTTP | Room.ADDRESS,
    client_attributes.CLIENT_ADDRESS: Room.ADDRESS,
    network_attributes.NETWORK_PEER_ADDRESS: Room.ADDRESS,
    **dict.fromkeys(
        (
            rpc_attributes.RPC_SYSTEM,
            rpc_attributes.RPC_SYSTEM_NAME,
            rpc_attributes.RPC_GRPC_STATUS_CODE,
            rpc_attributes.RPC_RESPONSE_STATUS_CODE,
            rpc_attributes.RPC_JSONRPC_ERROR_CODE,
        ),
        Room.RPC,
    ),
    "http.request.body": Room.BODY,
    "http.request.body.content": Room.BODY,
    "http.response.body": Room.BODY,
    "http.response.body.content": Room.BODY,
}

_REQUEST_HEADERS: Final = (
    http_attributes.HTTP_REQUEST_HEADER_TEMPLATE + ".",
    rpc_attributes.RPC_REQUEST_METADATA_TEMPLATE + ".",
    rpc_attributes.RPC_GRPC_REQUEST_METADATA_TEMPLATE + ".",
    rpc_attributes.RPC_CONNECT_RPC_REQUEST_METADATA_TEMPLATE + ".",
)
_RESPONSE_HEADERS: Final = (
    http_attributes.HTTP_RESPONSE_HEADER_TEMPLATE + ".",
    rpc_attributes.RPC_RESPONSE_METADATA_TEMPLATE + ".",
    rpc_attributes.RPC_GRPC_RESPONSE_METADATA_TEMPLATE + ".",
    rpc_attributes.RPC_CONNECT_RPC_RESPONSE_METADATA_TEMPLATE + ".",
)

_ROOM_PREFIXES: Final = (("audit.", Room.AUDIT), ("user.", Room.IDENTITY), ("enduser.", Room.IDENTITY))

_Entry = tuple[int, str, int]

_MAX_LEARNT: Final = 8_192
"""Names that are remembered; a sender that makes up names must not fill the memory."""

_KNOWN: Final[dict[str, _Entry]] = {
    **{name: (_TEXT_LEAF, leaf, 0) for name, leaf in _TEXT.items()},
    **{name: (_INTEGER_LEAF, leaf, _LIMITS.get(leaf, MAX_EXACT)) for name, leaf in _INTEGER.items()},
    **{name: (_HELD_NAME, "", room) for name, room in _HELD.items()},
}


def sort_attributes(attributes: Attributes, oddities: list[str]) -> Sorted:
    """Sorts attributes; a value whose type its leaf cannot take stays an attribute and is noted."""
    row: dict[str, object] = {}
    held: Attributes = {}
    rest: Attributes = {}
    request_headers: dict[str, list[str]] = {}
    response_headers: dict[str, list[str]] = {}
    rooms = 0
    known = _KNOWN
    for key, value in attributes.items():
        place, leaf, detail = known.get(key) or _learn(key)
        if place == _TEXT_LEAF:
            if type(value) is str:
                if value:
                    row[leaf] = value
                continue
        elif place == _INTEGER_LEAF:
            if type(value) is int and 0 <= value <= detail:
                row[leaf] = value
                continue
        elif place == _HELD_NAME:
            held[key] = value
            rooms |= detail
            continue
        elif place == _OTHER_NAME:
            rest[key] = value
            continue
        else:
            headers = request_headers if place == _REQUEST_HEADER else response_headers
            if type(value) is list and len(value) == 1 and type(value[0]) is str and leaf not in headers:
                headers[leaf] = value  # type: ignore[assignment]  # a list of one str
            else:
                headers.setdefault(leaf, []).extend(_header_values(value, oddities))
            continue
        rest[key] = value
        oddities.append(notes.WRONG_TYPE)
    if request_headers:
        row["requestHeaders"] = request_headers
    if response_headers:
        row["responseHeaders"] = response_headers
    return Sorted(row, held, rooms, rest)


def _learn(key: str) -> _Entry:
    entry = _classify(key)
    if len(_KNOWN) < _MAX_LEARNT and len(key) <= 256:
        _KNOWN[key] = entry
    return entry


def _classify(key: str) -> _Entry:
    for place, prefixes in (
        (_REQUEST_HEADER, _REQUEST_HEADERS),
        (_RESPONSE_HEADER, _RESPONSE_HEADERS),
    ):
        for prefix in prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return place, clean_text(key[len(prefix) :].lower().replace("_", "-"), []), 0
    if key in notes.RESERVED:
        return _OTHER_NAME, "", 0
    for prefix, room in _ROOM_PREFIXES:
        if key.startswith(prefix):
            return _HELD_NAME, "", room
    return _OTHER_NAME, "", 0


def _header_values(value: Value, oddities: list[str]) -> list[str]:
    """Returns header values as texts; what is none is written as JSON and noted."""
    texts = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            texts.append(item)
        else:
            oddities.append(notes.WRONG_TYPE)
            texts.append(encode_value(item, oddities))
    return texts
