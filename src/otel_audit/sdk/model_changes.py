"""Changes to the registry of models that the application makes, each with its record in the log.

The registry is read and written on a thread of ours, which the caller waits for: what a store's client sends and
loads is none of the application's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.config.build import pipeline_options
from otel_audit.convert.audit import RECORD_ID
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.convert.values import plain
from otel_audit.errors import ConfigurationError, IntegrityError, Retry, StoreError
from otel_audit.record.ids import random_record_id
from otel_audit.registry.events import change_event, failure_event
from otel_audit.registry.known import in_use
from otel_audit.registry.registry import Decision, Registry
from otel_audit.registry.state import EMPTY, RegistryState
from otel_audit.registry.versions import Actor, Change
from otel_audit.sdk.recorder import Recorder
from otel_audit.store.open import open_store
from otel_audit.store.own_traffic import own_traffic

__all__ = ["ModelChanges"]

_UNNAMED: Final = "unknown"

Result = TypeVar("Result")


class ModelChanges:
    """The registry of the log that a recorder writes to.

    Args:
        recorder: takes the records of changes.

    Raises:
        ConfigurationError: the settings say that no registry is used.
    """

    def __init__(self, recorder: Recorder) -> None:
        options = pipeline_options(recorder.settings).registry
        if options is None or options.url is None:
            raise ConfigurationError("models.registry is false: no registry of models is used here")
        self._recorder, self._url = recorder, options.url

    def read(self, timeout_s: float) -> RegistryState:
        """The registry as it is now.

        Raises:
            StoreError: it cannot be read, or not in time.
            IntegrityError: versions do not follow each other.
        """
        return _on_our_thread(lambda: self._with_registry(Registry.read), timeout_s)

    def change(
        self, kind: Change, name: str, decide: Decision, actor: Actor | None, timeout_s: float
    ) -> RegistryState:
        """Make a change, and a durable record of it, also where it fails.

        Args:
            kind: what is to be done.
            name: of the model.
            decide: what that means.
            actor: who wants it; by default this service.
            timeout_s: how long it may take.

        Returns:
            The registry afterwards.

        Raises:
            InputError: a name is none, or no such model is registered.
            StoreError: the registry cannot be read or written, or not in time. Doing the same again is safe.
            IntegrityError: versions do not follow each other.
            NotDurable: the change was made, and its record is not durable.
        """
        resource = _resource()
        actor = actor or Actor(str(resource.attributes.get(SERVICE_NAME) or _UNNAMED), "service")
        deadline = time.monotonic() + timeout_s
        try:
            made = _on_our_thread(
                lambda: self._with_registry(lambda registry: registry.change(decide, actor)), timeout_s
            )
        except (StoreError, IntegrityError) as error:
            cause = error.cause if isinstance(error, StoreError) else "chain-broken"
            event = failure_event(
                kind, name, actor, cause=cause, at_unix_nano=time.time_ns(), resource=resource
            )
            self._emit(event, timeout_s)
            raise
        for known in in_use(self._url):
            known.learn(made.after)
        if made.version is not None:
            self._emit(change_event(made, made.version, resource), max(1.0, deadline - time.monotonic()))
        return made.after

    def refresh(self, timeout_s: float) -> None:
        """Go by what the registries say now, from the next batch on.

        Raises:
            StoreError: one cannot be read, or not in time.
            IntegrityError: versions do not follow each other.
        """
        for known in in_use(self._url):
            _on_our_thread(known.refresh, timeout_s)

    def _with_registry(self, use: Callable[[Registry], Result]) -> Result:
        with own_traffic():
            store = open_store(self._url)
            try:
                return use(Registry(store, self._known()))
            finally:
                store.close()

    def _known(self) -> RegistryState:
        states = [known.state for known in in_use(self._url)]
        return max(states, key=lambda state: state.number, default=EMPTY)

    def _emit(self, event: LogData, timeout_s: float) -> None:
        record_id = random_record_id()
        event.attributes[RECORD_ID] = record_id
        self._recorder.emit(event, record_id, timeout_s)


def _on_our_thread(work: Callable[[], Result], timeout_s: float) -> Result:
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  (whoever waits raises it)
            failed.append(error)

    thread = threading.Thread(target=run, name="otel-audit-models", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The interpreter ends, or the system has no more: then whoever asks does the work.
        run()
    else:
        thread.join(timeout_s)
    if failed:
        raise failed[0]
    if not done:
        raise Retry("timeout")
    return done[0]


def _resource() -> ResourceData:
    provider = trace.get_tracer_provider()
    resource = getattr(provider, "resource", None) or Resource.create()
    return ResourceData({key: plain(value, []) for key, value in resource.attributes.items()})
