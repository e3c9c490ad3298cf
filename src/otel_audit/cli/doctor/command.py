"""The command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from otel_audit.cli.doctor import (
    destinations,
    guarantees,
    masking,
    orphans,
    policies,
    settings,
    spool,
    surroundings,
)
from otel_audit.cli.doctor.finding import Finding, Level
from otel_audit.cli.main import PROBLEM
from otel_audit.cli.options import destination_option, format_option
from otel_audit.cli.sources import written_places
from otel_audit.cli.text import visible
from otel_audit.config import load
from otel_audit.config.build import spool_root

_MARKS: Final[dict[Level, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "note": ("·", "dim"),
    "warning": ("warning", "yellow"),
    "problem": ("problem", "red"),
}


@click.command(name="doctor")
@destination_option
@format_option("text", "json", default="text")
@click.option(
    "--orphans",
    "with_orphans",
    is_flag=True,
    help="Also list data files that no commit lists, and none will.",
)
@click.pass_context
def command(ctx: click.Context, *, destination: str | None, format_: str, with_orphans: bool) -> None:
    """Check settings, destination and guarantees.

    Prints the settings in force (secrets as ***), tries every destination with a small object under
    _audit/probe/ (create, read, and whether overwriting and deleting are forbidden as they should be), and
    says what is masked, whether the masking policies that records name stand beside them unchanged, what is lost
    in which failure, and what is installed.

    Exit code 1 if something keeps the log from working; warnings leave it 0.
    """
    found = load({"destination": destination})
    places = written_places(found)
    if places:
        tried: Iterable[Finding] = destinations.findings(places)
    else:
        tried = [Finding("problem", "no destination is set: give --destination or OTEL_AUDIT_DESTINATION")]
    sections: dict[str, Iterable[Finding]] = {
        "settings": settings.findings(found),
        "destinations": tried,
        "spool": spool.findings(spool_root(found)),
        "masking": masking.findings(found),
        "policies": policies.findings(found, places),
        f"what is lost (delivery = {found.log.delivery})": guarantees.findings(found),
        "surroundings": surroundings.findings(os.environ, has_destination=bool(places)),
    }
    if with_orphans:
        sections["orphans"] = orphans.findings(places)
    listed = {title: list(findings) for title, findings in sections.items()}
    if format_ == "json":
        click.echo(json.dumps({title: [asdict(one) for one in of] for title, of in listed.items()}, indent=1))
    else:
        _print(listed)
    ctx.exit(PROBLEM if any(one.level == "problem" for of in listed.values() for one in of) else 0)


def _print(listed: dict[str, list[Finding]]) -> None:
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    for title, findings in listed.items():
        console.print(Text(title, style="bold"))
        for finding in findings:
            mark, style = _MARKS[finding.level]
            console.print(
                Text("  ").append(f"{mark} ", style=style).append(visible(finding.text)), soft_wrap=True
            )
