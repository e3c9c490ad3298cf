"""``otel-audit ingest``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from rich.progress import Progress

from otel_audit.cli.joining import read_files
from otel_audit.cli.main import PROBLEM, note, warn
from otel_audit.cli.options import destination_option
from otel_audit.cli.progress import working
from otel_audit.cli.text import visible
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

_FLUSH_EVERY: Final = 250_000
"""Records after which the command waits for its destination: far less than a spool holds."""


@click.command(name="ingest")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, dir_okay=False)
)
@destination_option
@click.pass_context
def command(ctx: click.Context, *, files: tuple[str, ...], destination: str | None) -> None:
    """Turn OTLP files into audit records.

    Takes what a Collector's file and cloud-storage exporters write: traces and logs as JSON, JSON lines or
    protobuf, plain, gzip or zstd, told apart by content. Log events join the spans they belong to, whichever
    of the files they are in. The records go the same way as an application's: masked, through the spool, to
    the configured destinations. History is filed under its own time, however old it is.

    What cannot be read is named with its place; everything else is written. Exit code 1 if anything could not
    be read or delivered.
    """
    problems: list[InputError] = []
    options = _options(destination)
    _try_destinations(options)
    pipeline = Pipeline(options)
    read = written = 0
    with working("reading") as progress:

        def on_read(path: str, count: int) -> None:
            nonlocal read
            read += count
            _describe(progress, f"{visible(Path(path).name)}: {read:,} spans and events read")

        try:
            unflushed = 0
            for export in read_files(files, problems, on_read):
                count = pipeline.write(export.spans, export.logs, observed_unix_nano=time.time_ns())
                written, unflushed = written + count, unflushed + count
                if unflushed > _FLUSH_EVERY:
                    pipeline.flush(_DELIVERY_TIMEOUT_S)
                    unflushed = 0
                _describe(progress, f"{written:,} of {read:,} written")
        except OSError as error:
            raise InputError("cannot be read", source=str(error.filename)) from error
        finally:
            _describe(progress, "delivering")
            delivered = pipeline.close(_DELIVERY_TIMEOUT_S)
    _report(problems)
    note(f"read {read:,} spans and log events from {len(files)} files, wrote {written:,} records")
    if not delivered:
        warn("not everything is at its destination yet: it waits in the spool, and the next writer ships it")
    ctx.exit(PROBLEM if problems or not delivered else 0)


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


def _describe(progress: Progress, what: str) -> None:
    progress.update(progress.task_ids[0], description=what)


def _report(problems: Sequence[InputError]) -> None:
    for problem in problems[:_PROBLEMS_NAMED]:
        warn(str(problem))
    if len(problems) > _PROBLEMS_NAMED:
        warn(f"{len(problems) - _PROBLEMS_NAMED} more parts could not be read")
