"""Captured bodies, for many spans at once.

:mod:`~otel_audit.convert.captured` fills them into one row, and defines the result: what it would cut, note or
keep as anything but text sends a span its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otel_audit.convert.arrays import Column, array_of
from otel_audit.convert.bulk import BulkPart
from otel_audit.convert.captured import CapturedBodies
from otel_audit.convert.claims import body_claims
from otel_audit.convert.columns import LEAF_TYPES, Row
from otel_audit.convert.spans import SpanData

__all__ = ["add_bodies", "has_bodies_at_most", "plain_bodies"]

_CONTENT: Final = ("request", "response", "requestBase64", "responseBase64")
_LEAVES: Final = frozenset({"request", "response", "capture.state"})


def has_bodies_at_most(span: SpanData) -> bool:
    """Whether all that is known beside a span is who made the request, and bodies."""
    return span.notes is not None and not span.notes.tells_more_than_bodies


def plain_bodies(spans: Sequence[SpanData], bodies: CapturedBodies) -> list[Row | None]:
    """The leaves that each span's bodies fill; ``None`` for what needs a row of its own.

    Args:
        spans: with bodies.
        bodies: of which settings say the same whatever the route.
    """
    return [_plain(span, bodies) for span in spans]


def _plain(span: SpanData, bodies: CapturedBodies) -> Row | None:
    span_notes = span.notes
    if span_notes is None:
        return None
    row: Row = {}
    oddities: list[str] = []
    try:
        bodies.take_up(row, span_notes, oddities)
        names_users = bool(span_notes.scope.users or span_notes.scope.token)
        if (
            oddities
            or not _LEAVES.issuperset(row)
            or row.get("capture.state") == "open"
            or (names_users and any(body_claims(str(row.get("request", "")))))
        ):
            return None
    except Exception:  # noqa: BLE001 - a row says exactly what it is
        return None
    return row


def add_bodies(
    parts: Sequence[tuple[BulkPart, Sequence[int]]], leaves: Sequence[Row | None]
) -> list[tuple[BulkPart, Sequence[int]]]:
    """Adds bodies to records.

    Args:
        parts: records with the positions of their spans.
        leaves: of each position, as :func:`plain_bodies` gives them.

    Returns:
        Those whose spans have no bodies of their own. Spans that are in none need a way of their own.
    """
    return [
        (_with_bodies(part, [leaves[position] or {} for position in positions]), positions)
        for part, positions in parts
        if not any(map(part.has, _CONTENT))
    ]


def _with_bodies(part: BulkPart, rows: Sequence[Row]) -> BulkPart:
    columns: dict[str, Column] = {}
    for leaf in _LEAVES:
        values = [row.get(leaf) for row in rows]
        if any(values):
            if leaf == "capture.state":
                values = [value or "none" for value in values]
            columns[leaf] = array_of(values, LEAF_TYPES[leaf])
    return part.with_columns(columns)
