"""What a door hands over: a span or a log event, free of the SDK's and of OTLP's own types.

Both doors fill these in the same way, so that one span gives one record whichever door it came through.
Attribute values are plain Python: ``str``, ``bool``, ``int``, ``float``, ``bytes``, ``None``, and lists and
string-keyed dicts of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from otel_audit.convert.span_notes import SpanNotes

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"
Attributes: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who delivered a request to a sink, from the connection and never from what it brought.

    Attributes:
        method: how it proved who it is: ``mtls``, ``bearer`` or ``none``.
        address: of the other end of the connection, without its port.
        id: who it is; ``None`` where it proved nothing.
        tenant: whose records it writes; ``None`` for that of the settings.
    """

    method: str
    address: str
    id: str | None = None
    tenant: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether it proved who it is: what somebody unknown says of users are claims."""
        return self.method != "none"


@dataclass(slots=True)
class ResourceData:
    """A resource and its instrumentation scope; shared by every span that has the same two.

    ``sender`` is whoever delivered them, where a sink received them.
    """

    attributes: Attributes = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""
    sender: Sender | None = None


@dataclass(slots=True)
class EventData:
    """A span event. ``time_unix_nano`` is 0 where it is missing."""

    name: str
    time_unix_nano: int
    attributes: Attributes


@dataclass(slots=True)
class LinkData:
    """A span link; ids in lower-case hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(slots=True)
class SpanData:
    """One ended span.

    Attributes:
        kind: ``internal``, ``server``, ``client``, ``producer`` or ``consumer``.
        trace_id: 32 lower-case hex digits, or whatever hex the sender gave; ``""`` where missing.
        span_id: 16 lower-case hex digits, likewise.
        parent_span_id: ``""`` for a root.
        sampled: ``None`` where OTLP does not say.
        start_unix_nano: nanoseconds since the epoch; 0 where missing.
        end_unix_nano: likewise.
        attributes: owned by this object: conversion takes out what it maps, the rest is kept as it is.
        status: 0 unset, 1 ok, 2 error.
        oddities: what was odd about the input, from a closed vocabulary; ends in ``audit.notes``.
        joined: record ids of the log events whose content this span took over.
        notes: what is known about the span and is not on it; only the SDK door has any.
        cut: texts of it that the SDK may have cut, see :mod:`~otel_audit.convert.cut_values`.
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_span_id: str
    sampled: bool | None
    start_unix_nano: int
    end_unix_nano: int
    attributes: Attributes
    resource: ResourceData
    status: int = 0
    status_message: str = ""
    events: Sequence[EventData] = ()
    links: Sequence[LinkData] = ()
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
    oddities: list[str] = field(default_factory=list)
    joined: tuple[str, ...] = ()
    notes: SpanNotes | None = None
    cut: Set[str] = frozenset()

    def shown(self) -> Mapping[str, Any]:
        """Returns the attributes to look at, not to change: what a door has not made plain yet is of any type."""
        return self.attributes


@dataclass(slots=True)
class LogData:
    """One log event. ``name`` is the event name, from the field or from the attribute ``event.name``.

    ``is_own`` marks what the log says of its own life, such as a gap: no door sets it, so nobody outside can
    record an event under ``audit.``. ``is_emitted`` marks what the application said through our own logger: a
    record of its own whose actor the application vouches for. ``cut`` is as for :class:`SpanData`.
    """

    name: str
    time_unix_nano: int
    observed_unix_nano: int
    trace_id: str
    span_id: str
    body: Value
    attributes: Attributes
    resource: ResourceData
    dropped_attributes: int = 0
    oddities: list[str] = field(default_factory=list)
    is_own: bool = False
    is_emitted: bool = False
    cut: Set[str] = frozenset()
