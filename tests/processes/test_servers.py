"""Real servers under auto-instrumentation are asked something, then told to end: each answered request is
recorded once, and nothing is said to be missing.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from processes.running import environment, get, recorded, running, wait_for
from servers.ports import free_port

REQUESTS = range(40)
INSTRUMENTED = ("fastapi", "flask", "starlette")

GUNICORN = {
    "sync": ["--workers", "2", "web_apps:wsgi"],
    "gthread": ["--worker-class", "gthread", "--threads", "4", "web_apps:wsgi"],
    "gevent": ["--worker-class", "gevent", "web_apps:wsgi"],
    "uvicorn": ["--worker-class", "uvicorn_worker.UvicornWorker", "web_apps:asgi"],
}


def serve_and_end(tmp_path, command, port, how, **settings) -> tuple[Counter[str], list[str], int]:
    log = tmp_path / "server.log"
    with running(command, environment(tmp_path, *INSTRUMENTED, **settings), log) as server:
        wait_for(port, server, log)
        answered = get(port, REQUESTS)
        os.kill(server.pid, how)
        status = server.wait(60)
    return recorded(tmp_path), answered, status


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("worker", list(GUNICORN))
def test_gunicorn(tmp_path, worker, preload):
    port = free_port()
    command = [
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        *(["--preload"] if preload else []),
        *GUNICORN[worker],
    ]
    found, answered, status = serve_and_end(tmp_path, command, port, signal.SIGTERM)
    assert found == Counter(answered)
    assert status == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_uvicorn(tmp_path, how):
    port = free_port()
    command = ["uvicorn", "--port", str(port), "web_apps:asgi"]
    found, answered, _ = serve_and_end(tmp_path, command, port, how)
    assert found == Counter(answered)


def test_uvicorn_with_workers_of_its_own(tmp_path):
    port = free_port()
    # On a busy machine a worker may take longer to start than the five seconds that uvicorn gives it.
    command = [
        "uvicorn",
        "--port",
        str(port),
        "--workers",
        "2",
        "--timeout-worker-healthcheck",
        "60",
        "web_apps:asgi",
    ]
    found, answered, _ = serve_and_end(tmp_path, command, port, signal.SIGTERM)
    assert found == Counter(answered)


def test_killed_in_strict_delivery_nothing_answered_is_lost(tmp_path):
    """A WSGI span ends when the server closes the answer: the connection's end is the acknowledgement."""
    port = free_port()
    command = ["gunicorn", "--bind", f"127.0.0.1:{port}", "web_apps:wsgi"]
    log = tmp_path / "server.log"
    with running(command, environment(tmp_path, *INSTRUMENTED, OTEL_AUDIT_DELIVERY="strict"), log) as server:
        wait_for(port, server, log)
        answered = get(port, REQUESTS)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(60)
    found = recorded(tmp_path)
    assert found.pop("audit.gap") == 1, "the unclean end is told"
    assert found == Counter(answered)
