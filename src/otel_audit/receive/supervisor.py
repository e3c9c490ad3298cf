"""Several workers on the same ports: started, started again when they die, and ended together.

A worker that is killed leaves its slot of the spool to the one that follows it, which ships what is in it.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from otel_audit.errors import AuditError, ConfigurationError
from otel_audit.receive.addresses import Address
from otel_audit.receive.doors import DoorOptions
from otel_audit.receive.siblings import forget_metrics
from otel_audit.receive.worker import FINE, NOT_STARTED, READY, Task

__all__ = ["supervise"]

_log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-c", "from otel_audit.receive.worker import main; main()")

_LOOK_EVERY_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
"""Between the end of a worker and the next one in its place: twice as long each time, …"""

_STEADY_S: Final = 60.0
"""… and short again once one has lived so long."""

_GRACE_S: Final = 10.0
"""What a worker gets beyond its own time to end, before it is killed; what it took is in its spool."""


@dataclass(slots=True)
class _Place:
    """One worker, and those before it."""

    task: Task
    process: subprocess.Popen[bytes]
    began_s: float
    pause_s: float = _FIRST_PAUSE_S
    due_s: float | None = None


def supervise(task: Task, workers: int, *, on_listening: Callable[[DoorOptions], None]) -> bool:
    """Keep so many workers running until SIGTERM or SIGINT. For the main thread.

    Args:
        task: what each of them does; port 0 stands for any, the same for all.
        workers: how many.
        on_listening: called once all of them take requests.

    Returns:
        Whether everything that they took is at its destinations.

    Raises:
        ConfigurationError: an address cannot be listened on, or a worker cannot begin, as it has said.
        AuditError: a worker ended before it took requests.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    grpc, http = Address(*task.grpc).claim(), Address(*task.http).claim()
    with tempfile.TemporaryDirectory(prefix="otel-audit-") as folder:
        shared = msgspec.structs.replace(
            task, grpc=(grpc.host, grpc.port), http=(http.host, http.port), folder=folder
        )
        places = [_begin(msgspec.structs.replace(shared, number=number)) for number in range(workers)]
        try:
            for place in places:
                _await_ready(place)
            on_listening(places[0].task.doors)
            while not stop.wait(_LOOK_EVERY_S):
                for place in places:
                    _keep(place)
        finally:
            codes = _end(places, task.stop_timeout_s)
    return all(code == FINE for code in codes)


def _begin(task: Task) -> _Place:
    process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (ours)
    if process.stdin is not None:
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        process.stdin.flush()
    return _Place(task, process, time.monotonic())


def _await_ready(place: _Place) -> None:
    said = b"" if place.process.stdout is None else place.process.stdout.readline()
    if said == READY:
        return
    if place.process.wait() == NOT_STARTED:
        raise ConfigurationError("a worker could not begin")
    raise AuditError("a worker ended before it took requests")


def _keep(place: _Place) -> None:
    """Have somebody in a place."""
    now = time.monotonic()
    if place.due_s is None:
        code = place.process.poll()
        if code is None:
            return
        if now - place.began_s > _STEADY_S:
            place.pause_s = _FIRST_PAUSE_S
        if place.task.number is not None:
            forget_metrics(Path(place.task.folder), place.task.number)
        _log.error("worker %s ended with %s; another takes its place", place.task.number, code)
        place.due_s, place.pause_s = now + place.pause_s, min(2 * place.pause_s, _LONGEST_PAUSE_S)
    elif now >= place.due_s:
        _forget(place.process)
        place.process, place.began_s, place.due_s = _begin(place.task).process, now, None


def _end(places: list[_Place], timeout_s: float) -> list[int]:
    """End all of them in order. Returns their exit codes."""
    for place in places:
        if place.process.poll() is None:
            place.process.terminate()
    deadline_s = time.monotonic() + timeout_s + _GRACE_S
    for place in places:
        try:
            place.process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            place.process.kill()
            place.process.wait()
        _forget(place.process)
    return [place.process.returncode for place in places]


def _forget(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
