"""What an application itself has to say: ``emit`` returns a receipt for a record that is durable.

The names and rules are those of OpenTelemetry's draft audit signal: an event has a dotted name, an actor, an
action and an outcome; what is missing is an error at once; ``emit`` blocks until the record is durable and never
returns quietly without. The logger here writes into the log of this process; those of an ``AuditProvider`` send to a
sink.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Final, Unpack

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

from otel_audit.audit_signal.requirements import check_record
from otel_audit.config import load
from otel_audit.convert.audit import RECORD_ID, is_safe_event_name
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.convert.values import plain
from otel_audit.errors import InputError
from otel_audit.events import Event
from otel_audit.record.ids import given_record_id, random_record_id
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.recorder import Recorder
from otel_audit.sdk.sharing import acquire, only
from otel_audit.sdk.statement import Fields, statement

__all__ = ["DEFAULT_TIMEOUT_S", "AuditLogger", "AuditReceipt", "get_audit_logger"]

DEFAULT_TIMEOUT_S: Final = 30.0


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

    @property
    def is_strict(self) -> bool:
        """Whether this log is one whose records are waited for."""
        return self._recorder.settings.log.delivery == "strict"

    def emit(
        self,
        event_name: str | Event | AuditRecord,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        **fields: Unpack[Fields],
    ) -> AuditReceipt:
        """Record an event. Blocks until its record is durable on the local disk, in every delivery mode.

        Not for a thread that runs an event loop: ``await asyncio.to_thread(logger.emit, ...)`` there.

        Args:
            event_name: one of ``otel_audit.events``, or a name of your own: stable, dotted, lower case, such as
                ``invoice.approve``, and not under ``audit.``. Or a whole record as the draft has it, without fields.
            timeout_s: how long it may take.
            fields: what it says, see :class:`Fields`; ``actor_id`` and ``outcome`` are required, and ``action``
                for a name of your own.

        Returns:
            The receipt. The record survives a crash of the machine, and is at its destinations after the next
            rotation.

        Raises:
            InputError: something required is missing or not in the form that the draft asks for.
            NotDurable: the record is not durable in time, or was given up.
        """
        final_id, event = self.event(event_name, fields)
        record_hash, durable_unix_nano = self._recorder.emit(event, final_id, timeout_s)
        return AuditReceipt(final_id, f"sha256:{record_hash.hex()}", durable_unix_nano)

    def event(self, event_name: str | Event | AuditRecord, fields: Fields) -> tuple[str, LogData]:
        """The id of a record, and what becomes it. Reads the current span and whoever acts in it.

        Raises:
            InputError: as :meth:`emit`.
        """
        now = time.time_ns()
        if isinstance(event_name, AuditRecord):
            return self._event_of(event_name, fields, now)
        oddities: list[str] = []
        name, named = statement(event_name, fields, now)
        final_id = self._final_id(fields.get("record_id"))
        named[RECORD_ID] = final_id
        context = trace.get_current_span().get_span_context()
        return final_id, LogData(
            name=name,
            time_unix_nano=fields.get("time_unix_nano") or now,
            observed_unix_nano=now,
            trace_id=f"{context.trace_id:032x}" if context.is_valid else "",
            span_id=f"{context.span_id:016x}" if context.is_valid else "",
            body=plain(fields.get("body"), oddities),
            attributes={key: plain(value, oddities) for key, value in named.items() if value is not None},
            resource=self._resource(),
            oddities=oddities,
            is_emitted=True,
        )

    def _event_of(self, record: AuditRecord, fields: Fields, now: int) -> tuple[str, LogData]:
        if fields:
            raise InputError("a whole record is emitted without further fields")
        record.observe(now)
        log = AuditRecord.of(record.log()).log()
        if not is_safe_event_name(log.name):
            raise InputError(
                "event_name has two or more dotted words in lower case, such as user.login, and is not under audit."
            )
        final_id = self._final_id(record.record_id)
        log.attributes[RECORD_ID] = final_id
        log.resource, log.is_emitted = self._resource(), True
        check_record(log)
        return final_id, log

    def _final_id(self, given: str | None) -> str:
        return given_record_id(self._recorder.settings.log.tenant, given) if given else random_record_id()

    def _resource(self) -> ResourceData:
        return _resource()

    def hand_over(self, event: LogData) -> None:
        """Record an event without waiting for it, as an ended span is recorded. Never raises."""
        self._recorder.hand_over(event)

    def emit_event(self, record_id: str, event: LogData, timeout_s: float) -> None:
        """Record what :meth:`event` made, and wait until it is durable.

        Raises:
            NotDurable: as :meth:`emit`.
        """
        self._recorder.emit(event, record_id, timeout_s)


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


class _Resources:
    """The last resource that was read: what the SDK makes up for want of a provider is another instance each time."""

    read: tuple[object, int, ResourceData] | None = None


def _resource() -> ResourceData:
    given = getattr(trace.get_tracer_provider(), "resource", None)
    pid, last = os.getpid(), _Resources.read
    if last is not None and last[0] is given and last[1] == pid:
        return last[2]
    attributes = (given or Resource.create()).attributes
    resource = ResourceData({key: plain(value, []) for key, value in attributes.items()})
    _Resources.read = given, pid, resource
    return resource
