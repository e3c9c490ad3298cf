"""One worker of several: a process that receives on ports which it shares, with a slot of the spool of its own.

``supervisor.py`` starts it, tells it what to do in one line of JSON on its standard input, and keeps that open: when
it ends, whoever started this is gone, and it ends in order. It says ``ready`` once it takes requests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from otel_audit.config import Settings, load
from otel_audit.config.build import dedupe_options, pipeline_options
from otel_audit.config.proofs import proof_checker
from otel_audit.errors import AuditError, ConfigurationError
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.receive.addresses import Address
from otel_audit.receive.certificates import TlsFiles
from otel_audit.receive.doors import DoorOptions
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.server import end_process, serve
from otel_audit.receive.siblings import Siblings
from otel_audit.record.streams import STREAMS

__all__ = ["FINE", "NOT_DELIVERED", "NOT_STARTED", "READY", "Task", "main", "sink_options", "work"]

READY: Final = b"ready\n"

FINE: Final = 0
NOT_DELIVERED: Final = 1
NOT_STARTED: Final = 2
"""Exit codes of a worker, as those of the command."""

_SERVICE: Final = "sink"
"""Whose slots of the spool are used, and what writers are named after: requests may come from many services."""


class Task(msgspec.Struct, frozen=True):
    """What a worker is told.

    Attributes:
        grpc, http: where to listen: host and port.
        destination: instead of what the settings say; ``None`` to leave it.
        tls: certificate, key and clients' authority, the last ``None`` if none is asked for.
        tokens: file of those that are accepted.
        max_waiting_requests: of this process.
        stop_timeout_s: how long its end may take.
        number: of this worker, from 0; ``None`` if it is the only one.
        folder: where workers leave their metrics.
    """

    grpc: tuple[str, int]
    http: tuple[str, int]
    destination: str | None = None
    tls: tuple[str, str, str | None] | None = None
    tokens: str | None = None
    max_waiting_requests: int = 1024
    stop_timeout_s: float = 30.0
    number: int | None = None
    folder: str = ""

    @property
    def doors(self) -> DoorOptions:
        """Where it listens, and for whom."""
        tls = None
        if self.tls is not None:
            certificate, key, authority = self.tls
            tls = TlsFiles(Path(certificate), Path(key), None if authority is None else Path(authority))
        return DoorOptions(
            Address(*self.grpc),
            Address(*self.http),
            tls=tls,
            tokens=None if self.tokens is None else Path(self.tokens),
            shares_ports=self.number is not None,
        )


def sink_options(destination: str | None) -> PipelineOptions:
    """The write path of a sink, from the settings.

    Args:
        destination: instead of what they say.

    Raises:
        ConfigurationError: as :func:`~otel_audit.config.build.pipeline_options`.
    """
    settings = _settings(destination)
    return replace(pipeline_options(settings, service=_SERVICE), dedupe=dedupe_options(settings))


def _settings(destination: str | None) -> Settings:
    # Whoever sends waits until its records are durable: that is what strict delivery is.
    arguments: dict[str, object] = {"delivery": "strict"}
    if destination is not None:
        # One given on the command line is meant for everything, whatever streams have of their own.
        none: dict[str, object] = {"destinations": []}
        arguments |= {"destination": destination, "streams": dict.fromkeys(STREAMS, none)}
    return load(arguments)


def work(
    task: Task,
    options: PipelineOptions,
    *,
    on_listening: Callable[[DoorOptions], None],
    lifeline: int | None = None,
) -> bool:
    """Receive until a signal says that it is enough.

    Args:
        task: where, for whom and within which bounds.
        options: of the write path.
        on_listening: called once requests are taken.
        lifeline: a descriptor at whose end it is enough, too.

    Returns:
        Whether everything that was taken is at its destinations.

    Raises:
        AuditError: it could not begin, or a server ended by itself.
    """
    proofs = proof_checker(_settings(task.destination).proofs)
    pipeline = Pipeline(options)
    pipeline.open()
    return serve(
        pipeline,
        doors=task.doors,
        options=ReceiveOptions(max_waiting_requests=task.max_waiting_requests, proofs=proofs),
        on_listening=on_listening,
        stop_timeout_s=task.stop_timeout_s,
        lifeline=lifeline,
        siblings=None if task.number is None else Siblings(Path(task.folder), task.number),
    )


def main() -> None:
    """The process."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)

    def say_ready(_: DoorOptions) -> None:
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()

    try:
        delivered = work(
            task, sink_options(task.destination), on_listening=say_ready, lifeline=sys.stdin.fileno()
        )
    except ConfigurationError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    except AuditError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(NOT_DELIVERED)
    end_process(FINE if delivered else NOT_DELIVERED)
