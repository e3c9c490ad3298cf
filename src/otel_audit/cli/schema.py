"""``otel-audit schema``."""

from __future__ import annotations

import json

import click

from otel_audit.cli.main import note
from otel_audit.cli.options import destination_option, format_option, stream_option
from otel_audit.cli.sources import open_sources
from otel_audit.cli.text import visible
from otel_audit.errors import ConfigurationError
from otel_audit.query.ddl import DIALECTS, LogTable, bigquery_table, duckdb_view
from otel_audit.query.json_schema import record_schema
from otel_audit.query.tables import find_tables
from otel_audit.record.schema import SCHEMA
from otel_audit.record.streams import STREAMS
from otel_audit.store.layout import TableName

_PLACEHOLDER = "gs://BUCKET/PREFIX"


@click.command(name="schema")
@format_option("json", "arrow", "sql", default="json")
@click.option(
    "--dialect",
    type=click.Choice((*DIALECTS, "all")),
    default="all",
    show_default=True,
    help="For --format sql: views for DuckDB, external tables for BigQuery.",
)
@click.option("--dataset", default="audit", show_default=True, help="BigQuery dataset, or project.dataset.")
@destination_option
@stream_option
def command(
    format_: str, dialect: str, dataset: str, destination: str | None, streams: tuple[str, ...]
) -> None:
    """Print the record's schema.

    json is the JSON Schema of one NDJSON record, arrow the Arrow schema of every Parquet file, sql the
    statements that make the log's folders tables of DuckDB and BigQuery. The statements name the destination
    given or configured and the tables found there; without one they hold a placeholder.
    """
    if format_ == "json":
        click.echo(json.dumps(record_schema(), indent=2, ensure_ascii=False))
    elif format_ == "arrow":
        click.echo(SCHEMA.to_string(show_field_metadata=False, show_schema_metadata=False))
    else:
        for statement in _statements(_tables(destination, streams), dialect, dataset):
            click.echo(statement)


def _tables(destination: str | None, streams: tuple[str, ...]) -> list[LogTable]:
    try:
        with open_sources(destination, streams) as sources:
            return [table for store, held in sources.stores for table in find_tables(store, held)]
    except ConfigurationError:
        if destination is not None:
            raise
        return [LogTable(_PLACEHOLDER, TableName(stream), "parquet") for stream in streams or STREAMS]


def _statements(tables: list[LogTable], dialect: str, dataset: str) -> list[str]:
    statements = []
    for name in DIALECTS if dialect == "all" else (dialect,):
        statements.append(f"-- {'DuckDB' if name == 'duckdb' else 'BigQuery'}")
        for table in tables:
            try:
                statements.append(duckdb_view(table) if name == "duckdb" else bigquery_table(table, dataset))
            except ConfigurationError as error:
                if dialect != "all":
                    raise
                note(visible(f"{table.name}: {error}"))
    return statements
