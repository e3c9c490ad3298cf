"""``otel-audit files``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

import click
import pyarrow as pa

from otel_audit.cli.csv_text import csv_lines
from otel_audit.cli.options import (
    destination_option,
    format_option,
    keep_going_option,
    stream_option,
    window_options,
)
from otel_audit.cli.sources import open_sources
from otel_audit.cli.table import print_rows
from otel_audit.cli.text import for_output
from otel_audit.query.catalog import CommittedFile
from otel_audit.query.request import Query
from otel_audit.record.streams import STREAMS

_SHOWN: Final = ("url", "stream", "rows", "bytes", "minTimestamp", "maxTimestamp")
_NUMBERS: Final = (2, 3)
_FIELDS: Final = (*_SHOWN, "format", "compression", "sha256")


@click.command(name="files")
@window_options
@stream_option
@destination_option
@format_option("list", "table", "json", "csv", default="list")
@keep_going_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    start: int | None,
    end: int | None,
    streams: tuple[str, ...],
    destination: str | None,
    format_: str,
    keep_going: bool,
) -> None:
    """List the files that hold committed records.

    Of a window, oldest first. list is one URL a line, for any engine that takes a list of files; json and csv
    add what their manifests say about them. A file may hold records outside the window too: an engine still
    filters by timestamp.
    """
    query = Query(start_unix_nano=start, end_unix_nano=end, streams=streams or STREAMS)
    with open_sources(destination, streams, keep_going=keep_going) as sources:
        found = sorted(
            (file for catalog in sources.catalogs() for file in catalog.files(query)),
            key=lambda file: (file.first_unix_nano, file.location),
        )
        if not found:
            sources.warn_if_empty()
    _print(found, format_)
    ctx.exit(sources.exit_code)


def _print(found: Iterable[CommittedFile], format_: str) -> None:
    rows = list(_rows(found))
    if format_ == "list":
        for row in rows:
            click.echo(for_output(str(row["url"])))
    elif format_ == "json":
        click.echo(json.dumps(rows, indent=1))
    elif format_ == "csv":
        columns = [pa.array([str(row[name]) for row in rows], pa.string()) for name in _FIELDS]
        for line in [*csv_lines([pa.array([name]) for name in _FIELDS]), *csv_lines(columns)]:
            click.echo(for_output(line))
    else:
        print_rows(_SHOWN, [[row[name] for name in _SHOWN] for row in rows], right=_NUMBERS)


def _rows(found: Iterable[CommittedFile]) -> Iterator[dict[str, object]]:
    for file in found:
        entry = file.entry
        yield {
            "url": f"{file.store.url}/{file.path}",
            "stream": file.location.table.stream,
            "format": entry.format,
            "compression": entry.compression,
            "rows": entry.rows,
            "bytes": entry.bytes,
            "sha256": entry.sha256,
            "minTimestamp": entry.min_timestamp,
            "maxTimestamp": entry.max_timestamp,
        }
