"""``otel-audit mask test``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_audit.cli.main import PROBLEM, note
from otel_audit.cli.options import format_option
from otel_audit.cli.text import visible
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.mask.free_text import TextMasker
from otel_audit.mask.policy import MaskPolicy

__all__ = ["test"]


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of one example."""

    recognizer: str
    example: str
    expected: str
    found: list[str]
    ok: bool


@click.command(name="test")
@click.option("--all", "with_ours", is_flag=True, help="Also try the recognisers that come with otel-audit.")
@format_option("table", "json", default="table")
@click.pass_context
def test(ctx: click.Context, *, with_ours: bool, format_: str) -> None:
    """Try your own recognisers on their examples.

    Each text of `matches` must hold exactly one finding of the recogniser's entity and nothing else, each of
    `rejects` none. Patterns that RE2 does not take are named.

    Exit code 1 if an example fails.
    """
    policy = mask_policy(load({}))
    tried = list(_tried(policy, with_ours=with_ours))
    failed = sum(not one.ok for one in tried)
    if format_ == "json":
        for one in tried:
            click.echo(orjson.dumps(asdict(one)).decode())
    elif tried:
        _print(tried)
    if not policy.recognizers and not with_ours:
        note("no [[mask.recognizers]] are set; --all tries those that come with otel-audit")
    else:
        note(f"{len(tried)} examples, {failed} failed")
    if failed:
        ctx.exit(PROBLEM)


def _tried(policy: MaskPolicy, *, with_ours: bool) -> Iterator[_Tried]:
    masker = TextMasker(policy)
    own = {recognizer.name for recognizer in policy.recognizers}
    for entry in policy.table():
        if entry.name not in own and not with_ours:
            continue
        for examples, expected in ((entry.matches, [entry.entity]), (entry.rejects, [])):
            for example in examples:
                found = [entity.type for entity in masker.mask(example).entities]
                yield _Tried(entry.name, example, "".join(expected) or "nothing", found, found == expected)


def _print(tried: list[_Tried]) -> None:
    table = Table("recogniser", "example", "expected", "found", "")
    for one in tried:
        table.add_row(
            Text(one.recognizer),
            Text(visible(one.example)),
            Text(one.expected),
            Text(", ".join(one.found) or "nothing"),
            Text("ok", "green") if one.ok else Text("failed", "red"),
        )
    Console(markup=False, highlight=False).print(table)
