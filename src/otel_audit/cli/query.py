"""``otel-audit query``."""

from __future__ import annotations

import click

from otel_audit.cli import csv_text
from otel_audit.cli.main import note
from otel_audit.cli.options import (
    destination_option,
    format_option,
    keep_going_option,
    stream_option,
    window_options,
)
from otel_audit.cli.progress import working
from otel_audit.cli.record_json import json_lines
from otel_audit.cli.sources import Sources, open_sources
from otel_audit.cli.table import COLUMNS, print_records
from otel_audit.cli.text import for_output
from otel_audit.query.request import OUTCOMES, Query
from otel_audit.query.scan import scan
from otel_audit.record.streams import STREAMS

_TABLE_ROWS = 100
"""Records in a table unless --limit says otherwise: more than a person reads."""


@click.command(name="query")
@window_options
@click.option("--user", "users", multiple=True, metavar="ID", help="Only records of this user.id.")
@click.option("--action", "actions", multiple=True, metavar="VERB", help="Only this action: GET, EXECUTE …")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice(OUTCOMES), help="Only this outcome.")
@click.option(
    "--model", "models", multiple=True, metavar="NAME", help="Only this model, asked for or answering."
)
@stream_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"At most so many records; by default {_TABLE_ROWS} in a table, else all.",
)
@click.option("--newest-first", is_flag=True, help="Latest record first, instead of earliest first.")
@destination_option
@format_option("table", "json", "ndjson", "csv", default="table")
@keep_going_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    start: int | None,
    end: int | None,
    users: tuple[str, ...],
    actions: tuple[str, ...],
    outcomes: tuple[str, ...],
    models: tuple[str, ...],
    streams: tuple[str, ...],
    limit: int | None,
    newest_first: bool,
    destination: str | None,
    format_: str,
    keep_going: bool,
) -> None:
    """Show records.

    They come in order of time, each once however often it was delivered. Filters narrow each other; an option
    given several times means any of its values. * and ? are wildcards in --user, --action and --model. Of a
    Parquet file only the columns needed are read, and only files and row groups that may match.

    A record counts at its timestamp. One whose timestamp was not believed when it was recorded (more than 7
    days old, or more than an hour ahead) is also found at the time when it was observed.

    json is one array and ndjson one record a line, both with every field; csv has a column for every field.
    """
    query = Query(
        start_unix_nano=start,
        end_unix_nano=end,
        users=users,
        actions=actions,
        outcomes=outcomes,
        models=models,
        streams=streams or STREAMS,
        limit=limit if limit is not None or format_ != "table" else _TABLE_ROWS + 1,
        newest_first=newest_first,
    )
    with open_sources(destination, streams, keep_going=keep_going) as sources:
        if format_ == "table":
            shown = _print_table(sources, query, None if limit is not None else _TABLE_ROWS)
        else:
            shown = _print_lines(sources, query, format_)
        if not shown:
            note("no record matches")
            sources.warn_if_empty()
    ctx.exit(sources.exit_code)


def _print_table(sources: Sources, query: Query, rows: int | None) -> int:
    with working("reading records"):
        tables = list(scan(sources.catalogs(), query, sources.findings, columns=COLUMNS))
    records = [record for table in tables for record in table.to_pylist()]
    print_records(records[:rows])
    if rows is not None and len(records) > rows:
        note(f"the first {rows} records; --limit shows more, --format json all")
    return len(records)


def _print_lines(sources: Sources, query: Query, format_: str) -> int:
    shown = 0
    if format_ == "csv":
        click.echo(for_output(csv_text.header_line()))
    with working("reading records", unless_output_shows=True):
        for table in scan(sources.catalogs(), query, sources.findings):
            # One write for many records: standard output is flushed each time.
            if format_ == "csv":
                click.echo("\n".join(map(for_output, csv_text.record_lines(table))))
            elif format_ == "ndjson":
                click.echo("\n".join(json_lines(table)))
            else:
                click.echo((",\n" if shown else "[\n") + ",\n".join(json_lines(table)), nl=False)
            shown += table.num_rows
    if format_ == "json":
        click.echo("\n]" if shown else "[]")
    return shown
