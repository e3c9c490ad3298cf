"""Records as a table for a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_audit.cli.instants import format_instant
from otel_audit.cli.text import visible
from otel_audit.query.request import RECORD_ID, TIME

COLUMNS: Final = (
    TIME,
    "eventName",
    "user.id",
    "action",
    "target.id",
    "outcome",
    "returnCode",
    "durationNs",
    RECORD_ID,
)
"""What the table reads of a record."""

_WIDE: Final = 160
"""Terminals from this width on have room for a whole record id."""

_UNBOUNDED: Final = 100_000
"""Width where nobody wraps lines: a pipe or a file."""

_SHORT_ID: Final = 13
"""Digits of an id that a narrow table shows: as good as unique, and `show` takes them."""

_STYLES: Final = {"failure": "red", "success": "green"}


def print_records(records: Sequence[dict[str, Any]]) -> None:
    """Print rows with :data:`COLUMNS` to standard output, cut to the terminal's width; whole in a pipe."""
    console = _console()
    wide = console.width >= _WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("time (UTC)", no_wrap=True)
    for name in ("event", "user", "action", "target"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.add_column("outcome", no_wrap=True)
    table.add_column("ms", no_wrap=True, justify="right")
    table.add_column("record", no_wrap=True, overflow="fold")
    for record in records:
        table.add_row(*_cells(record, wide))
    console.print(table)


def print_rows(header: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print any small table; ``right`` names the columns that are numbers."""
    console = _console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, overflow="fold", justify="right" if index in right else "left")
    for row in rows:
        table.add_row(*(Text(visible(str(cell))) for cell in row))
    console.print(table)


def _console() -> Console:
    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _cells(record: dict[str, Any], wide: bool) -> list[Text]:
    outcome = record["outcome"] or ""
    code = record["returnCode"]
    duration = record["durationNs"]
    identifier = record[RECORD_ID] or ""
    return [
        Text(format_instant(record[TIME], 3).replace("T", " ").removesuffix("Z")),
        Text(visible(record["eventName"] or "")),
        Text(visible((record["user"] or {}).get("id") or "")),
        Text(visible(record["action"] or "")),
        Text(visible((record["target"] or {}).get("id") or "")),
        Text(visible(outcome + ("" if code is None else f" {code}")), style=_STYLES.get(outcome, "")),
        Text("" if duration is None else f"{duration / 1e6:.1f}"),
        Text(visible(identifier if wide else identifier[:_SHORT_ID])),
    ]
