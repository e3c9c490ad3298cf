"""Which spans are ordinary, and how those of one shape become columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    client_attributes,
    enduser_attributes,
    network_attributes,
    user_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.select import Family
from otel_audit.convert.sorter import Room, Shape

__all__ = ["BulkPlan", "plan_bulk"]

_CLIENT: Final = client_attributes.CLIENT_ADDRESS
_PEER: Final = network_attributes.NETWORK_PEER_ADDRESS
_IDS: Final = frozenset({user_attributes.USER_ID, enduser_attributes.ENDUSER_ID})

_ROWS_ONLY: Final = frozenset({"rpc.method", "rpc.service"})
_HTTP_ONLY: Final = frozenset({"method", "session"})
"""Leaves that need a row: always, or on inference spans, whose dialects may say the same."""


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """How spans of one shape become columns.

    Attributes:
        shape: how their attributes are taken apart.
        user: the identity attribute that they carry, if any.
        source: whether they carry the client's address.
        rest: names that stay attributes.
    """

    shape: Shape
    user: str | None
    source: bool
    rest: tuple[str, ...]


def plan_bulk(shape: Shape | None, family: Family, kind: str, claiming: frozenset[str]) -> BulkPlan | None:
    """Returns how spans of a shape become columns, ``None`` where they need rows.

    Args:
        shape: of the attributes that are left once the inference dialects took theirs.
        family: of the span.
        kind: span kind.
        claiming: headers that name a user.
    """
    if shape is None or shape.rooms & ~(Room.ADDRESS | Room.IDENTITY):
        return None
    inference = family is Family.INFERENCE or family is Family.TOOL
    if inference == ("returnCode" in shape.leaves) or (not inference and family is not Family.HTTP):
        return None
    if not _ROWS_ONLY.isdisjoint(shape.leaves) or (inference and not _HTTP_ONLY.isdisjoint(shape.leaves)):
        return None
    calls = kind in ("client", "producer")
    rest, users, source = list(shape.rest), [], False
    for name in shape.held:
        if name in _IDS:
            users.append(name)
        elif name == _CLIENT and not source:
            source = True
        elif name == _PEER and calls:
            rest.append(name)
        else:
            return None
    if len(users) > 1 or not claiming.isdisjoint(shape.request_headers):
        return None
    if not notes.RESERVED.isdisjoint(rest):
        return None
    return BulkPlan(shape, users[0] if users else None, source, tuple(rest))
