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
        "strict": "the caller waits 5 s, then the health fails and the span stays queued",
    }[log.delivery]
    killed = f"what is in memory: at most {queue}"
    if log.delivery == "strict":
        killed = (
            "nothing that on_end returned for while the health was fine (in StrictASGIMiddleware on a loop)"
        )
    terminated = (
        "nothing; what was recorded is written first"
        if log.on_sigterm == "finish"
        else "the same, where the application sets no handler"
    )
    room = (
        f"{log.spool_max_bytes / _MIB:,.0f} MiB" if log.spool_max_bytes else "4 GiB or half of the free space"
    )
    for failure, lost in (
        ("the process is killed (SIGKILL, out of memory)", killed),
        ("the process is told to end (SIGTERM)", terminated),
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
