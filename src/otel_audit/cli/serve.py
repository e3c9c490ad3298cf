"""``otel-audit serve``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import click

from otel_audit.cli.main import FINE, PROBLEM, note, warn
from otel_audit.cli.options import destination_option
from otel_audit.errors import ConfigurationError
from otel_audit.pipeline.options import PipelineOptions

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

_NEEDED: Final = ("grpc", "granian", "google.rpc", "cryptography")


@click.command(name="serve")
@click.option(
    "--grpc",
    "grpc_address",
    metavar="HOST:PORT",
    default="localhost:4317",
    show_default=True,
    help="Where OTLP/gRPC is taken.",
)
@click.option(
    "--http",
    "http_address",
    metavar="HOST:PORT",
    default="localhost:4318",
    show_default=True,
    help="Where OTLP/HTTP is taken, with /healthz, /readyz and /metrics.",
)
@destination_option
@click.option(
    "--tls-cert", metavar="FILE", type=_FILE, help="Certificate chain (PEM); both doors then take TLS only."
)
@click.option("--tls-key", metavar="FILE", type=_FILE, help="Its private key (PEM), without a password.")
@click.option(
    "--tls-client-ca",
    metavar="FILE",
    type=_FILE,
    help="Who issues the certificates that clients have to have (PEM).",
)
@click.option(
    "--tokens",
    metavar="FILE",
    type=_FILE,
    help="Bearer tokens of which each request has to bring one; see otel-audit token.",
)
@click.option(
    "--insecure-anyone",
    is_flag=True,
    help="Listen where other machines can connect, although anybody there may write to the log.",
)
@click.option(
    "--insecure-plaintext",
    is_flag=True,
    help="Take tokens from other machines without TLS, since something in front of this does it.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that receive on the same ports, each with a slot of the spool of its own.",
)
@click.option(
    "--max-waiting-requests",
    metavar="N",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Requests that may wait at a time in each process; those beyond it are told to come back.",
)
@click.option(
    "--stop-timeout",
    "stop_timeout_s",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=30.0,
    show_default=True,
    help="How long an orderly end may take.",
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    grpc_address: str,
    http_address: str,
    destination: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    tokens: Path | None,
    insecure_anyone: bool,
    insecure_plaintext: bool,
    workers: int,
    max_waiting_requests: int,
    stop_timeout_s: float,
) -> None:
    """Receive OTLP from a Collector and write audit records.

    Takes traces and logs over gRPC and HTTP (protobuf and JSON; gzip, and over HTTP zstd), and on /v1/audit over HTTP
    the records of the audit signal, each of which gets a receipt. A request is answered OK only when its records
    are durable in the spool. Until then its sender keeps it: one that finds no room, or a spool that is full, is
    told to send again. SIGTERM and SIGINT end it in order; exit code 1 if not everything has reached its
    destination by then, and waits in the spool.
    """
    missing = [name for name in _NEEDED if not _is_installed(name)]
    if missing:
        raise click.ClickException(f"serve needs {', '.join(missing)}: pip install 'otel-audit[serve]'")
    # Not at the top: they are an extra.
    from otel_audit.receive.addresses import parse_address  # noqa: PLC0415
    from otel_audit.receive.doors import DoorOptions  # noqa: PLC0415
    from otel_audit.receive.server import end_process  # noqa: PLC0415
    from otel_audit.receive.supervisor import supervise  # noqa: PLC0415
    from otel_audit.receive.worker import Task, sink_options, work  # noqa: PLC0415

    if (tls_cert is None) != (tls_key is None) or (tls_client_ca is not None and tls_cert is None):
        raise ConfigurationError("--tls-cert and --tls-key go together, and --tls-client-ca goes with them")
    grpc, http = parse_address(grpc_address), parse_address(http_address)
    outside = [str(address) for address in (grpc, http) if not address.is_local]
    is_anybody = tokens is None and tls_client_ca is None
    if outside and is_anybody and not insecure_anyone:
        raise ConfigurationError(
            f"{', '.join(outside)} can be reached from other machines, and anybody who can connect could "
            "write to the log: ask for --tokens or certificates (--tls-client-ca), listen on localhost, or say "
            "--insecure-anyone"
        )
    if outside and tls_cert is None and not is_anybody and not insecure_plaintext:
        raise ConfigurationError(
            f"{', '.join(outside)} can be reached from other machines, and tokens would travel where others can "
            "read them: give --tls-cert and --tls-key, or say --insecure-plaintext where a proxy or mesh encrypts"
        )
    task = Task(
        grpc=(grpc.host, grpc.port),
        http=(http.host, http.port),
        destination=destination,
        tls=None if tls_cert is None else (str(tls_cert), str(tls_key), _text(tls_client_ca)),
        tokens=_text(tokens),
        max_waiting_requests=max_waiting_requests,
        stop_timeout_s=stop_timeout_s,
    )
    options = sink_options(destination)
    if outside and is_anybody:
        warn(f"anybody who can connect to {', '.join(outside)} may write to this log")

    def on_listening(at: DoorOptions) -> None:
        note(_listening(str(at.grpc), str(at.http), options))

    if workers == 1:
        delivered = work(task, options, on_listening=on_listening)
    else:
        delivered = supervise(task, workers, on_listening=on_listening)
    if not delivered:
        warn("not everything is at its destination yet: it waits in the spool, and the next writer ships it")
    code = FINE if delivered else PROBLEM
    if workers == 1:
        end_process(code)
    ctx.exit(code)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _listening(grpc_at: str, http_at: str, options: PipelineOptions) -> str:
    places = list({url: None for stream in options.streams for url in stream.destinations})
    key = "pseudonyms under a key" if options.mask.keys else "redacted, no key for pseudonyms"
    return (
        f"otel-audit: OTLP/gRPC on {grpc_at}, OTLP/HTTP on {http_at}; "
        f"writing to {', '.join(places)} through {options.spool_root}; "
        f"personal data is masked ({key}), credentials are withheld"
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
