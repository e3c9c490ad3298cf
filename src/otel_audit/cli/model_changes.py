"""Changing the registry from a terminal: the version, and its record through a write path of its own."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.errors import ConfigurationError, IntegrityError, StoreError
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.streams import STREAMS
from otel_audit.registry.events import change_event, failure_event
from otel_audit.registry.registry import Changed, Decision, Registry
from otel_audit.registry.state import RegistryState
from otel_audit.registry.versions import Actor, Change
from otel_audit.store.open import open_store

__all__ = ["ChangeRequest", "change_registry", "read_registry"]

_SERVICE: Final = "otel-audit"
"""Whose slot of the spool is used, and which service the records name."""

_DELIVERY_TIMEOUT_S: Final = 60.0
_FAILED_DELIVERY_TIMEOUT_S: Final = 2.0
"""Where the registry could not be written, its records cannot be, either: they wait in the spool."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What somebody wants changed.

    Attributes:
        change: kind of change.
        name: of the model.
        version: of the model, None where there is one.
        decision: what the change means.
        actor: who wants it; None for the user of the operating system.
    """

    change: Change
    name: str
    version: str | None
    decision: Decision
    actor: str | None


def read_registry(destination: str | None) -> RegistryState:
    """The registry, whole.

    Args:
        destination: URL as given; None: as configured.

    Raises:
        ConfigurationError: there is none.
        IntegrityError: versions do not follow each other, or are missing.
        StoreError: it cannot be read.
    """
    with _registry(_options(destination)) as registry:
        registry.check_whole()
        return registry.read()


def change_registry(request: ChangeRequest, destination: str | None) -> tuple[Changed, bool]:
    """Make a change, and a record of it in the log, also where it fails.

    Returns:
        What was changed, and whether its record is at its destination; otherwise it is durable in the spool.

    Raises:
        ConfigurationError: there is no registry.
        InputError: a name is none, or no such model is registered.
        IntegrityError, StoreError: as :func:`read_registry`, or it cannot be written.
    """
    options = _options(destination)
    actor = Actor(request.actor or _user())
    resource = ResourceData({SERVICE_NAME: _SERVICE})
    try:
        with _registry(options) as registry:
            made = registry.change(request.decision, actor)
    except (StoreError, IntegrityError) as error:
        cause = error.cause if isinstance(error, StoreError) else "chain-broken"
        failed = failure_event(
            request.change, request.name, actor, cause=cause, at_unix_nano=time.time_ns(), resource=resource
        )
        _record(options, failed, _FAILED_DELIVERY_TIMEOUT_S)
        raise
    if made.version is None:
        return made, True
    return made, _record(options, change_event(made, made.version, resource), _DELIVERY_TIMEOUT_S)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user may have no name.
        return f"uid-{os.getuid()}"


def _options(destination: str | None) -> PipelineOptions:
    arguments: dict[str, object] = {}
    if destination is not None:
        # One given on the command line is meant for everything, whatever streams have of their own.
        none: dict[str, object] = {"destinations": []}
        arguments = {"destination": destination, "streams": dict.fromkeys(STREAMS, none)}
    return pipeline_options(load(arguments), service=_SERVICE)


@contextmanager
def _registry(options: PipelineOptions) -> Iterator[Registry]:
    if options.registry is None or options.registry.url is None:
        raise ConfigurationError("models.registry is false: no registry of models is used here")
    store = open_store(options.registry.url)
    try:
        yield Registry(store)
    finally:
        store.close()


def _record(options: PipelineOptions, event: LogData, timeout_s: float) -> bool:
    pipeline = Pipeline(options)
    try:
        pipeline.write((), [event], observed_unix_nano=time.time_ns())
    finally:
        delivered = pipeline.close(timeout_s)
    return delivered
