"""Signs of life on standard error while something takes long; nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def working(what: str, *, total: int | None = None, unless_output_shows: bool = False) -> Iterator[Progress]:
    """A bar (or a spinner, if there is no total) that vanishes at the end of the block.

    Args:
        what: shown in front.
        total: how many steps there are; the caller advances ``progress.tasks[0]``.
        unless_output_shows: also be silent when standard output is a terminal, for work that prints there.
    """
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    silent = not console.is_terminal or (unless_output_shows and sys.stdout.isatty())
    columns = (
        [SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
        if total is None
        else [
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
    )
    with Progress(*columns, console=console, transient=True, disable=silent) as progress:
        progress.add_task(what, total=total)
        yield progress
