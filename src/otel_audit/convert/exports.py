"""What one OTLP request, line or message holds once it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes.event_attributes import EVENT_NAME

from otel_audit.convert.spans import Attributes, LogData, SpanData

__all__ = ["DROPPED_ATTRIBUTES", "TRACE_STATE", "Export", "read_event_name"]

DROPPED_ATTRIBUTES: Final = "otel.dropped_attributes_count"
"""Attribute of an event or link for the count that the record has no field for: where the specification of
OpenTelemetry puts it for formats without one ("Mapping to non-OTLP formats")."""

TRACE_STATE: Final = "w3c.tracestate"
"""Attribute for the vendors' trace state, named as the Collector's translators to such formats do."""


@dataclass(slots=True)
class Export:
    """Spans and log events that arrived together, and so may join each other."""

    spans: list[SpanData]
    logs: list[LogData]

    def __len__(self) -> int:
        return len(self.spans) + len(self.logs)


def read_event_name(field: str, attributes: Attributes) -> str:
    """Returns the event name from its field or, of older senders, from the attribute ``event.name``.

    The attribute is taken out where it says what the field says, or where there is no field.
    """
    attribute = attributes.get(EVENT_NAME)
    if isinstance(attribute, str) and field in ("", attribute):
        del attributes[EVENT_NAME]
        return attribute
    return field
