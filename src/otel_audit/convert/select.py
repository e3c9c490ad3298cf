"""What becomes a record, and in which stream.

Records are: HTTP and RPC spans of servers and clients, inference spans and what surrounds them (tools,
agents, chains, retrievers, MCP), and anything that carries ``audit.*``. Not: the ``http send`` and ``http
receive`` children that ASGI instrumentations make, and spans of databases, messaging and the inside of a
service, unless ``include_spans`` lists them.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    db_attributes,
    http_attributes,
    messaging_attributes,
    rpc_attributes,
    url_attributes,
)

from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.inference.operations import MODEL_OPERATIONS
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.spans import Attributes

__all__ = ["MODEL_IO", "PLATFORM", "Family", "carries_audit", "choose_stream", "family_of"]

PLATFORM: Final = "platform"
MODEL_IO: Final = "model-io"


class Family(Enum):
    """What kind of span it is; the value of the last three is how ``include_spans`` names them."""

    INFERENCE = "inference"
    TOOL = "tool"
    HTTP = "http"
    RPC = "rpc"
    ASGI = "asgi"
    DB = "db"
    MESSAGING = "messaging"
    INTERNAL = "internal"


_ASGI_MESSAGES: Final = ("asgi.event.type", "type")
"""Message type on the children that ASGI instrumentations make; ``type`` before 2023."""

_DB_MARKS: Final = frozenset({db_attributes.DB_SYSTEM, db_attributes.DB_SYSTEM_NAME})
_HTTP_MARKS: Final = frozenset(
    {
        http_attributes.HTTP_REQUEST_METHOD, http_attributes.HTTP_METHOD,
        http_attributes.HTTP_RESPONSE_STATUS_CODE, http_attributes.HTTP_STATUS_CODE,
        http_attributes.HTTP_ROUTE, http_attributes.HTTP_TARGET, http_attributes.HTTP_URL,
    }
)  # fmt: skip
_RPC_MARKS: Final = frozenset(
    {
        rpc_attributes.RPC_SYSTEM, rpc_attributes.RPC_SYSTEM_NAME,
        rpc_attributes.RPC_SERVICE, rpc_attributes.RPC_METHOD,
    }
)  # fmt: skip


def family_of(kind: str, attributes: Attributes, call: InferenceCall | None) -> Family:
    """Returns what kind of span it is.

    Args:
        kind: span kind.
        attributes: as the span carried them, less what ``call`` was read from.
        call: what the inference dialects made of it.
    """
    if call is not None:
        return Family.INFERENCE if call.operation in MODEL_OPERATIONS else Family.TOOL
    if kind == "server":
        if http_attributes.HTTP_REQUEST_METHOD in attributes or http_attributes.HTTP_METHOD in attributes:
            return Family.HTTP
    elif kind != "client":
        if any(name in attributes for name in _ASGI_MESSAGES) and not _carries_method(attributes):
            return Family.ASGI
        if messaging_attributes.MESSAGING_SYSTEM in attributes:
            return Family.MESSAGING
        return Family.INTERNAL if _DB_MARKS.isdisjoint(attributes) else Family.DB
    # Clients of search engines, queues and cloud APIs carry HTTP and RPC names beside what they are.
    elif not _DB_MARKS.isdisjoint(attributes):
        return Family.DB
    elif messaging_attributes.MESSAGING_SYSTEM in attributes:
        return Family.MESSAGING
    elif _carries_method(attributes):
        return Family.HTTP
    if not _RPC_MARKS.isdisjoint(attributes):
        return Family.RPC
    if not _HTTP_MARKS.isdisjoint(attributes) or url_attributes.URL_FULL in attributes:
        return Family.HTTP
    return Family.INTERNAL


def choose_stream(
    family: Family, options: ConvertOptions, *, carries_audit: bool, is_model_endpoint: bool = False
) -> str | None:
    """Returns the stream of a span's record, ``None`` where it becomes none.

    Args:
        family: from :func:`family_of`.
        options: which streams are on and which families count.
        carries_audit: whether it has attributes under ``audit.``; such a span is always recorded.
        is_model_endpoint: whether its HTTP route is configured as a model.
    """
    match family:
        case Family.INFERENCE | Family.TOOL:
            if MODEL_IO in options.streams and (family is Family.INFERENCE or options.include_tools):
                return MODEL_IO
            return PLATFORM if carries_audit else None
        case Family.HTTP | Family.RPC:
            if is_model_endpoint and MODEL_IO in options.streams:
                return MODEL_IO
            wanted = True
        case _:
            wanted = family.value in options.include_spans
    return PLATFORM if carries_audit or (wanted and PLATFORM in options.streams) else None


def carries_audit(attributes: Attributes) -> bool:
    """Whether any attribute is under ``audit.``."""
    return any(name.startswith("audit.") for name in attributes)


def _carries_method(attributes: Attributes) -> bool:
    return http_attributes.HTTP_REQUEST_METHOD in attributes or http_attributes.HTTP_METHOD in attributes
