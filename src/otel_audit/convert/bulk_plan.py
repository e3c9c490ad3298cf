"""Which spans are ordinary, and how those of one shape become columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes import (
    enduser_attributes,
    http_attributes,
    user_attributes,
)

from otel_audit.convert import notes
from otel_audit.convert.names import classify
from otel_audit.convert.select import Family
from otel_audit.convert.sorter import Room, Shape

__all__ = ["BulkPlan", "plan_bulk"]

_IDS: Final = frozenset({user_attributes.USER_ID, enduser_attributes.ENDUSER_ID})

_ROWS_ONLY: Final = frozenset({"rpc.method", "rpc.service"})
_HTTP_ONLY: Final = frozenset({"method", "session"})
"""Leaves that need a row: always, or on inference spans, whose dialects may say the same."""

_HTTP_ROOMS: Final = Room.OLD_HTTP | Room.URL | Room.ADDRESS | Room.IDENTITY
_INFERENCE_ROOMS: Final = Room.ADDRESS | Room.IDENTITY


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """How spans of one shape become columns.

    Attributes:
        shape: how their attributes are taken apart.
        asserted: the identity attribute that they carry, if any.
        claimed: the header that names a user, if any: attribute and header.
        held: names that are read together with others: old HTTP names, URLs, addresses.
        rest: names that stay attributes.
    """

    shape: Shape
    asserted: str | None
    claimed: tuple[str, str] | None
    held: tuple[str, ...]
    rest: tuple[str, ...]


def plan_bulk(
    shape: Shape | None, family: Family, claiming: frozenset[str], named: frozenset[str]
) -> BulkPlan | None:
    """Returns how spans of a shape become columns, ``None`` where they need rows.

    Args:
        shape: of the attributes that are left once the inference dialects took theirs.
        family: of the span.
        claiming: headers that name a user, in whatever form.
        named: those of them whose value is the name.
    """
    inference = family is Family.INFERENCE or family is Family.TOOL
    if shape is None or shape.rooms & ~(_INFERENCE_ROOMS if inference else _HTTP_ROOMS):
        return None
    coded = "returnCode" in shape.leaves or http_attributes.HTTP_STATUS_CODE in shape.held
    if inference == coded or (not inference and family is not Family.HTTP):
        return None
    if not _ROWS_ONLY.isdisjoint(shape.leaves) or (inference and not _HTTP_ONLY.isdisjoint(shape.leaves)):
        return None
    users = [name for name in shape.held if classify(name)[2] & Room.IDENTITY]
    claims = [
        (name, header)
        for name, header in zip(shape.direct[len(shape.leaves) :], shape.request_headers, strict=False)
        if header in claiming
    ]
    if len(users) + len(claims) > 1 or not _IDS.issuperset(users):
        return None
    if claims and claims[0][1] not in named:
        return None
    if not notes.RESERVED.isdisjoint(shape.rest):
        return None
    return BulkPlan(
        shape,
        users[0] if users else None,
        claims[0] if claims else None,
        tuple(name for name in shape.held if name not in users),
        shape.rest,
    )
