"""The loggers of a provider."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Unpack

from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.events import Event
from otel_audit.record.ids import random_record_id
from otel_audit.sdk.audit_logger import DEFAULT_TIMEOUT_S, AuditLogger, AuditReceipt
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.statement import Fields

if TYPE_CHECKING:
    from otel_audit.sdk.provider.provider import AuditProvider

__all__ = ["ProviderAuditLogger"]


class ProviderAuditLogger(AuditLogger):
    """Emits audit records to the sinks of its provider. Thread-safe: concurrent calls are put in an order, which
    stays. :meth:`AuditProvider.get_audit_logger` makes one.

    Attributes:
        name: of the part of the application that emits.
        version: of that part.
        schema_url: of what it emits. Like the name it labels the logger and is not sent.
    """

    def __init__(
        self, provider: AuditProvider, name: str, version: str | None, schema_url: str | None
    ) -> None:
        self._provider, self.name, self.version, self.schema_url = provider, name, version, schema_url

    @property
    def is_strict(self) -> bool:
        """Always: whoever emits waits."""
        return True

    def emit(
        self,
        event_name: str | Event | AuditRecord,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        **fields: Unpack[Fields],
    ) -> AuditReceipt:
        """Send an event. Blocks until every sink of the provider has acknowledged its record.

        Args:
            event_name: as :meth:`AuditLogger.emit`.
            timeout_s: how long it may take, further attempts included.
            fields: likewise.

        Returns:
            The receipt of the sink.

        Raises:
            InputError: something required is missing or not in the form that the draft asks for.
            NotDurable: no sink has acknowledged it, in time or at all, or the provider is shut down.
        """
        return self._provider.emit(self.event(event_name, fields)[1], timeout_s)

    def emit_async(
        self,
        event_name: str | Event | AuditRecord,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        **fields: Unpack[Fields],
    ) -> Future[AuditReceipt]:
        """Send an event without waiting for its receipt.

        With a buffer on disk the record is durable on return, and outlives this process. Otherwise whoever does
        not wait for the future does not know.

        Args:
            event_name: as :meth:`emit`.
            timeout_s: how long it may wait for room.
            fields: likewise.

        Returns:
            The receipt of the sink, or why there is none: :class:`NotDurable`.

        Raises:
            InputError: as :meth:`emit`.
            NotDurable: it is not taken.
        """
        return self._provider.emit_async(self.event(event_name, fields)[1], timeout_s)

    def hand_over(self, event: LogData) -> None:
        """As :meth:`emit_async`."""
        self._provider.emit_async(event, DEFAULT_TIMEOUT_S)

    def emit_event(self, record_id: str, event: LogData, timeout_s: float) -> None:
        """As :meth:`emit`."""
        self._provider.emit(event, timeout_s)

    def _final_id(self, given: str | None) -> str:
        # As it is: the sink answers with it.
        return given or random_record_id()

    def _resource(self) -> ResourceData:
        return self._provider.resource
