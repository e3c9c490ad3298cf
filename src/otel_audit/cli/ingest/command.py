"""``otel-audit ingest``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import click

from otel_audit.cli.ingest.once import ingest_once
from otel_audit.cli.ingest.ongoing import watch_on
from otel_audit.cli.main import PROBLEM, note, warn
from otel_audit.cli.options import destination_option
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.errors import InputError
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.streams import STREAMS
from otel_audit.store.open import open_store
from otel_audit.store.probing import try_create

_PROBLEMS_NAMED: Final = 20
"""Unreadable parts that are named one by one; the rest is counted."""

_DELIVERY_TIMEOUT_S: Final = 600.0
"""How long the command waits for its destination. What waits longer is durable in the spool."""

_SERVICE: Final = "ingest"
"""Whose slot of the spool is used, and what its writers are named after: files may hold many services."""

_FILE: Final = click.Path(exists=True, dir_okay=False)


@click.command(name="ingest")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@destination_option
@click.option(
    "--watch",
    is_flag=True,
    help="Go on: take what comes into folders, buckets (gs://, s3://, abfs://) and files, as it comes.",
)
@click.option(
    "--every",
    "every_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="How long --watch waits between two looks.",
)
@click.pass_context
def command(
    ctx: click.Context, *, files: tuple[str, ...], destination: str | None, watch: bool, every_s: float
) -> None:
    """Turn OTLP files into audit records.

    Takes what a Collector's file and cloud-storage exporters write: traces and logs as JSON, JSON lines or
    protobuf, plain, gzip or zstd, told apart by content. Log events join the spans they belong to, whichever
    of the files they are in. The records go the same way as an application's: masked, through the spool, to
    the configured destinations. History is filed under its own time, however old it is.

    What cannot be read is named with its place; everything else is written. Exit code 1 if anything could not
    be read or delivered.

    With --watch, FILE may be a folder or a bucket's URL as well. Files may grow, be renamed and be replaced: what was
    taken is remembered beside the spool by its content, so that after a restart, or a kill, nothing is left out
    and nothing is written twice. SIGTERM and SIGINT end it in order.
    """
    options = _options(destination)
    if watch:
        _try_destinations(options)
        ctx.exit(watch_on(files, options, every_s=every_s))
    for file in files:
        _FILE.convert(file, ctx.command.params[0], ctx)
    _try_destinations(options)
    problems: list[InputError] = []
    outcome = ingest_once(files, Pipeline(options), problems, timeout_s=_DELIVERY_TIMEOUT_S)
    _report(problems)
    note(
        f"read {outcome.read:,} spans and log events from {len(files)} files, wrote {outcome.written:,} records"
    )
    if not outcome.is_delivered:
        warn("not everything is at its destination yet: it waits in the spool, and the next writer ships it")
    ctx.exit(PROBLEM if problems or not outcome.is_delivered else 0)


def _options(destination: str | None) -> PipelineOptions:
    arguments: dict[str, object] = {}
    if destination is not None:
        # One given on the command line is meant for everything, whatever streams have of their own.
        none: dict[str, object] = {"destinations": []}
        arguments = {"destination": destination, "streams": dict.fromkeys(STREAMS, none)}
    options = pipeline_options(load(arguments), service=_SERVICE)
    # What is old is not suspect in a file: history keeps its own time.
    return replace(options, convert=replace(options.convert, bound_event_time=False))


def _try_destinations(options: PipelineOptions) -> None:
    """Fail now where delivery would fail, instead of waiting for somebody to mend it."""
    for url in {url: None for stream in options.streams for url in stream.destinations}:
        store = open_store(url)
        try:
            try_create(store)
        finally:
            store.close()


def _report(problems: Sequence[InputError]) -> None:
    for problem in problems[:_PROBLEMS_NAMED]:
        warn(str(problem))
    if len(problems) > _PROBLEMS_NAMED:
        warn(f"{len(problems) - _PROBLEMS_NAMED} more parts could not be read")
