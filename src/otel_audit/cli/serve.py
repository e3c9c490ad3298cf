"""``otel-audit serve``."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from otel_audit.cli.main import PROBLEM, note, warn
from otel_audit.cli.options import destination_option
from otel_audit.config import Settings, load
from otel_audit.config.build import dedupe_options, pipeline_options
from otel_audit.errors import ConfigurationError
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.streams import STREAMS

_SERVICE: Final = "sink"
"""Whose slot of the spool is used, and what its writers are named after: requests may come from many services."""

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
    "--max-waiting-requests",
    metavar="N",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Requests that may wait at a time; those beyond it are told to come back.",
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
    from otel_audit.config.proofs import proof_checker  # noqa: PLC0415
    from otel_audit.receive.addresses import parse_address  # noqa: PLC0415
    from otel_audit.receive.certificates import TlsFiles  # noqa: PLC0415
    from otel_audit.receive.doors import DoorOptions  # noqa: PLC0415
    from otel_audit.receive.options import ReceiveOptions  # noqa: PLC0415
    from otel_audit.receive.server import serve  # noqa: PLC0415

    if (tls_cert is None) != (tls_key is None) or (tls_client_ca is not None and tls_cert is None):
        raise ConfigurationError("--tls-cert and --tls-key go together, and --tls-client-ca goes with them")
    tls = None if tls_cert is None or tls_key is None else TlsFiles(tls_cert, tls_key, tls_client_ca)
    doors = DoorOptions(parse_address(grpc_address), parse_address(http_address), tls=tls, tokens=tokens)
    outside = [str(address) for address in (doors.grpc, doors.http) if not address.is_local]
    is_anybody = tokens is None and tls_client_ca is None
    if outside and is_anybody and not insecure_anyone:
        raise ConfigurationError(
            f"{', '.join(outside)} can be reached from other machines, and anybody who can connect could "
            "write to the log: ask for --tokens or certificates (--tls-client-ca), listen on localhost, or say "
            "--insecure-anyone"
        )
    if outside and tls is None and not is_anybody and not insecure_plaintext:
        raise ConfigurationError(
            f"{', '.join(outside)} can be reached from other machines, and tokens would travel where others can "
            "read them: give --tls-cert and --tls-key, or say --insecure-plaintext where a proxy or mesh encrypts"
        )
    settings = _settings(destination)
    options = replace(pipeline_options(settings, service=_SERVICE), dedupe=dedupe_options(settings))
    proofs = proof_checker(settings.proofs)
    pipeline = Pipeline(options)
    pipeline.open()
    if outside and is_anybody:
        warn(f"anybody who can connect to {', '.join(outside)} may write to this log")

    def on_listening(at: DoorOptions) -> None:
        note(_listening(str(at.grpc), str(at.http), options))

    delivered = serve(
        pipeline,
        doors=doors,
        options=ReceiveOptions(max_waiting_requests=max_waiting_requests, proofs=proofs),
        on_listening=on_listening,
        stop_timeout_s=stop_timeout_s,
    )
    if not delivered:
        warn("not everything is at its destination yet: it waits in the spool, and the next writer ships it")
    ctx.exit(0 if delivered else PROBLEM)


def _settings(destination: str | None) -> Settings:
    # Whoever sends waits until its records are durable: that is what strict delivery is.
    arguments: dict[str, object] = {"delivery": "strict"}
    if destination is not None:
        # One given on the command line is meant for everything, whatever streams have of their own.
        none: dict[str, object] = {"destinations": []}
        arguments |= {"destination": destination, "streams": dict.fromkeys(STREAMS, none)}
    return load(arguments)


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
