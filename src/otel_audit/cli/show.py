"""``otel-audit show``."""

from __future__ import annotations

import re
import sys
from typing import Final

import click
from rich.console import Console

from otel_audit.cli.main import PROBLEM, note, warn
from otel_audit.cli.options import (
    destination_option,
    format_option,
    keep_going_option,
    stream_option,
    window_options,
)
from otel_audit.cli.progress import working
from otel_audit.cli.record_hash import hashes_of
from otel_audit.cli.record_json import json_lines
from otel_audit.cli.record_text import print_hash, print_record
from otel_audit.cli.sources import open_sources
from otel_audit.query.request import RECORD_ID, Query
from otel_audit.query.scan import scan
from otel_audit.record.streams import STREAMS

_ID: Final = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}")

_NAMED: Final = 10
"""Ids that an ambiguous beginning is answered with."""


@click.command(name="show")
@click.argument("record_id", metavar="RECORD_ID")
@window_options
@stream_option
@destination_option
@format_option("text", "json", default="text")
@keep_going_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    record_id: str,
    start: int | None,
    end: int | None,
    streams: tuple[str, ...],
    destination: str | None,
    format_: str,
    keep_going: bool,
) -> None:
    """Show one record in full.

    RECORD_ID may be the beginning of an id, 4 characters or more, if only one record has it. --from and --to
    spare reading the ids of the whole log. json prints the record as an NDJSON file holds it. text ends with the
    record hash, made of what is stored: the integrity hash of its receipt.

    Exit code 1 if there is no such record, or if it was changed.
    """
    if not _ID.fullmatch(record_id):
        raise click.UsageError("a record id is a UUID, or its first 4 or more characters")
    query = Query(start, end, streams=streams or STREAMS, record_ids=(record_id,), limit=_NAMED + 1)
    with open_sources(destination, streams, keep_going=keep_going) as sources:
        with working("looking for the record"):
            tables = list(scan(sources.catalogs(), query, sources.findings))
        if not tables:
            sources.warn_if_empty()
    ids = sorted({str(found) for table in tables for found in table[RECORD_ID].to_pylist()})
    if not ids:
        note(f"no record has an id that begins with {record_id}")
        ctx.exit(PROBLEM)
    if len(ids) > 1:
        more = " …" if len(ids) > _NAMED else ""
        raise click.UsageError(
            f"{record_id} is the beginning of several ids: {', '.join(ids[:_NAMED])}{more}"
        )
    lines = [line for table in tables for line in json_lines(table)]
    if len(lines) > 1:
        note(f"{len(lines)} records with different content have this id")
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    hashes = [found for table in tables for found in hashes_of(table)]
    for line, found in zip(lines, hashes, strict=True):
        if format_ == "json":
            click.echo(line)
            continue
        print_record(line, console)
        print_hash(found.text, console)
        if not found.fits:
            warn("its fields are not those that its digests were made of: somebody changed this record")
            ctx.exit(PROBLEM)
    ctx.exit(sources.exit_code)
