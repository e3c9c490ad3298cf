"""Starting real programs under auto-instrumentation, and finding what became of their spans."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path

import requests

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.pipeline.path import Pipeline
from sdk.written import rows

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SERVICE = "shop"


def environment(folder: Path, *instrumented: str, **more: str) -> dict[str, str]:
    """What a user sets, and nothing of this test run's own settings.

    Args:
        folder: for log and spool.
        instrumented: libraries besides ``requests``, which ``otel-audit[auto]`` brings.
        more: other variables.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return kept | {
        "PATH": f"{BIN}:{kept['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(HERE), kept.get("PYTHONPATH", "")]),
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": all_but("requests", *instrumented),
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "OTEL_AUDIT_DESTINATION": str(folder / "log"),
        "OTEL_AUDIT_SPOOL": str(folder / "spool"),
        **more,
    }


def all_but(*instrumented: str) -> str:
    """Names of instrumentations to disable: seconds would go by at each start if all were loaded that tests have
    installed."""
    names = {point.name for point in entry_points(group="opentelemetry_instrumentor")}
    return ",".join(sorted(names - set(instrumented)))


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, of which nothing is left at the end."""
    with log.open("wb") as output:
        program = subprocess.Popen(
            ["opentelemetry-instrument", *command],
            env=dict(env),
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield program
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait(30)


def wait_for(port: int, program: subprocess.Popen[bytes], log: Path, timeout_s: float = 90) -> None:
    """Until something listens."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while time.monotonic() < deadline:
        if program.poll() is not None:
            raise AssertionError(f"ended with {program.returncode}: {log.read_text()[-3000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            pause.wait(0.05)
        else:
            return
    raise AssertionError(f"nothing listens: {log.read_text()[-3000:]}")


def get(port: int, numbers: range) -> list[str]:
    """One answered request a number, each on a connection of its own."""
    answered = []
    for number in numbers:
        answer = requests.get(
            f"http://127.0.0.1:{port}/work/{number}", headers={"connection": "close"}, timeout=60
        )
        assert answer.status_code == 200
        answered.append(f"/work/{number}")
    return answered


def recorded(folder: Path) -> Counter[str]:
    """Paths of every record at the destination, after a later process has shipped what was left."""
    settings = load({"destination": str(folder / "log"), "spool": str(folder / "spool")}, environment={})
    free: list[Pipeline] = []
    for slot in sorted((folder / "spool").glob("*/slot-*")):
        _wait_until_left(slot)
        pipeline = Pipeline(pipeline_options(settings, service=SERVICE))
        pipeline.open()
        free.append(pipeline)
    for pipeline in free:
        assert pipeline.close(60)
    found = rows({"destination": str(folder / "log")}, "requestPath", "eventName", "sequence", "writer")
    assert len({(row["writer"], row["sequence"]) for row in found}) == len(found), "none is written twice"
    return Counter(str(row["requestPath"] or row["eventName"]) for row in found)


def _wait_until_left(slot: Path) -> None:
    """Until the kernel has ended whoever held it: that a signal was sent says nothing yet."""
    with (slot / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
