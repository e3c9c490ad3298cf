"""Every attribute goes to one of four places, by its name.

- a leaf of the record, where a convention in force says the same as the field;
- a captured header;
- *held*: names that a room of conversion reads together with others (the old HTTP names, URLs, addresses,
  RPC, identity, ``audit.*``, bodies); what no room takes from there goes to the rest;
- the rest.

Spans of one instrumentation have the same names in the same order. So names are classified once for each
such *shape*, and a span of a known shape whose values have the expected types is taken apart in bulk; any
other goes value by value, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    enduser_attributes,
    error_attributes,
    http_attributes,
    net_attributes,
    network_attributes,
    rpc_attributes,
    server_attributes,
    session_attributes,
    url_attributes,
    user_agent_attributes,
    user_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.rest import MAX_EXACT, encode_value
from otel_audit.convert.spans import Attributes, Value
from otel_audit.convert.values import clean_text

__all__ = ["Headers", "Room", "Shape", "Sorted", "header_values", "shape_of", "sort_attributes"]

Headers: TypeAlias = "tuple[tuple[str, ...], tuple[list[str], ...]]"
"""Names in order, and the values of each: two flat tuples, which become a column without another loop."""


class Room:
    """Who reads what is held. Bits as plain integers: an enumeration runs Python code for each ``&``."""

    OLD_HTTP: Final = 1
    URL: Final = 2
    ADDRESS: Final = 4
    RPC: Final = 8
    IDENTITY: Final = 16
    AUDIT: Final = 32
    BODY: Final = 64
    PERSONAL: Final = 128


_TEXT_LEAF: Final = 0
_INTEGER_LEAF: Final = 1
_REQUEST_HEADER: Final = 2
_RESPONSE_HEADER: Final = 3
_HELD_NAME: Final = 4
_OTHER_NAME: Final = 5
"""Places."""


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

_IDS: Final = frozenset(
    {
        user_attributes.USER_ID, user_attributes.USER_HASH, enduser_attributes.ENDUSER_ID,
        enduser_attributes.ENDUSER_PSEUDO_ID, "audit.actor.id", "audit.actor.type",
    }
)  # fmt: skip
_PERSONS: Final = ("user.", "enduser.", "audit.actor.")
"""What else begins so is a name, an address, a role: written only where the settings list it."""

_Entry: TypeAlias = "tuple[int, str, int]"
"""Place, leaf or header name, and what the place needs to know: the largest integer, or the rooms."""

_MAX_SHAPES: Final = 2_048
_MAX_NAME: Final = 256
"""What is remembered is bounded: a sender that makes up names must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How attributes of certain names, in a certain order, are taken apart in bulk.

    Attributes:
        direct: names of direct leaves, then of request headers, then of response headers.
        take: their values.
        types: what these values must be.
        leaves: where the first of them go.
        limits: position and largest value of integers.
        request_headers: names in order.
        response_headers: likewise.
        held: names for the rooms.
        rest: names that stay attributes.
        rooms: bits of :class:`Room`.
    """

    direct: tuple[str, ...]
    take: Callable[[Attributes], tuple[Any, ...]]
    types: tuple[type, ...]
    leaves: tuple[str, ...]
    limits: tuple[tuple[int, int], ...]
    request_headers: tuple[str, ...]
    response_headers: tuple[str, ...]
    held: tuple[str, ...]
    rest: tuple[str, ...]
    rooms: int


_SHAPES: Final[dict[tuple[str, ...], Shape | None]] = {}
"""Names of attributes → their shape; ``None`` where two names mean one header."""

_STR: Final = frozenset({str})


def sort_attributes(attributes: Attributes, oddities: list[str]) -> Sorted:
    """Sorts attributes; a value whose type its leaf cannot take stays an attribute and is noted."""
    shape = shape_of(tuple(attributes))
    if shape is None:
        return _sort_singly(attributes, oddities)
    values = shape.take(attributes)
    if tuple(map(type, values)) != shape.types or "" in values:
        return _sort_singly(attributes, oddities)
    for position, limit in shape.limits:
        if not 0 <= values[position] <= limit:
            return _sort_singly(attributes, oddities)
    row: dict[str, object] = dict(zip(shape.leaves, values, strict=False))
    if shape.request_headers or shape.response_headers:
        first = len(shape.leaves)
        middle = first + len(shape.request_headers)
        if set(map(type, chain.from_iterable(values[first:]))) != _STR:
            return _sort_singly(attributes, oddities)
        if shape.request_headers:
            row["requestHeaders"] = (shape.request_headers, values[first:middle])
        if shape.response_headers:
            row["responseHeaders"] = (shape.response_headers, values[middle:])
    return Sorted(
        row,
        {name: attributes[name] for name in shape.held} if shape.held else {},
        shape.rooms,
        {name: attributes[name] for name in shape.rest} if shape.rest else {},
    )


def header_values(headers: object, name: str) -> list[str]:
    """Returns the values of a header, none where it is missing.

    Args:
        headers: :data:`Headers`, or ``None``.
        name: in lower case.
    """
    if headers is None:
        return []
    names, values = cast("Headers", headers)
    return values[names.index(name)] if name in names else []


def _sort_singly(attributes: Attributes, oddities: list[str]) -> Sorted:
    """Does the same as the bulk way, value by value; defines what that way has to give."""
    found = Sorted()
    request_headers: dict[str, list[str]] = {}
    response_headers: dict[str, list[str]] = {}
    for key, value in attributes.items():
        place, leaf, detail = _classify(key)
        if place == _HELD_NAME:
            found.held[key] = value
            found.rooms |= detail
        elif place in (_REQUEST_HEADER, _RESPONSE_HEADER):
            headers = request_headers if place == _REQUEST_HEADER else response_headers
            headers.setdefault(leaf, []).extend(_header_texts(value, oddities))
        elif place == _TEXT_LEAF and isinstance(value, str):
            if value:
                found.row[leaf] = value
        elif place == _INTEGER_LEAF and type(value) is int and 0 <= value <= detail:
            found.row[leaf] = value
        else:
            found.rest[key] = value
            if place != _OTHER_NAME:
                oddities.append(notes.WRONG_TYPE)
    for leaf, headers in (("requestHeaders", request_headers), ("responseHeaders", response_headers)):
        if headers:
            names = tuple(sorted(headers))
            found.row[leaf] = (names, tuple(headers[name] for name in names))
    return found


def shape_of(names: tuple[str, ...]) -> Shape | None:
    """Returns how attributes of these names are taken apart, ``None`` where only one by one will do."""
    try:
        return _SHAPES[names]
    except KeyError:
        pass
    shape = _classify_all({name: _classify(name) for name in names})
    if len(_SHAPES) < _MAX_SHAPES and all(len(name) <= _MAX_NAME for name in names):
        _SHAPES[names] = shape
    return shape


def _classify_all(entries: dict[str, _Entry]) -> Shape | None:
    def at(*places: int) -> list[str]:
        return [name for name, entry in entries.items() if entry[0] in places]

    def headers(place: int) -> list[tuple[str, str]]:
        return sorted((entries[name][1], name) for name in at(place))

    direct = at(_TEXT_LEAF, _INTEGER_LEAF)
    request, response = headers(_REQUEST_HEADER), headers(_RESPONSE_HEADER)
    if any(len(dict(named)) < len(named) for named in (request, response)):
        return None
    rooms = 0
    for name in at(_HELD_NAME):
        rooms |= entries[name][2]
    taken = (*direct, *(name for _, name in request), *(name for _, name in response))
    return Shape(
        direct=taken,
        take=_taker(taken),
        types=(
            *(int if entries[name][0] == _INTEGER_LEAF else str for name in direct),
            *(list for _ in request),
            *(list for _ in response),
        ),
        leaves=tuple(entries[name][1] for name in direct),
        limits=tuple(
            (position, entries[name][2])
            for position, name in enumerate(direct)
            if entries[name][0] == _INTEGER_LEAF
        ),
        request_headers=tuple(header for header, _ in request),
        response_headers=tuple(header for header, _ in response),
        held=tuple(at(_HELD_NAME)),
        rest=tuple(at(_OTHER_NAME)),
        rooms=rooms,
    )


def _taker(names: tuple[str, ...]) -> Callable[[Attributes], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda attributes: tuple(attributes[name] for name in names)


def _classify(key: str) -> _Entry:
    if leaf := _TEXT.get(key):
        return _TEXT_LEAF, leaf, 0
    if leaf := _INTEGER.get(key):
        return _INTEGER_LEAF, leaf, _LIMITS.get(leaf, MAX_EXACT)
    if key in notes.RESERVED:
        return _OTHER_NAME, "", 0
    if key.startswith((*_PERSONS, "audit.")):
        rooms = Room.AUDIT if key.startswith("audit.") else 0
        if key.startswith(_PERSONS):
            rooms |= Room.IDENTITY if key in _IDS else Room.IDENTITY | Room.PERSONAL
        return _HELD_NAME, "", rooms
    if rooms := _HELD.get(key, 0):
        return _HELD_NAME, "", rooms
    for place, prefixes in ((_REQUEST_HEADER, _REQUEST_HEADERS), (_RESPONSE_HEADER, _RESPONSE_HEADERS)):
        for prefix in prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return place, clean_text(key[len(prefix) :].lower().replace("_", "-"), []), 0
    return _OTHER_NAME, "", 0


def _header_texts(value: Value, oddities: list[str]) -> list[str]:
    """Returns header values as texts; what is none is written as JSON and noted."""
    texts = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            texts.append(item)
        else:
            oddities.append(notes.WRONG_TYPE)
            texts.append(encode_value(item, oddities))
    return texts
