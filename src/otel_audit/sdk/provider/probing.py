"""Looks, when a processor is configured, whether it only adds."""

from __future__ import annotations

import time
from typing import Final

from otel_audit.convert.audit import RECORD_ID
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.provider.processors import AuditRecordProcessor, ExportingProcessor

__all__ = ["check_processor"]

_PROBE: Final = {
    RECORD_ID: "00000000-0000-4000-8000-000000000000",
    "audit.actor.id": "unknown",
    "audit.actor.type": "system",
    "audit.action": "CONFIGURE",
    "audit.outcome": "unknown",
}


def check_processor(processor: object) -> None:
    """Judges a processor, by a record that goes nowhere if it is one that adds.

    Raises:
        ConfigurationError: it is no processor of this signal, or it removes, changes or refuses what it is given.
    """
    if not isinstance(processor, AuditRecordProcessor):
        raise ConfigurationError(
            f"{type(processor).__name__} is no AuditRecordProcessor: processors of other signals may drop records, "
            "and no audit record is dropped"
        )
    if isinstance(processor, ExportingProcessor):
        return
    probe = AuditRecord("otel.audit.probe", _PROBE, timestamp=time.time_ns())
    before = probe.event_name, probe.timestamp, probe.body
    try:
        processor.on_emit(probe)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  (anybody's processor)
        raise ConfigurationError(
            f"{type(processor).__name__} does not take a record that only has what every record has "
            f"({type(error).__name__}): processors may add, and neither remove nor filter"
        ) from None
    kept = {name: value for name, value in probe.attributes.items() if name in _PROBE}
    if kept != _PROBE or (probe.event_name, probe.timestamp, probe.body) != before:
        raise ConfigurationError(f"{type(processor).__name__} changes records: processors may only add")
