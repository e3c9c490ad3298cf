"""What a Collector is in front of: sinks, and watches of its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otel_audit.cli.main import cli
from receive.conftest import SinkProcess
from sdk.written import rows
from servers.ports import free_port


class Log:
    """What is at a local destination.

    Args:
        folder: the destination is ``log`` in it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder

    def raw(self) -> Counter[str]:
        """Span ids in the files, as a plain reader sees them."""
        found = rows({"destination": str(self.folder / "log")}, "spanId", "eventName")
        return Counter(str(row["spanId"]) for row in found if not str(row["eventName"]).startswith("audit."))

    def folded(self) -> Counter[str]:
        """Span ids as ``otel-audit query`` shows them."""
        return Counter(record["spanId"] for record in self.records())

    def records(self) -> list[dict[str, Any]]:
        """As ``otel-audit query`` shows them, but for those about the log itself."""
        result = CliRunner().invoke(cli, ["query", "-d", str(self.folder / "log"), "--format", "json"])
        assert result.exit_code == 0, result.output
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return [record for record in found if not record["eventName"].startswith("audit.")]


class Sink(Log):
    """``otel-audit serve``, one worker, that may be ended and started again; its addresses stay.

    Attributes:
        grpc, http: ``HOST:PORT``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.grpc, self.http = (f"localhost:{free_port()}" for _ in range(2))
        self._process: SinkProcess | None = None

    def start(self, *arguments: str | Path) -> None:
        """Until it takes requests."""
        self._process = SinkProcess(
            self.folder,
            *("--grpc", self.grpc, "--http", self.http, *map(str, arguments)),
            OTEL_AUDIT_ROTATION_MAX_AGE="1s",
        )

    def stop(self) -> None:
        """End it in order: everything is at its destination."""
        assert self._process is not None
        assert self._process.stop() == (0, "")

    def kill(self) -> None:
        """Let it die at once."""
        if self._process is not None and self._process.process.poll() is None:
            self._process.process.kill()
            # Shown where a test fails.
            print(self._process.process.communicate(timeout=60)[1])


class Watching(Log):
    """``otel-audit ingest --watch``, which may be ended and started again."""

    def __init__(self, folder: Path, place: str, variables: dict[str, str]) -> None:
        super().__init__(folder)
        self._place = place
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        self._environment = kept | {
            "OTEL_AUDIT_SPOOL": str(folder / "spool"),
            "OTEL_AUDIT_DESTINATION": str(folder / "log"),
            "OTEL_AUDIT_ROTATION_MAX_AGE": "1s",
            **variables,
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Until it looks."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from otel_audit.cli.main import main; main()", "ingest",
             "--watch", "--every", "0.2", self._place],
            env=self._environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert line.startswith("watching "), line + self._process.stderr.read()

    def stop(self) -> None:
        """End it in order: everything is at its destination."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        _, said = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, said

    def kill(self) -> None:
        """Let it die at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            print(self._process.communicate(timeout=60)[1])


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[tuple[Sink, Sink]]:
    """Two that are not started yet, each with a folder of its own."""
    made = Sink(tmp_path / "sink-1"), Sink(tmp_path / "sink-2")
    yield made
    for sink in made:
        sink.kill()


@pytest.fixture
def sink(sinks: tuple[Sink, Sink]) -> Sink:
    """One that is started."""
    sinks[0].start()
    return sinks[0]
