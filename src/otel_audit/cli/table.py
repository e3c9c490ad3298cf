"""Records as a table for a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final, Literal

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

_WIDE: Final = 120
"""Terminals from this width on have room for dates with their year, milliseconds and whole record ids."""

_UNBOUNDED: Final = 100_000
"""Width where nobody wraps lines: a pipe or a file."""

_SHORT_ID: Final = 13
"""Characters of an id that a narrow table shows: as good as unique, and `show` takes them."""

_LEAST: Final = 4
"""Width below which a cut text says nothing."""

_HEAD: Final = (
    ("time (UTC)", False),
    ("event", True),
    ("user", True),
    ("action", True),
    ("target", True),
    ("outcome", False),
    ("ms", False),
    ("record", False),
)
"""Columns, and whether one may be cut in a narrow terminal."""

_STYLES: Final = {"failure": "red", "success": "green"}


def print_records(records: Sequence[dict[str, Any]]) -> None:
    """Print rows with :data:`COLUMNS` to standard output, cut to the terminal's width; whole in a pipe."""
    console = _console()
    rows = [_cells(record, wide=console.width >= _WIDE) for record in records]
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for (name, _), width in zip(_HEAD, _widths(rows, console.width), strict=True):
        justify: Literal["left", "right"] = "right" if name == "ms" else "left"
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=width, justify=justify)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _widths(rows: Sequence[Sequence[Text]], available: int) -> list[int]:
    """Widths of the columns: what they need, or as much of it as all of them can have."""
    cells = [[Text(name) for name, _ in _HEAD], *rows]
    widths = [max(row[place].cell_len for row in cells) for place in range(len(_HEAD))]
    # One for each line between columns, and one at either end.
    over = sum(widths) + len(_HEAD) + 1 - available
    flexible = [place for place, (_, shrinks) in enumerate(_HEAD) if shrinks]
    while over > 0 and (widest := max(flexible, key=lambda place: widths[place])) and widths[widest] > _LEAST:
        widths[widest] -= 1
        over -= 1
    return widths


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


def _cells(record: dict[str, Any], *, wide: bool) -> list[Text]:
    time = format_instant(record[TIME], 3).replace("T", " ").removesuffix("Z")
    outcome = record["outcome"] or ""
    code = record["returnCode"]
    duration = record["durationNs"]
    identifier = record[RECORD_ID] or ""
    return [
        Text(time if wide else time[5:19]),
        Text(visible(record["eventName"] or "")),
        Text(visible((record["user"] or {}).get("id") or "")),
        Text(visible(record["action"] or "")),
        Text(visible((record["target"] or {}).get("id") or "")),
        Text(visible(outcome + ("" if code is None else f" {code}")), style=_STYLES.get(outcome, "")),
        Text("" if duration is None else f"{duration / 1e6:.1f}"),
        Text(visible(identifier if wide else identifier[:_SHORT_ID])),
    ]
