"""``otel-audit run`` in the process that it started: instrument, then let the program begin only if it is audited.

Auto-instrumentation goes on where its own parts fail: a configurator, an exporter's package, an instrumentor. Then
no hook of ours runs and nobody says a word. Here it does not go on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Final

from opentelemetry.environment_variables import (
    OTEL_LOGS_EXPORTER,
    OTEL_METRICS_EXPORTER,
    OTEL_TRACES_EXPORTER,
)
from opentelemetry.instrumentation.auto_instrumentation import initialize
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISABLED_INSTRUMENTATIONS
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_PROTOCOL

from otel_audit.sdk.start import why_not_audited
from otel_audit.sdk.zero_code import end

__all__ = ["start_audited"]

_PYTHONPATH: Final = "PYTHONPATH"

_EXPORTERS: Final = {
    "traces": OTEL_TRACES_EXPORTER,
    "metrics": OTEL_METRICS_EXPORTER,
    "logs": OTEL_LOGS_EXPORTER,
}


def start_audited(folder: str) -> None:
    """Instrument this process and return if its spans are audited.

    Otherwise it ends here with one line and status 78, whatever ``OTEL_AUDIT_ON_ERROR`` says.

    Args:
        folder: where ``sitecustomize.py`` is, for which a program that is started meanwhile must not look.
    """
    try:
        with _without(folder):
            initialize(swallow_exceptions=False)
    except Exception as error:  # noqa: BLE001  (of anybody's configurator, exporter or instrumentor)
        why = _exporter_missing() or f"{type(error).__name__}; its log says more"
        end(f"nothing is started: auto-instrumentation failed ({why})")
    problem = why_not_audited() or _nothing_instrumented()
    if problem is not None:
        end(f"nothing is started: {problem}")


def _exporter_missing() -> str | None:
    """The likely reason, in words: distros name exporters whose packages nobody installed."""
    for signal, variable in _EXPORTERS.items():
        for name in (name.strip() for name in os.environ.get(variable, "").split(",")):
            if name in {"", "none"}:
                continue
            point = _otlp_exporter(signal) if name == "otlp" else name
            if not entry_points(group=f"opentelemetry_{signal}_exporter", name=point):
                return (
                    f"the exporter of {variable}={name} is not installed; install it or set {variable}=none"
                )
    return None


def _otlp_exporter(signal: str) -> str:
    protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or os.environ.get(
        OTEL_EXPORTER_OTLP_PROTOCOL, "grpc"
    )
    return "otlp_proto_http" if protocol.startswith("http") else "otlp_proto_grpc"


def _nothing_instrumented() -> str | None:
    names = os.environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "").split(",")
    if "*" in (name.strip() for name in names):
        return f"{OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}=* leaves nothing that makes spans"
    return None


@contextmanager
def _without(folder: str) -> Iterator[None]:
    """Programs that a configurator starts are not to be instrumented, or they would start it without end."""
    before = os.environ.get(_PYTHONPATH, "")
    os.environ[_PYTHONPATH] = os.pathsep.join(p for p in before.split(os.pathsep) if p != folder)
    try:
        yield
    finally:
        left = os.environ.get(_PYTHONPATH, "")
        os.environ[_PYTHONPATH] = f"{folder}{os.pathsep}{left}" if left else folder
