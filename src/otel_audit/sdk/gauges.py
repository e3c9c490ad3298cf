"""What is read off every recorder of this process when metrics are collected.

Losses are counted here and not where they happen: that may be a signal handler, which has interrupted whoever
holds the lock of a counter.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from opentelemetry.metrics import CallbackOptions, Observation

from otel_audit.pipeline.metrics import METER
from otel_audit.sdk.capture.memory import MEMORY

__all__ = ["observe"]


class Observed(Protocol):
    """What has a queue and a spool."""

    def lost(self) -> Mapping[str, int]: ...
    def queue_depth(self) -> int: ...
    def spool_bytes(self) -> int: ...


_observed: Final[weakref.WeakSet[Observed]] = weakref.WeakSet()


def observe(observed: Observed) -> None:
    """Include it in the gauges for as long as it lives."""
    _observed.add(observed)


def _depth(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(sum(one.queue_depth() for one in tuple(_observed)))]


def _bytes(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(sum(one.spool_bytes() for one in tuple(_observed)))]


def _dropped(_: CallbackOptions) -> Iterable[Observation]:
    totals: Counter[str] = Counter()
    for one in tuple(_observed):
        totals.update(one.lost())
    return [Observation(count, {"cause": cause}) for cause, count in totals.items()]


def _withheld(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(MEMORY.refused)]


METER.create_observable_counter("audit.records.dropped", [_dropped], "{record}", "records lost, by cause")
METER.create_observable_gauge(
    "audit.queue.depth", [_depth], "{record}", "spans and events that wait in memory"
)
METER.create_observable_gauge(
    "audit.spool.bytes", [_bytes], "By", "bytes of the spool that this process uses"
)
METER.create_observable_counter(
    "audit.capture.withheld", [_withheld], "{body}", "captured bodies that found no room in memory"
)
