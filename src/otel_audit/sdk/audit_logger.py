"""What an application itself has to say: ``emit`` returns a receipt for a record that is durable.

The names and rules are those of OpenTelemetry's draft audit signal: an event has a dotted name, an actor, an
action and an outcome; what is missing is an error at once; ``emit`` blocks until the record is durable and never
returns quietly without.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from otel_audit.config import load
from otel_audit.convert.audit import is_safe_event_name
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.convert.values import plain
from otel_audit.errors import InputError
from otel_audit.record.ids import given_record_id, random_record_id
from otel_audit.sdk.recorder import Recorder
from otel_audit.sdk.sharing import acquire, only

__all__ = ["AuditLogger", "AuditReceipt", "get_audit_logger"]

_ACTION: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_ACTORS: Final = ("user", "service", "system")
_OUTCOMES: Final = ("success", "failure", "unknown")

_DEFAULT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class AuditReceipt:
    """Proof that a record was taken.

    Attributes:
        record_id: under which it is found.
        integrity_hash: its recordHash, ``sha256:<hex>``: of the canonical JSON of the record as it is stored,
            after masking (``docs/format.md``).
        sink_timestamp: when it was durable, nanoseconds since the epoch.
    """

    record_id: str
    integrity_hash: str
    sink_timestamp: int


class AuditLogger:
    """Emits audit records into the log of this process. Thread-safe; :func:`get_audit_logger` makes one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def emit(
        self,
        event_name: str,
        *,
        actor_id: str,
        action: str,
        outcome: Literal["success", "failure", "unknown"],
        actor_type: Literal["user", "service", "system"] = "user",
        target_id: str | None = None,
        target_type: str | None = None,
        source_id: str | None = None,
        purpose: str | None = None,
        subjects: Sequence[str] = (),
        changes: Sequence[Mapping[str, object]] | None = None,
        attributes: Mapping[str, object] | None = None,
        time_unix_nano: int | None = None,
        record_id: str | None = None,
        timeout_s: float = _DEFAULT_TIMEOUT_S,
    ) -> AuditReceipt:
        """Record an event. Blocks until its record is durable on the local disk, in every delivery mode.

        Not for a thread that runs an event loop: ``await asyncio.to_thread(logger.emit, ...)`` there.

        Args:
            event_name: stable, dotted, lower case: ``user.login``, ``model.deploy``. Not under ``audit.``.
            actor_id: who did it; ``anonymous`` or ``unknown`` when nobody is known.
            action: an upper-case verb.
            outcome: whether it worked.
            actor_type: what the actor is.
            target_id: what it was done to.
            target_type: what kind of thing that is.
            source_id: address or host name that it came from.
            purpose: why.
            subjects: persons concerned; written as pseudonyms, or withheld where there is no key.
            changes: ``[{"path": …, "before": …, "after": …}]`` of an update.
            attributes: whatever else is to be kept; ``audit.*`` as in the draft. Masked like everything.
            time_unix_nano: when it happened; by default now.
            record_id: a UUID under which the same event is emitted again after an error; random by default.
            timeout_s: how long it may take.

        Returns:
            The receipt. The record survives a crash of the machine, and is at its destinations after the next
            rotation.

        Raises:
            InputError: something required is missing or not in the form that the draft asks for.
            NotDurable: the record is not durable in time, or was given up.
        """
        _check(event_name, actor_id, actor_type, action, outcome)
        now = time.time_ns()
        tenant = self._recorder.settings.log.tenant
        final_id = given_record_id(tenant, record_id) if record_id else random_record_id()
        named: dict[str, object | None] = {
            **(attributes or {}),
            "audit.record.id": final_id,
            "audit.actor.id": actor_id,
            "audit.actor.type": actor_type,
            "audit.action": action,
            "audit.outcome": outcome,
            "audit.target.id": target_id,
            "audit.target.type": target_type,
            "audit.source.id": source_id,
            "audit.purpose": purpose,
            "audit.subject.ids": list(subjects) or None,
            "audit.changes": None if changes is None else [dict(change) for change in changes],
        }
        oddities: list[str] = []
        context = trace.get_current_span().get_span_context()
        event = LogData(
            name=event_name,
            time_unix_nano=now if time_unix_nano is None else time_unix_nano,
            observed_unix_nano=now,
            trace_id=f"{context.trace_id:032x}" if context.is_valid else "",
            span_id=f"{context.span_id:016x}" if context.is_valid else "",
            body=None,
            attributes={key: plain(value, oddities) for key, value in named.items() if value is not None},
            resource=_resource(),
            oddities=oddities,
            is_emitted=True,
        )
        record_hash, durable_unix_nano = self._recorder.emit(event, final_id, timeout_s)
        return AuditReceipt(final_id, f"sha256:{record_hash.hex()}", durable_unix_nano)


_lock: Final = threading.Lock()
_own: list[Recorder] = []
"""The recorder that was made for loggers, where no door had made one. Its process closes it."""


def get_audit_logger(name: str = "", version: str = "") -> AuditLogger:
    """The logger that writes where this process's doors write; without any, where the settings say.

    Args:
        name: accepted as OpenTelemetry's other signals have it; an audit record carries no scope.
        version: likewise.

    Raises:
        ConfigurationError: no door is open, and the settings are wrong or name no destination.
    """
    del name, version
    with _lock:
        recorder = only()
        if recorder is None:
            recorder = acquire(load())
            _own.append(recorder)
        return AuditLogger(recorder)


def _check(event_name: str, actor_id: str, actor_type: str, action: str, outcome: str) -> None:
    if not isinstance(event_name, str) or not is_safe_event_name(event_name):
        raise InputError(
            "event_name is two or more dotted words in lower case, such as user.login, and not under audit."
        )
    if not isinstance(actor_id, str) or not actor_id.strip():
        raise InputError("actor_id is required: who did it, or anonymous, or unknown")
    if actor_type not in _ACTORS:
        raise InputError(f"actor_type is one of {', '.join(_ACTORS)}")
    if not isinstance(action, str) or not _ACTION.fullmatch(action):
        raise InputError("action is an upper-case verb, such as DELETE")
    if outcome not in _OUTCOMES:
        raise InputError(f"outcome is one of {', '.join(_OUTCOMES)}")


def _resource() -> ResourceData:
    provider = trace.get_tracer_provider()
    resource = getattr(provider, "resource", None) or Resource.create()
    return ResourceData({key: plain(value, []) for key, value in resource.attributes.items()})
