"""Calls of real clients to a real server, and their records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import otel_audit
from sdk.written import LIFE
from servers.http_peer import Peer, serving

BODIES = {"request_body": True, "response_body": True}
"""Settings by which every body is captured."""


class Calls:
    """An audited process that calls a peer.

    Attributes:
        provider: of its tracers.
        installation: of ours.
        peer: what it calls.
        url: where that is.
    """

    def __init__(self, peer: Peer, folder: Path, **settings: Any) -> None:
        self.peer, self.url = peer, peer.url
        self._since_unix_nano = 0
        self.provider = settings.pop("provider", None) or TracerProvider(shutdown_on_exit=False)
        self._folder = folder / "log"
        self._read: dict[Path, list[dict[str, Any]]] = {}
        self.installation = otel_audit.install(
            str(self._folder), provider=self.provider, spool=str(folder / "spool"), **settings
        )

    def begin(self) -> Calls:
        """Forget what was before: one log serves many tests."""
        self._since_unix_nano = time.time_ns()
        self.peer.requests.clear()
        self.peer.gate.clear()
        self.peer.connections = self.peer.refusals = 0
        return self

    def all_records(self) -> list[dict[str, Any]]:
        """The records of spans, and those that continue them, in order of time."""
        assert self.installation.flush(60)
        for file in sorted(self._folder.glob("log/*/date=*/hour=*/*.parquet")):
            if file not in self._read:
                self._read[file] = pq.read_table(file, partitioning=None).to_pylist()
        found = [
            row
            for rows in self._read.values()
            for row in rows
            if row["timeUnixNano"] >= self._since_unix_nano and row["eventName"] not in LIFE
        ]
        return sorted(found, key=lambda row: (row["timeUnixNano"], row["sequence"]))

    def records(self) -> list[dict[str, Any]]:
        """The records of calls alone."""
        return [row for row in self.all_records() if row["eventName"] == "http.client"]

    def record(self) -> dict[str, Any]:
        """That of the only call."""
        (found,) = self.records()
        return found


@contextmanager
def calling(folder: Path, *instrumentors: type[BaseInstrumentor], **settings: Any) -> Iterator[Calls]:
    """Audit the calls of instrumented clients.

    Args:
        folder: for the log.
        instrumentors: of OpenTelemetry.
        settings: of ours, every body is captured unless they say otherwise; ``provider`` where there is one.
    """
    with serving() as peer:
        calls = Calls(peer, folder, **{"capture": BODIES, **settings})
        for instrumentor in instrumentors:
            instrumentor().instrument(tracer_provider=calls.provider)
        try:
            yield calls
        finally:
            peer.gate.set()
            for instrumentor in instrumentors:
                instrumentor().uninstrument()
            calls.installation.uninstall()


def truncated(record: dict[str, Any]) -> tuple[int | None, int | None]:
    """How many bytes are known of the request and of the response, where that is not all."""
    return record["capture"]["requestTruncatedAt"], record["capture"]["responseTruncatedAt"]
