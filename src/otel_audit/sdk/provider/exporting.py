"""What every exporter promises, and what becomes of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from otel_audit.convert.spans import LogData
from otel_audit.sdk.audit_logger import AuditReceipt

__all__ = ["AuditRecordExporter", "ExportResult", "Failure"]

Failure: TypeAlias = Literal["retry", "denied", "refused"]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What became of an export.

    Attributes:
        receipts: by record id, one for each record; empty where it failed.
        failure: ``retry``: it may go through later; ``denied``: not before somebody acts on credentials;
            ``refused``: these records never will. ``None`` where all of them were acknowledged.
        cause: why it failed, without a value of any record.
        retry_after_s: when the sink wants to be asked again, if it says so.
    """

    receipts: Mapping[str, AuditReceipt] = field(default_factory=dict)
    failure: Failure | None = None
    cause: str = ""
    retry_after_s: float | None = None


@runtime_checkable
class AuditRecordExporter(Protocol):
    """Brings records to a sink. :meth:`export` is called by one thread at a time, the others by any."""

    def export(self, records: Sequence[LogData], timeout_s: float) -> ExportResult:
        """Bring records to the sink, all or none of them. Never raises for what a sink answers.

        Args:
            records: each with its id and resource.
            timeout_s: after which it has failed.
        """

    def force_flush(self, timeout_s: float) -> bool:
        """Bring what is held back to the sink. Returns whether that is done."""

    def shutdown(self, timeout_s: float) -> bool:
        """Release what is held; exports fail from then on. Returns whether that is done."""
