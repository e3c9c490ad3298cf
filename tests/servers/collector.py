"""A real OpenTelemetry Collector for tests, with the components that ``collector-config/`` uses.

The builder writes the program's source from ``collector-config/builder-config.yaml``; the versions of everything it
stands on are those of ``go.mod`` and ``go.sum`` beside it. Both are built through the Go module proxy, with the Go
that also builds ``fake_gcs.py``'s server, into ``.cache/`` of the repository, under a file lock, once for each content
of these files: four minutes of CPU on the first day, seconds where Go's own cache knows the packages. ``make
collector`` does it ahead of the tests.

The builder's own way to fetch modules is left out: it wants those of its components' tests as well, which not every
proxy has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from servers.fake_gcs import BUILD_TIMEOUT_S, CACHE, go, locked
from servers.ports import free_port

CONFIGS = Path(__file__).parents[2] / "collector-config"
NAME = "otelcol-audit"
LOCK = ("go.mod", "go.sum")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first builds the program, so every test that uses it may have to wait for that."""
    for item in items:
        if "otelcol" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """The program."""
    return binary()


@pytest.fixture
def start_collector(otelcol: Path, tmp_path: Path) -> Iterator[StartCollector]:
    """Starts Collectors; kills what a test leaves running."""
    start = StartCollector(otelcol, tmp_path)
    yield start
    for collector in start.started:
        collector.kill()


class StartCollector:
    """Starts Collectors, each with a folder of its own."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self.started: list[Collector] = []

    def __call__(self, config: str, *, exporters: Any = None, **variables: str) -> Collector:
        """Start one with a file of ``collector-config/``.

        Args:
            exporters: settings of its exporters that are other ones here.
            variables: of its environment, which the file asks for.
        """
        folder = self._folder / f"collector-{len(self.started)}"
        folder.mkdir()
        # Its figures would be on one port for all that run at a time.
        here = {"service": {"telemetry": {"metrics": {"level": "none"}}}, "exporters": exporters or {}}
        (folder / "here.yaml").write_text(json.dumps(here))
        self.started.append(Collector(self._program, folder, CONFIGS / config, variables))
        self.started[-1].start()
        return self.started[-1]


class Collector:
    """A Collector that may be ended and started again; its addresses stay.

    Attributes:
        grpc, http: where it takes OTLP.
        folder: where it keeps what it keeps.
    """

    def __init__(self, program: Path, folder: Path, config: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.grpc, self.http, self._health = (f"localhost:{free_port()}" for _ in range(3))
        self._command = [program, "--config", config, "--config", folder / "here.yaml"]
        self._environment = {
            **os.environ,
            "COLLECTOR_GRPC": self.grpc,
            "COLLECTOR_HTTP": self.http,
            "COLLECTOR_HEALTH": self._health,
            "COLLECTOR_STATE": str(folder / "state"),
            "COLLECTOR_FILES": str(folder / "files"),
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it takes requests."""
        with (self.folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        pause, deadline = threading.Event(), time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.said()
            try:
                if requests.get(f"http://{self._health}/", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            pause.wait(0.02)
        raise AssertionError(f"not ready: {self.said()}")

    def stop(self) -> None:
        """End it in order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0, self.said()

    def kill(self) -> None:
        """Let it die at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    def said(self) -> str:
        """Its log, from its end."""
        return (self.folder / "collector.log").read_text()[-3000:]


def binary() -> Path:
    """The Collector's program; built if it is not in the cache."""
    sources = [CONFIGS / "builder-config.yaml", *(CONFIGS / name for name in LOCK)]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    program = CACHE / "servers" / f"{NAME}-{digest[:16]}"
    with locked(CACHE / "servers" / "collector.lock"):
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=program.parent) as folder:
                _build(Path(folder)).replace(program)
    return program


def _build(folder: Path) -> Path:
    # Outside of the repository's folder, and whatever Go modules it may be part of. Others work meanwhile.
    environment = {**os.environ, "GOBIN": str(folder), "GO111MODULE": "on", "GOWORK": "off"}
    manifest = CONFIGS / "builder-config.yaml"
    found = re.search(r"^  version: (\S+)$", manifest.read_text(), re.MULTILINE)
    assert found

    def run(*command: str | Path, cwd: Path = folder) -> None:
        subprocess.run(["nice", "-n", "10", *command], cwd=cwd, env=environment, check=True)

    run(go(), "install", f"go.opentelemetry.io/collector/cmd/builder@v{found[1]}")
    run(folder / "builder", "--config", manifest, "--skip-get-modules", "--skip-compilation")
    for name in LOCK:
        shutil.copy(CONFIGS / name, folder / NAME / name)
    run(go(), "build", "-trimpath", "-ldflags=-s -w", "-o", folder / "built", ".", cwd=folder / NAME)
    return folder / "built"


if __name__ == "__main__":
    print(binary())
