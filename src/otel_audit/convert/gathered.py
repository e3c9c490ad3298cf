"""Spans of a batch that wait for others like them."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_audit.convert.inference.call import InferenceCall
from otel_audit.convert.spans import SpanData
from otel_audit.convert.verdicts import Lane, Verdict

__all__ = ["Called", "Gathered"]


@dataclass(slots=True)
class Gathered:
    """Spans of one lane and one resource, with their places in the batch.

    Attributes:
        has_users: whether the application knows who made their requests.
        has_bodies: whether bodies were captured beside each.
    """

    lane: Lane
    has_users: bool
    has_bodies: bool
    spans: list[SpanData] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Called:
    """Calls that were read one by one, of one verdict and one resource, with their places in the batch.

    Attributes:
        has_users: as for :class:`Gathered`.
    """

    verdict: Verdict
    has_users: bool
    spans: list[SpanData] = field(default_factory=list)
    calls: list[InferenceCall] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
