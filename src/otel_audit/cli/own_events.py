"""What a command leaves in the log of its own doing, through a write path of its own."""

from __future__ import annotations

import getpass
import os
import time
from typing import Final

from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.own_events import own_event
from otel_audit.convert.spans import Attributes, ResourceData
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.streams import STREAMS

__all__ = ["leave_event", "who_runs_this"]

_SERVICE: Final = "otel-audit"
_DELIVERY_TIMEOUT_S: Final = 60.0


def who_runs_this() -> str:
    """The user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user may have no name.
        return f"uid-{os.getuid()}"


def leave_event(name: str, attributes: Attributes, destination: str | None) -> bool:
    """Write an event of the log's own life.

    Args:
        name: of the event, under ``audit.``.
        attributes: ``audit.*``; masked like everything.
        destination: URL as given; None: as configured.

    Returns:
        Whether it is at its destination; otherwise it is durable in the spool.

    Raises:
        ConfigurationError: there is no destination.
        SpoolError: it could not be made durable.
    """
    arguments: dict[str, object] = {}
    if destination is not None:
        # One given on the command line is meant for everything, whatever streams have of their own.
        none: dict[str, object] = {"destinations": []}
        arguments = {"destination": destination, "streams": dict.fromkeys(STREAMS, none)}
    now = time.time_ns()
    event = own_event(name, attributes, at_unix_nano=now, resource=ResourceData({SERVICE_NAME: _SERVICE}))
    pipeline = Pipeline(pipeline_options(load(arguments), service=_SERVICE))
    try:
        pipeline.write((), [event], observed_unix_nano=now)
    finally:
        delivered = pipeline.close(_DELIVERY_TIMEOUT_S)
    return delivered
