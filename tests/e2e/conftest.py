"""Sinks that a Collector is in front of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otel_audit.cli.main import cli
from receive.conftest import SinkProcess
from sdk.written import rows
from servers.fake_gcs import free_port


class Sink:
    """``otel-audit serve``, one worker, that may be ended and started again; its addresses stay.

    Attributes:
        grpc, http: ``HOST:PORT``.
        folder: of its spool and its destination.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.grpc, self.http = (f"localhost:{free_port()}" for _ in range(2))
        self._process: SinkProcess | None = None

    def start(self) -> None:
        """Until it takes requests."""
        self._process = SinkProcess(
            self.folder, "--grpc", self.grpc, "--http", self.http, OTEL_AUDIT_ROTATION_MAX_AGE="1s"
        )

    def stop(self) -> None:
        """End it in order: everything is at its destination."""
        assert self._process is not None
        assert self._process.stop() == (0, "")

    def kill(self) -> None:
        """Let it die at once."""
        if self._process is not None and self._process.process.poll() is None:
            self._process.kill()

    def raw(self) -> Counter[str]:
        """Span ids in the files, as a plain reader sees them."""
        found = rows({"destination": str(self.folder / "log")}, "spanId", "eventName")
        return Counter(str(row["spanId"]) for row in found if not str(row["eventName"]).startswith("audit."))

    def folded(self) -> Counter[str]:
        """Span ids as ``otel-audit query`` shows them."""
        return Counter(record["spanId"] for record in self.records())

    def records(self) -> list[dict[str, Any]]:
        """As ``otel-audit query`` shows them, but for those about the log itself."""
        return read_log(self.folder / "log")


def read_log(destination: Path) -> list[dict[str, Any]]:
    """Records of a log, but for those about the log itself."""
    result = CliRunner().invoke(cli, ["query", "-d", str(destination), "--format", "json"])
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return [record for record in found if not record["eventName"].startswith("audit.")]


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[tuple[Sink, Sink]]:
    """Two that are not started yet, each with a folder of its own."""
    made = Sink(tmp_path / "sink-1"), Sink(tmp_path / "sink-2")
    for sink in made:
        sink.folder.mkdir()
    yield made
    for sink in made:
        sink.kill()


@pytest.fixture
def sink(sinks: tuple[Sink, Sink]) -> Sink:
    """One that is started."""
    sinks[0].start()
    return sinks[0]
