"""What a person sees of the demonstration: its calls, then the log through the same commands that they have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from otel_audit.cli.demo.traffic import Call
from otel_audit.cli.text import visible

_console = Console(highlight=False, soft_wrap=True)


def heading(text: str) -> None:
    """A line that starts a part."""
    _console.print(f"\n[bold]{escape(text)}[/bold]")


def warning(text: str) -> None:
    """Something that did not go as it should."""
    _console.print(f"[yellow]{escape(text)}[/yellow]")


def call(made: Call, status: int) -> None:
    """One call of the traffic with its status code."""
    colour = "green" if status < 400 else "red"
    _console.print(
        f"  [{colour}]{status}[/{colour}] {made.user:10} {made.method:5} {escape(visible(made.path))}"
    )


def log(destination: str) -> None:
    """Files, records, one record in full, and what to try next."""
    heading("Where it is")
    _run("files", "--destination", destination, "--format", "table")
    records = _records(destination)
    heading(f"What was recorded: {len(records)} records")
    _run("query", "--destination", destination, "--limit", "40", "--format", "table")
    if records:
        chosen = max(records, key=lambda record: sum(record.get("masking", {}).get("entities", {}).values()))
        heading("One record in full; what was masked is listed under masking")
        _run("show", "--destination", destination, chosen["recordId"])
    heading("Sizes")
    _sizes(destination, len(records))
    heading("What to try next")
    option = "" if os.environ.get("OTEL_AUDIT_DESTINATION") else " -d audit-log"
    for line in (
        f"otel-audit query{option} --user u1138",
        f"otel-audit query{option} --outcome failure --format json",
        f"otel-audit query{option} --model 'gpt-*' --from 1h",
        f"otel-audit doctor{option}",
        f"otel-audit files{option}",
    ):
        _console.print(f"  {escape(line)}")


def _run(*arguments: str) -> None:
    _console.print(f"[dim]$ otel-audit {escape(' '.join(arguments))}[/dim]")
    sys.stdout.flush()
    subprocess.run([_command(), *arguments], check=False, env=os.environ | {"COLUMNS": str(_console.width)})


def _records(destination: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [_command(), "query", "--destination", destination, "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    return (
        [json.loads(line) for line in done.stdout.splitlines()]
        if not done.stdout.startswith("[")
        else json.loads(done.stdout)
    )


def _sizes(destination: str, records: int) -> None:
    done = subprocess.run(
        [_command(), "files", "--destination", destination, "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    files = json.loads(done.stdout)
    total = sum(file["bytes"] for file in files)
    each = f", {total // records:,} bytes a record" if records else ""
    _console.print(f"  {len(files)} files, {total:,} bytes{each}")


def _command() -> str:
    return str(Path(sys.executable).with_name("otel-audit"))
