"""What the sink did so far, as Prometheus' text format has it (version 0.0.4).

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from otel_audit.receive.answers import Verdict

__all__ = ["CONTENT_TYPE", "Figures", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels: TypeAlias = "tuple[tuple[str, str], ...]"


class Figures:
    """Counts requests. Thread-safe. Every label is of a closed set: nobody can make series from outside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Labels] = Counter()
        self._bytes: Counter[Labels] = Counter()
        self._seconds: Counter[Labels] = Counter()

    def count(self, transport: str, signal: str, verdict: Verdict, size: int, seconds: float) -> None:
        """Count an answer.

        Args:
            transport: ``grpc`` or ``http``.
            signal: ``traces``, ``logs``, ``audit`` or ``none``.
            verdict: what became of the request.
            size: bytes of its body as far as they were read.
            seconds: from its first byte to its answer.
        """
        where = (("transport", transport), ("signal", signal))
        answered = (*where, ("answer", verdict.value))
        with self._lock:
            self._requests[answered] += 1
            self._bytes[where] += size
            self._seconds[answered] += seconds  # type: ignore[assignment]  # a Counter of seconds

    def metrics(self) -> Iterator[tuple[str, str, str, Mapping[Labels, float]]]:
        """Name, type, help and samples of each."""
        with self._lock:
            requests, sizes, seconds = dict(self._requests), dict(self._bytes), dict(self._seconds)
        yield "otel_audit_received_requests_total", "counter", "Requests by how they were answered", requests
        yield "otel_audit_received_bytes_total", "counter", "Bytes of bodies as they were sent", sizes
        yield "otel_audit_received_seconds_total", "counter", "Time to the answer, summed", seconds


def exposition(metrics: Iterator[tuple[str, str, str, Mapping[Labels, float]]]) -> bytes:
    """Returns metrics as text.

    Args:
        metrics: name, type, help, and samples by labels, whose values hold no quotes, backslashes or line feeds.
    """
    lines = []
    for name, kind, meaning, samples in metrics:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        for labels, value in samples.items():
            within = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{within}}} {value!r}" if labels else f"{name} {value!r}")
    return ("\n".join(lines) + "\n").encode()
