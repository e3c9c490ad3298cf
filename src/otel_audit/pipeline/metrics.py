"""Metrics of the log about itself, through the application's own meter provider. Attributes are closed sets.

=========================  ==========  =================================================================
name                       unit        meaning
=========================  ==========  =================================================================
``audit.records.emitted``  {record}    records durable in the spool, by ``audit.stream``
``audit.records.exported`` {record}    records committed, by ``audit.stream`` and ``audit.store``
``audit.records.dropped``  {record}    records lost, by ``cause``; each is in a gap record, too (``sdk/gauges.py``)
``audit.export.duration``  s           from the first byte of a commit to its manifest, by ``audit.store``
``audit.masked``           {value}     values masked, by ``entity``
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

__all__ = ["METER", "count_committed", "count_durable", "count_masked"]

METER: Final = metrics.get_meter("otel_audit", otel_audit.__version__)

_emitted = METER.create_counter("audit.records.emitted", "{record}", "records durable in the spool")
_exported = METER.create_counter("audit.records.exported", "{record}", "records committed at a destination")
_masked = METER.create_counter("audit.masked", "{value}", "values masked, by entity")
_duration = METER.create_histogram("audit.export.duration", "s", "time a commit takes")


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
    """Values were masked in a batch that is now durable."""
    for entity, values in masked.masked_values().items():
        _masked.add(values, {"entity": entity})
