"""Where GenAI events are heard: at the global logger provider, or before there is one (ADR 0042).

Instrumentations emit events to the global logger provider. Where the SDK's is set, a processor of ours is on it.
Where none is, their loggers are proxies that throw away what they get until one is set: then the proxies are
listened to, and whoever sets a provider later gets a processor of ours on it. No provider is ever set here, so
the application's logging and everybody's exporters stay as they are.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from opentelemetry._logs import LogRecord
from opentelemetry._logs import _internal as logs_api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_audit.errors import describe_defect
from otel_audit.sdk.log_events import LogEvents, is_wanted

__all__ = ["LogTap"]

_log = logging.getLogger(__name__)

_lock: Final = threading.RLock()
_taps: list[LogTap] = []
_patched: dict[tuple[object, str], tuple[object, object]] = {}
"""Owner and name of what is patched → what was there, and what is now."""


class LogTap:
    """Hands to one log what the global logger provider gets, from now on until :meth:`close`.

    Args:
        events: takes them.
        resource: of events that come before there is a logger provider, which would have its own.
    """

    def __init__(self, events: LogEvents, resource: Resource) -> None:
        self.events, self.resource = events, resource
        self._attached: tuple[Any, Any] | None = None
        with _lock:
            _taps.append(self)
            provider = logs_api._LOGGER_PROVIDER
            if provider is None:
                _patch()
            else:
                self.attach(provider)

    def attach(self, provider: object) -> None:
        """Put a processor on a logger provider, if it is the SDK's: no other has a place for one."""
        sdk = sys.modules.get("opentelemetry.sdk._logs")
        if self._attached is not None or sdk is None or not isinstance(provider, sdk.LoggerProvider):
            return
        from otel_audit.sdk.log_processor import EventProcessor  # noqa: PLC0415  (loads the log SDK)

        processor = EventProcessor(self.events)
        provider.add_log_record_processor(processor)
        self._attached = provider, processor

    def close(self) -> None:
        """Listen no more: the logger provider and the proxies are as they were."""
        with _lock:
            if self in _taps:
                _taps.remove(self)
            if not _taps:
                _unpatch()
            if self._attached is not None:
                provider, processor = self._attached
                self._attached = None
                active = provider._multi_log_record_processor
                with active._lock:
                    active._log_record_processors = tuple(
                        one for one in active._log_record_processors if one is not processor
                    )


def _patch() -> None:
    _replace(logs_api.ProxyLogger, "emit", _heard)
    _replace(logs_api, "_set_logger_provider", _followed)


def _replace(owner: object, name: str, wrap: Callable[[Any], Any]) -> None:
    if (owner, name) not in _patched:
        before = getattr(owner, name)
        after = wrap(before)
        _patched[owner, name] = before, after
        setattr(owner, name, after)


def _unpatch() -> None:
    for (owner, name), (before, after) in _patched.items():
        # Where somebody has wrapped ours, it stays below theirs and passes everything on.
        if getattr(owner, name) is after:
            setattr(owner, name, before)
    _patched.clear()


def _heard(emit: Callable[..., None]) -> Callable[..., None]:
    """``ProxyLogger.emit``: what a proxy throws away, for want of a provider, is listened to first."""

    @functools.wraps(emit)
    def wrapper(self: Any, record: LogRecord | None = None, **fields: Any) -> None:
        if logs_api._LOGGER_PROVIDER is None and _taps:
            try:
                _hear(self, record, fields)
            except Exception as error:  # noqa: BLE001  (nothing of ours reaches the application)
                _log.error("a defect in hearing an event: %s", describe_defect(error))
        if record is None:
            emit(self, **fields)
        else:
            emit(self, record, **fields)

    return wrapper


def _hear(logger: Any, record: LogRecord | None, fields: dict[str, Any]) -> None:
    name, attributes = (
        (fields.get("event_name"), fields.get("attributes"))
        if record is None
        else (record.event_name, record.attributes)
    )
    if not is_wanted(name, attributes):
        return
    if record is None:
        record = LogRecord(**fields)
    scope = _scope_of(logger)
    for tap in tuple(_taps):
        tap.events.take(record, tap.resource, scope)


_scopes: Final[weakref.WeakKeyDictionary[Any, InstrumentationScope]] = weakref.WeakKeyDictionary()


def _scope_of(logger: Any) -> InstrumentationScope:
    scope = _scopes.get(logger)
    if scope is None:
        scope = _scopes[logger] = InstrumentationScope(
            logger._name, logger._version, logger._schema_url, logger._attributes
        )
    return scope


def _followed(set_provider: Callable[..., None]) -> Callable[..., None]:
    """``_set_logger_provider``, which every way of setting one calls: it gets a processor of each tap."""

    @functools.wraps(set_provider)
    def wrapper(*arguments: Any, **named: Any) -> None:
        set_provider(*arguments, **named)
        try:
            with _lock:
                for tap in _taps:
                    tap.attach(logs_api._LOGGER_PROVIDER)
        except Exception as error:  # noqa: BLE001  (as above)
            _log.error("a defect in attaching to a logger provider: %s", describe_defect(error))

    return wrapper
