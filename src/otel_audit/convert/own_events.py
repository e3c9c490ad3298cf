"""What the log says of itself, as log events: no door makes such, so nobody outside can."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.convert.spans import Attributes, LogData, ResourceData

__all__ = ["own_event", "own_word"]


def own_event(name: str, attributes: Attributes, *, at_unix_nano: int, resource: ResourceData) -> LogData:
    """An event of the log's own life, whoever acted in it. Of no trace: it is told in full.

    Args:
        name: under ``audit.``.
        attributes: of the record; its actor is believed.
        at_unix_nano: when, nanoseconds since the epoch.
        resource: of whom it is.
    """
    return LogData(
        name=name,
        time_unix_nano=at_unix_nano,
        observed_unix_nano=at_unix_nano,
        trace_id="",
        span_id="",
        body=None,
        attributes=attributes,
        resource=resource,
        is_own=True,
    )


def own_word(
    name: str, action: str, said: Attributes, *, service: str, at_unix_nano: int, outcome: str = "failure"
) -> LogData:
    """An event in which nobody acted but the log itself.

    Args:
        name: under ``audit.``.
        action: upper-case verb.
        said: further attributes.
        service: whose log it is.
        at_unix_nano: as above.
        outcome: ``success`` or ``failure``.
    """
    attributes: Attributes = {
        "audit.action": action,
        "audit.outcome": outcome,
        "audit.actor.id": service,
        "audit.actor.type": "system",
        **said,
    }
    return own_event(
        name, attributes, at_unix_nano=at_unix_nano, resource=ResourceData({SERVICE_NAME: service})
    )
