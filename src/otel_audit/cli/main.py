"""The command group, its exit codes, and the one place where errors become sentences."""

from __future__ import annotations

import importlib
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from otel_audit.cli.advice import advice
from otel_audit.cli.text import visible, visible_lines
from otel_audit.errors import AuditError, ConfigurationError, StoreError

FINE: Final = 0
PROBLEM: Final = 1
WRONG_USAGE: Final = 2

_EXIT_CODES: Final = "Exit codes: 0 fine, 1 found a problem, 2 wrong usage or configuration."


@dataclass(frozen=True, slots=True)
class _Command:
    """Where a command is, and its line in the list: showing the list imports none of them."""

    module: str
    summary: str


_COMMANDS: Final = {
    "demo": _Command("otel_audit.cli.demo", "Audit a small real application and show what was written."),
    "run": _Command("otel_audit.cli.run", "Start a program under auto-instrumentation, if it is audited."),
    "serve": _Command("otel_audit.cli.serve", "Receive OTLP from a Collector and write audit records."),
    "token": _Command("otel_audit.cli.token", "Bearer tokens of those who send to otel-audit serve."),
    "query": _Command("otel_audit.cli.query", "Show records."),
    "show": _Command("otel_audit.cli.show", "Show one record in full."),
    "files": _Command("otel_audit.cli.files", "List the files that hold committed records."),
    "ingest": _Command("otel_audit.cli.ingest", "Turn OTLP files into audit records."),
    "mask": _Command("otel_audit.cli.mask", "Mask texts; try and explain what masks them."),
    "models": _Command(
        "otel_audit.cli.models", "Which models take personal data: the registry beside the log."
    ),
    "spool": _Command("otel_audit.cli.spool", "What waits on this machine, since when and why."),
    "doctor": _Command("otel_audit.cli.doctor", "Check settings, destination and guarantees."),
    "schema": _Command("otel_audit.cli.schema", "Print the record's schema."),
}


class AuditGroup(click.Group):
    """Loads a command when it is called, and turns our errors into one sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = importlib.import_module(entry.module).command
        command.epilog = command.epilog or _EXIT_CODES
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AuditError as error:
            raise (_WrongUsage if isinstance(error, ConfigurationError) else _Failure)(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            # Click knows what to do with these; a closed pipe it takes in silence.
            raise
        except Exception as error:
            raise _Bug(error) from error


class _Failure(click.ClickException):
    """One of our own errors: its message names a cause and holds no secret."""

    exit_code = PROBLEM

    def __init__(self, error: AuditError) -> None:
        super().__init__(visible(advice(error) if isinstance(error, StoreError) else str(error)))


class _WrongUsage(_Failure):
    """A setting or option that is not accepted."""

    exit_code = WRONG_USAGE


class _Bug(click.ClickException):
    """An error that nobody foresaw. Its text may hold data, so only its kind and place are shown."""

    exit_code = PROBLEM

    def __init__(self, error: Exception) -> None:
        ours = [
            frame for frame in traceback.extract_tb(error.__traceback__) if "otel_audit" in frame.filename
        ]
        place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
        super().__init__(f"unexpected {type(error).__name__}{place}; please report this")


def warn(message: str) -> None:
    """One line on standard error; nothing in it reaches the terminal as a control."""
    click.echo(f"warning: {visible(message)}", err=True)


def note(message: str) -> None:
    """Lines on standard error that are neither result nor warning."""
    click.echo(visible_lines(message), err=True)


@click.group(
    cls=AuditGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"{_EXIT_CODES} Results go to standard output, everything else to standard error.",
)
@click.version_option(package_name="otel-audit", prog_name="otel-audit")
def cli() -> None:
    """Audit records from OpenTelemetry spans: masked, durable, provable, in your own bucket.

    Settings come from OTEL_AUDIT_* variables and the file that OTEL_AUDIT_CONFIG names; `otel-audit doctor`
    shows them.
    """


def main() -> None:
    """Run the command line of this process and end it."""
    cli()
