"""What is lost in which failure, for the delivery mode that is set (``docs/guarantees.md``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from otel_audit.cli.doctor.finding import Finding
from otel_audit.config import Settings

_MIB: Final = 2**20


def findings(settings: Settings) -> Iterator[Finding]:
    """One sentence a failure."""
    log = settings.log
    queue = f"{log.queue_max_records:,} spans"
    full = {
        "blocking": "the caller waits, 5 s an episode (50 ms on an event loop), then the loss is counted",
        "best-effort": "the span is dropped at once and the loss is counted",
    }[log.delivery]
    room = (
        f"{log.spool_max_bytes / _MIB:,.0f} MiB" if log.spool_max_bytes else "4 GiB or half of the free space"
    )
    for failure, lost in (
        ("the process is killed (SIGKILL, out of memory)", f"what is in memory: at most {queue}"),
        (
            "the machine loses power",
            "the same; what is in the spool was fsynced and survives",
        ),
        ("the queue is full", full),
        ("the destination is away", f"nothing, until the spool holds {room}; then new records, counted"),
        (
            "the spool's disk is lost",
            f"what was not uploaded: usually the last {settings.rotation.max_age:g} s",
        ),
        ("through OTEL_TRACES_EXPORTER", "also what the SDK's batch processor drops before it hands over"),
        (
            "outside the promise",
            "spans that never end, what SDK limits cut, excluded URLs, spans not sampled before an exporter",
        ),
    ):
        yield Finding("note", f"{failure}: {lost}")
    yield Finding("note", "a counted loss is in a metric, in a log line and, as audit.gap, in the log itself")
