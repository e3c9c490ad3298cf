"""What the name of an attribute says: where its value goes.

A value goes to a leaf of the record, where a convention in force says the same as the field; among the
captured headers; to the rooms of conversion that read it together with others (old HTTP names, URLs,
addresses, RPC, identity, ``audit.*``, bodies); or it stays an attribute.
"""

from __future__ import annotations

from typing import Final, TypeAlias

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
from otel_audit.convert.casing import is_name
from otel_audit.convert.rest import MAX_EXACT
from otel_audit.convert.values import clean_text

__all__ = [
    "HELD_NAME",
    "INTEGER_LEAF",
    "OTHER_NAME",
    "REQUEST_HEADER",
    "RESPONSE_HEADER",
    "TEXT_LEAF",
    "Entry",
    "Room",
    "classify",
]


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


TEXT_LEAF: Final = 0
INTEGER_LEAF: Final = 1
REQUEST_HEADER: Final = 2
RESPONSE_HEADER: Final = 3
HELD_NAME: Final = 4
OTHER_NAME: Final = 5
"""Places."""


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

Entry: TypeAlias = "tuple[int, str, int]"
"""Place, leaf or header name, and what the place needs to know: the largest integer, or the rooms."""


def classify(key: str) -> Entry:
    """Returns where the value of the attribute ``key`` goes."""
    if leaf := _TEXT.get(key):
        return TEXT_LEAF, leaf, 0
    if leaf := _INTEGER.get(key):
        return INTEGER_LEAF, leaf, _LIMITS.get(leaf, MAX_EXACT)
    if key in notes.RESERVED:
        return OTHER_NAME, "", 0
    if key.startswith((*_PERSONS, "audit.")):
        rooms = Room.AUDIT if key.startswith("audit.") else 0
        if key.startswith(_PERSONS):
            rooms |= Room.IDENTITY if key in _IDS else Room.IDENTITY | Room.PERSONAL
        return HELD_NAME, "", rooms
    if rooms := _HELD.get(key, 0):
        return HELD_NAME, "", rooms
    for place, prefixes in ((REQUEST_HEADER, _REQUEST_HEADERS), (RESPONSE_HEADER, _RESPONSE_HEADERS)):
        for prefix in prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return place, clean_text(_header_name(key[len(prefix) :]), []), 0
    return OTHER_NAME, "", 0


def _header_name(name: str) -> str:
    """A header's name as records have it: lower case, ``-`` between words."""
    return name.lower().replace("_", "-") if is_name(name) else name
