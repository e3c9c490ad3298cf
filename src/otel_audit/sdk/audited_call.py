"""One call of an audited function: from when to when, who, on what, how it ended; and its way into the log."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, cast

from otel_audit.convert.audit import is_safe_event_name
from otel_audit.convert.spans import LogData
from otel_audit.errors import AuditError, InputError, NotDurable, describe_defect
from otel_audit.events import Event
from otel_audit.pipeline.saying import Saying
from otel_audit.sdk.audit_logger import DEFAULT_TIMEOUT_S, AuditLogger, get_audit_logger
from otel_audit.sdk.caller import runs_event_loop
from otel_audit.sdk.identity.current import who_is_it
from otel_audit.sdk.recorder import STRICT_WAIT_S
from otel_audit.sdk.sharing import only
from otel_audit.sdk.statement import ACTION, Fields

__all__ = ["AuditedCall", "AuditedFunction"]

_saying: Final = Saying(logging.getLogger(__name__))

_UNDECIDED: Final = frozenset({"GeneratorExit", "CancelledError", "Cancelled"})
"""Names of what ends a call from outside; asyncio's is not imported for it."""

_LOOK_EVERY_S: Final = 10.0

_LONGEST: Final = 1_024
"""Characters of a target or an actor; what is longer is no name of anything."""


class AuditedFunction:
    """What is the same for all calls of a function. Arguments as of :func:`~otel_audit.audited`."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        event_name: str | Event | None,
        action: str | None,
        target: str | Callable[..., object] | None,
        target_type: str | None,
        actor: str | Callable[..., object] | None,
        attributes: Mapping[str, object] | Callable[..., Mapping[str, object]] | None,
        required: bool,
    ) -> None:
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.required = required
        self._target, self._actor, self._attributes = target, actor, attributes
        self._signature = inspect.signature(function)
        event = event_name if isinstance(event_name, Event) else None
        action = action or (event.action if event is not None else None)
        if action is None or not ACTION.fullmatch(action):
            raise InputError(
                "audited() needs an event of otel_audit.events, or an action: an upper-case verb"
            )
        target_type = target_type or (event.target_type if event is not None else None)
        self.event_name = event_name or f"{target_type or 'function'}.{action}".lower()
        name = self.event_name.name if isinstance(self.event_name, Event) else self.event_name
        if not is_safe_event_name(name):
            raise InputError(f"event_name is two or more dotted words in lower case, not {name!r}")
        self._constant: dict[str, Any] = {"action": action, "target_type": target_type}

    def called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AuditedCall:
        """A call with these arguments.

        Raises:
            ConfigurationError: it is required, and there is no log.
        """
        return AuditedCall(self, args, kwargs)

    def fields(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What is known of a call before it; never raises for what the application's own functions do."""
        found = dict(self._constant)
        target = self._target
        if isinstance(target, str) and target in self._signature.parameters:
            found["target_id"] = self._tried("target", self._argument, target, args, kwargs)
        else:
            found["target_id"] = self._of(target, "target", args, kwargs)
        found["actor_id"] = self._of(self._actor, "actor", args, kwargs)
        if callable(self._attributes):
            found["attributes"] = self._tried("attributes", self._attributes, *args, **kwargs)
        else:
            found["attributes"] = self._attributes
        return found

    def _argument(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _text(bound.arguments[name])

    def _of(self, given: object, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        if callable(given):
            told: str | None = self._tried(name, lambda: _text(given(*args, **kwargs)))
            return told
        return _text(given)

    def _tried(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  (the application's own, and no reason not to call its function)
            self.say(f"{name} could not be told", error)
            return None

    def say(self, what: str, error: Exception) -> None:
        """Tell people, now and then, what is missing from the log. Never what an error of others says."""
        why = str(error) if isinstance(error, AuditError) else describe_defect(error)
        _saying.error("audited calls of %s: %s", self.name, f"{what} ({why})")


class AuditedCall:
    """A context manager, plain or asynchronous, around one call.

    Args:
        function: which.
        args: by position.
        kwargs: by name.

    Raises:
        ConfigurationError: it is required, and there is no log.
    """

    def __init__(self, function: AuditedFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._function, self._logger = function, _logger(function)
        self._fields = function.fields(args, kwargs) if self._logger is not None else {}
        self._unix_nano, self._began_ns = time.time_ns(), time.perf_counter_ns()

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._record(error)
        if record is None:
            return
        logger, record_id, event = record
        if self._function.required or (logger.is_strict and not runs_event_loop()):
            try:
                logger.emit_event(record_id, event, self._timeout_s)
            except NotDurable as why:
                self._not_durable(why, error)
        else:
            logger.hand_over(event)

    async def __aenter__(self) -> None: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self._record(error)
        if record is None:
            return
        logger, record_id, event = record
        if self._function.required or logger.is_strict:
            # Not at the top: asyncio imports ssl, and here the application has done so already.
            import asyncio  # noqa: PLC0415

            try:
                await asyncio.to_thread(logger.emit_event, record_id, event, self._timeout_s)
            except NotDurable as why:
                self._not_durable(why, error)
        else:
            logger.hand_over(event)

    @property
    def _timeout_s(self) -> float:
        return DEFAULT_TIMEOUT_S if self._function.required else STRICT_WAIT_S

    def _not_durable(self, why: NotDurable, error: BaseException | None) -> None:
        if self._function.required and error is None:
            raise why
        self._function.say("a record is not durable", why)

    def _record(self, error: BaseException | None) -> tuple[AuditLogger, str, LogData] | None:
        logger = self._logger
        if logger is None:
            return None
        duration_ns = time.perf_counter_ns() - self._began_ns
        try:
            found = self._fields
            if found["actor_id"] is None:
                found |= _present()
            told = {**found, **_ending(error), "time_unix_nano": self._unix_nano, "duration_ns": duration_ns}
            return (logger, *logger.event(self._function.event_name, cast("Fields", told)))
        except Exception as why:
            if self._function.required and error is None:
                raise
            self._function.say("a call could not be recorded", why)
            return None


class _Unconfigured:
    """When it was last found that there is no log: settings are not read again for each call."""

    at_s = float("-inf")


def _logger(function: AuditedFunction) -> AuditLogger | None:
    if not function.required and only() is None and time.monotonic() - _Unconfigured.at_s < _LOOK_EVERY_S:
        return None
    try:
        return get_audit_logger()
    except AuditError as error:
        if function.required:
            raise
        _Unconfigured.at_s = time.monotonic()
        function.say("they are not audited", error)
        return None


def _present() -> dict[str, Any]:
    """Whoever acts now: known only after the call, where the call itself is what finds out."""
    user = who_is_it().user
    if user is None:
        return {"actor_id": "unknown"}
    if not user.id:
        return {"actor_id": "anonymous"}
    return {
        "actor_id": user.id,
        "actor_type": user.type,
        "actor_name": user.name or None,
        "actor_email": user.email or None,
        "actor_roles": [role for role in user.roles if role],
    }


def _ending(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {"outcome": "success"}
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    outcome = "unknown" if kind.__name__ in _UNDECIDED else "failure"
    try:
        message = str(error).strip() or None
    except Exception:  # noqa: BLE001  (what an exception says of itself may fail, too)
        message = None
    return {"outcome": outcome, "error_type": name, "error_message": message}


def _text(value: object) -> str | None:
    if value is None:
        return None
    return str(value)[:_LONGEST].strip() or None
