"""A sink as an operator starts it, and requests of spans that can be told apart."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_audit.cli.main import cli

_LISTENS = re.compile(r"OTLP/gRPC on (\S+), OTLP/HTTP on (\S+);")


class SinkProcess:
    """``otel-audit serve`` on ports of its own.

    Attributes:
        grpc, http: addresses.
        said: its line at start.
        warned: the line before it, where one is expected.
    """

    def __init__(self, folder: Path, *arguments: str, expect_warning: bool = False, **variables: str) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment |= {
            "OTEL_AUDIT_SPOOL": str(folder / "spool"),
            "OTEL_AUDIT_DESTINATION": str(folder / "log"),
            **variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from otel_audit.cli.main import main; main()", "serve",
             "--grpc", "localhost:0", "--http", "localhost:0", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        self.warned = self.process.stderr.readline() if expect_warning else ""
        self.said = self.process.stderr.readline()
        found = _LISTENS.search(self.said)
        assert found, self.said + self.process.stderr.read()
        self.grpc, self.http = found[1], f"http://{found[2]}"

    def stop(self) -> tuple[int, str]:
        """End it in order. Returns its exit code and what it said since its start."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def kill(self) -> None:
        """Let it die at once."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def peak_mib(self) -> float:
        """The most memory that it has used so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def records(self) -> list[dict[str, Any]]:
        """Records at its destination that are not about the log itself."""
        result = CliRunner().invoke(cli, ["query", "-d", str(self.folder / "log"), "--format", "json"])
        assert result.exit_code == 0, result.output
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return [record for record in found if not record["eventName"].startswith("audit.")]


StartSink = Callable[..., SinkProcess]


@pytest.fixture
def start_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartSink]:
    """Starts sinks on the same spool and destination; kills what a test leaves running."""
    started: list[SinkProcess] = []
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)

    def start(*arguments: str, expect_warning: bool = False, **variables: str) -> SinkProcess:
        started.append(SinkProcess(tmp_path, *arguments, expect_warning=expect_warning, **variables))
        return started[-1]

    yield start
    for sink in started:
        if sink.process.poll() is None:
            sink.kill()


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    """One that tests share which leave nothing in it."""
    shared = SinkProcess(tmp_path_factory.mktemp("sink"))
    yield shared
    shared.kill()


def export_of(*names: str, **attributes: str) -> ExportTraceServiceRequest:
    """A request of HTTP server spans, one a name, that happened now."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    leaf = group.scope_spans.add()
    now = time.time_ns()
    for name in names:
        span = leaf.spans.add(
            name=name,
            kind=2,
            trace_id=os.urandom(16),
            span_id=os.urandom(8),
            start_time_unix_nano=now - 5_000_000,
            end_time_unix_nano=now,
        )
        for key, value in {
            "http.request.method": "GET",
            "http.route": "/carts/{id}",
            "url.path": "/carts/7",
            "url.scheme": "http",
            **attributes,
        }.items():
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="http.response.status_code").value.int_value = 200
    return request
