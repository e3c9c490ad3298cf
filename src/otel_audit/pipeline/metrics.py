"""Metrics of the log about itself, through the application's own meter provider. Attributes are closed sets.

=========================  ==========  =================================================================
name                       unit        meaning
=========================  ==========  =================================================================
``audit.records.emitted``  {record}    records durable in the spool, by ``audit.stream``; taken by an
                                       ``AuditProvider``, by ``audit.sink``
``audit.records.exported`` {record}    records committed, by ``audit.stream`` and ``audit.store``; acknowledged by
                                       the sink of a provider, by ``audit.sink``
``audit.records.dropped``  {record}    records lost, by ``cause``; each is in a gap record, too (``sdk/gauges.py``)
``audit.export.duration``  s           from the first byte of a commit to its manifest, by ``audit.store``; from an
                                       export to its receipts, by ``audit.sink``
``audit.masked``           {value}     values masked, by ``entity``
``audit.withheld``         {field}     fields that were withheld, by ``reason``, as in ``masking.dropped``
``audit.queue.depth``      {record}    spans and events that wait in memory (``sdk/gauges.py``)
``audit.spool.bytes``      By          bytes of the spool that this process uses (``sdk/gauges.py``)
=========================  ==========  =================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

import otel_audit

if TYPE_CHECKING:
    from otel_audit.mask.masker import MaskedBatch

__all__ = ["METER", "count_acknowledged", "count_committed", "count_durable", "count_emitted", "count_masked"]

METER: Final = metrics.get_meter("otel_audit", otel_audit.__version__)

_emitted = METER.create_counter("audit.records.emitted", "{record}", "records durable in the spool")
_exported = METER.create_counter("audit.records.exported", "{record}", "records committed at a destination")
_masked = METER.create_counter("audit.masked", "{value}", "values masked, by entity")
_withheld = METER.create_counter("audit.withheld", "{field}", "fields withheld, by reason")
_duration = METER.create_histogram("audit.export.duration", "s", "time a commit takes")


_PROVIDER: Final = {"audit.sink": "provider"}


def count_emitted() -> None:
    """A provider of the audit signal took a record."""
    _emitted.add(1, _PROVIDER)


def count_acknowledged(records: int, seconds: float) -> None:
    """A sink acknowledged records of a provider.

    Args:
        records: how many.
        seconds: from the export to its receipts.
    """
    _exported.add(records, _PROVIDER)
    _duration.record(seconds, _PROVIDER)


def count_durable(stream: str, records: int) -> None:
    """Records of a stream became durable."""
    _emitted.add(records, {"audit.stream": stream})


def count_committed(stream: str, store: str, records: int, seconds: float) -> None:
    """A commit is at its destination.

    Args:
        stream: whose.
        store: scheme of the destination's URL.
        records: rows of its files.
        seconds: how long it took.
    """
    _exported.add(records, {"audit.stream": stream, "audit.store": store})
    _duration.record(seconds, {"audit.store": store})


def count_masked(masked: MaskedBatch) -> None:
    """Values were masked and fields withheld in a batch that is now durable."""
    for entity, values in masked.masked_values().items():
        _masked.add(values, {"entity": entity})
    for reason, fields in masked.withheld_fields().items():
        _withheld.add(fields, {"reason": reason})
