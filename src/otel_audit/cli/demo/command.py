"""The command: start the shop under ``opentelemetry-instrument``, send traffic, stop it, show the log."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import click

from otel_audit.cli.demo import neighbours, show, traffic
from otel_audit.errors import AuditError

_HERE: Final = Path(__file__).parent
_NEEDED: Final = ("flask", "requests", "openai", "sklearn", "opentelemetry.instrumentation.flask")
_START_TIMEOUT_S: Final = 120
_STOP_TIMEOUT_S: Final = 60

_ENVIRONMENT: Final = {
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.4.2,deployment.environment.name=demo",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-user,authorization,content-type",
}
"""What turns the shop's own instrumentation on. Nothing here is in the application."""


@click.command()
def command() -> None:
    """Audit a small real application and show what was written.

    Starts a Flask shop under opentelemetry-instrument, lets several users call its API, its scikit-learn model
    and its assistant, with errors and personal data, and prints what became of it. Writes to ./audit-log, or
    to OTEL_AUDIT_DESTINATION when that is set, and removes nothing. The assistant is answered by a local
    endpoint, or by a real one when OPENAI_BASE_URL is set.
    """
    missing = [name for name in _NEEDED if not _is_installed(name)]
    if missing:
        raise click.ClickException(f"the demo needs {', '.join(missing)}: pip install 'otel-audit[demo]'")
    destination = os.environ.get("OTEL_AUDIT_DESTINATION") or str(Path("audit-log").absolute())
    show.heading("A shop that knows nothing of auditing, under opentelemetry-instrument")
    with ExitStack() as running:
        stock = running.enter_context(neighbours.stock_service())
        llm = running.enter_context(_language_model())
        shop = running.enter_context(_shop(destination, stock, llm))
        for call, status in traffic.send(shop):
            show.call(call, status)
    show.log(destination)


def _language_model() -> AbstractContextManager[str]:
    real = os.environ.get("OPENAI_BASE_URL")
    return nullcontext(real) if real else neighbours.language_model()


@contextmanager
def _shop(destination: str, stock: str, llm: str) -> Iterator[str]:
    """Run the shop until the block ends, then let it end in its own time; gives its base URL."""
    port = _free_port()
    environment = os.environ | {
        "OTEL_AUDIT_CONFIG": str(_HERE / "demo.toml"),
        **_ENVIRONMENT,
        "OTEL_AUDIT_DESTINATION": destination,
        "PORT": str(port),
        "STOCK_URL": stock,
        "OPENAI_BASE_URL": llm if llm.rstrip("/").endswith("/v1") else f"{llm}/v1",
        "OPENAI_API_KEY": os.environ.get("OPENAI_API_KEY") or "sk-proj-demo0000000000000000000000000000",
        # The child of an instrumented process would find itself instrumented twice.
        "PYTHONPATH": "",
    }
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    process = subprocess.Popen(
        [str(instrument), sys.executable, str(_HERE / "app.py")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    listener = threading.Thread(target=_collect, args=(process, said), daemon=True)
    listener.start()
    try:
        _wait_until_up(process, port, said)
        yield f"http://localhost:{port}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            show.warning("the shop did not end in time; what it held waits in the spool")
        listener.join()


def _collect(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stderr is not None  # noqa: S101  it was asked for
    said.extend(process.stderr)
    process.stderr.close()


def _wait_until_up(process: subprocess.Popen[str], port: int, said: list[str]) -> None:
    pause = threading.Event()
    for _ in range(_START_TIMEOUT_S * 10):
        if process.poll() is not None:
            raise AuditError("the shop did not start:\n" + "".join(said[-20:]))
        try:
            # A connection, not a request: a request would be in the log.
            socket.create_connection(("localhost", port), timeout=5).close()
        except OSError:
            pause.wait(0.1)
        else:
            return
    raise AuditError("the shop did not answer in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
