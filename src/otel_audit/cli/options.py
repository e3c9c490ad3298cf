"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from otel_audit.cli.instants import ACCEPTED, Instant
from otel_audit.record.streams import STREAMS

F = TypeVar("F", bound=Callable[..., Any])


def destination_option(command: F) -> F:
    """``-d``: where the log is."""
    return click.option(
        "--destination",
        "-d",
        metavar="URL",
        help="Folder, file://, gs://, s3://, abfs:// or memory:// URL of the log; by default the configured one "
        "(OTEL_AUDIT_DESTINATION or the file named by OTEL_AUDIT_CONFIG).",
    )(command)


def window_options(command: F) -> F:
    """``--from`` and ``--to``."""
    command = click.option(
        "--to", "end", type=Instant(), help="First instant not wanted any more; written like --from."
    )(command)
    return click.option("--from", "start", type=Instant(), help=f"First instant wanted: {ACCEPTED}.")(command)


def stream_option(command: F) -> F:
    """``--stream``."""
    return click.option(
        "--stream",
        "streams",
        multiple=True,
        type=click.Choice(STREAMS),
        help="Only this stream; may be repeated.",
    )(command)


def keep_going_option(command: F) -> F:
    """``--keep-going``."""
    return click.option(
        "--keep-going",
        is_flag=True,
        help="Read on past committed files that do not match their manifest; the exit code is still 1.",
    )(command)


def format_option(*formats: str, default: str) -> Callable[[F], F]:
    """``--format``."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(formats),
        default=default,
        show_default=True,
        help="How results are printed.",
    )
