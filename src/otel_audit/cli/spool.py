"""``otel-audit spool``: what waits on this machine, since when and why, and trying again what was refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import pyarrow as pa

from otel_audit.cli.csv_text import csv_lines
from otel_audit.cli.instants import format_instant
from otel_audit.cli.main import FINE, PROBLEM, note
from otel_audit.cli.options import format_option
from otel_audit.cli.sources import written_places
from otel_audit.cli.table import print_rows
from otel_audit.cli.text import for_output
from otel_audit.config import load
from otel_audit.config.build import spool_root
from otel_audit.errors import ConfigurationError
from otel_audit.pipeline.destination import destination_id
from otel_audit.spool.inventory import Quarantined, SlotInventory, inventory, request_retry

_FIELDS: Final = ("service", "slot", "what", "where", "count", "records", "bytes", "since", "why")
_NUMBERS: Final = (4, 5, 6)


@click.group(name="spool")
def command() -> None:
    """What waits on this machine, since when and why.

    The spool holds records that are durable and not yet at every destination. It can be looked at, and what was
    refused tried again, while applications write to it.
    """


def spool_option(function: Any) -> Any:
    """``--spool``."""
    return click.option(
        "--spool",
        type=click.Path(path_type=Path),
        help="Folder of the spool; by default the configured one (OTEL_AUDIT_SPOOL), or the user's.",
    )(function)


@command.command(name="list")
@spool_option
@format_option("table", "json", "csv", default="table")
@click.pass_context
def list_(ctx: click.Context, *, spool: Path | None, format_: str) -> None:
    """List what waits: segments, commits by destination, and what was refused or damaged.

    Exit code 1 if a destination has refused something, or a segment could not be read back.
    """
    slots = inventory(_root(spool))
    rows = [row for slot in slots for row in _rows(slot, _urls())]
    if format_ == "json":
        click.echo(json.dumps([dict(zip(_FIELDS, row, strict=True)) for row in rows], indent=1))
    elif format_ == "csv":
        columns = [
            pa.array([_text(row[place]) for row in rows], pa.string()) for place in range(len(_FIELDS))
        ]
        for line in [*csv_lines([pa.array([name]) for name in _FIELDS]), *csv_lines(columns)]:
            click.echo(for_output(line))
    elif rows:
        print_rows(_FIELDS, [[_text(cell) for cell in row] for row in rows], right=_NUMBERS)
    else:
        note("nothing waits")
    ctx.exit(PROBLEM if any(slot.quarantine or slot.damaged for slot in slots) else FINE)


@command.command(name="retry")
@spool_option
@click.option(
    "--destination", "-d", metavar="URL", help="Only what this destination has refused; as configured."
)
@click.option(
    "--writer", metavar="NAME", help="Only records that this writer has numbered; as spool list says."
)
@click.pass_context
def retry(ctx: click.Context, *, spool: Path | None, destination: str | None, writer: str | None) -> None:
    """Try again what a destination has refused for good.

    Whoever holds the slot, now or next, commits the refused records anew, under new numbers, at the destination
    that refused them; the gap under their old ones stays, and says so. Exit code 1 if there is nothing to try.
    """
    wanted = None if destination is None else destination_id(destination)
    refused = [
        one
        for slot in inventory(_root(spool))
        for one in slot.quarantine
        if wanted in (None, one.destination) and writer in (None, one.writer)
    ]
    for one in refused:
        request_retry(one)
    if refused:
        records = sum(one.records for one in refused)
        note(f"{len(refused)} commits with {records:,} records are tried again by whoever holds their slots")
    else:
        note("nothing of that was refused")
    ctx.exit(FINE if refused else PROBLEM)


def _root(spool: Path | None) -> Path:
    return spool_root(load({})) if spool is None else spool


def _urls() -> Mapping[str, str]:
    """Destination id → URL, as far as the settings name it: a spool knows ids alone."""
    try:
        return {destination_id(url): url for url in written_places(load({}))}
    except ConfigurationError:
        return {}


def _rows(slot: SlotInventory, urls: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    name = (slot.service, slot.slot)
    for waiting in slot.segments:
        since = _instant(waiting.since_unix_nano)
        yield *name, "segments", waiting.writer, waiting.segments, None, waiting.size, since, "not sealed yet"
    for owed in slot.commits:
        where = urls.get(owed.destination, owed.destination)
        planned = None if owed.since_unix_nano is None else _instant(owed.since_unix_nano)
        why = (
            ""
            if owed.trouble is None
            else f"{owed.trouble.cause} since {_instant(owed.trouble.since_unix_nano)}"
        )
        yield *name, "commits", where, owed.commits, owed.records, owed.size, planned, why
    for refused in slot.quarantine:
        yield *name, "refused", urls.get(refused.destination, refused.destination), *_refused(refused)
    for damaged in slot.damaged:
        yield *name, "damaged", damaged.name, 1, None, None, None, "could not be read back whole"
    for loss in slot.losses:
        since = _instant(loss.from_unix_nano)
        yield *name, "losses", "", None, loss.count, None, since, f"{loss.cause}; not yet in a gap record"


def _refused(refused: Quarantined) -> Sequence[Any]:
    why = f"commit {refused.commit} of {refused.writer}" + (
        "; to be tried again" if refused.is_retried else ""
    )
    return 1, refused.records, refused.size, _instant(refused.since_unix_nano), why


def _instant(unix_nano: int) -> str:
    return format_instant(min(unix_nano, time.time_ns()), 3)


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
