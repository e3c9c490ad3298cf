"""``docs/cli.md``, made from the commands' own help: ``python -m otel_audit.cli.docs > docs/cli.md``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from otel_audit.cli.main import cli

_WIDTH: Final = 100

_HEAD: Final = """\
# Command line

Made from `otel-audit --help` by `make docs`; a test compares the two.

| exit code | meaning |
|---|---|
| 0 | fine |
| 1 | found a problem: a broken promise of the log, input that cannot be read, a destination that fails |
| 2 | wrong usage or configuration |
| 78, 126, 127 | `run` only: the program would not be audited, cannot be executed, is not found |

Results go to standard output, everything else to standard error. Terminal output shows control, bidirectional
and zero-width characters as escapes; CSV quotes every cell and defuses formulas; JSON is raw.

`--from` and `--to` take RFC 3339 (`2026-11-21T18:04:16Z`; UTC where no zone is given), dates (their first
instant, UTC) and times ago (`90s`, `2h`, `7d`, `1d12h`). The end is not included, so one day is
`--from 2026-11-21 --to 2026-11-22`.

"""


def markdown() -> str:
    """The page."""
    return _HEAD + "\n".join(_sections())


def _sections() -> Iterator[str]:
    yield from _of(cli, _context(cli, "otel-audit", None))


def _of(command: click.Command, context: click.Context) -> Iterator[str]:
    """A command's section, and those of its subcommands."""
    yield _section(context.command_path, command.get_help(context))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _of(found, _context(found, name, context))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    # Widths are given: they would be those of the terminal that the page is made in.
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    click.echo(markdown(), nl=False)
