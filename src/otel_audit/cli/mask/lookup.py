"""``otel-audit mask lookup``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import click

from otel_audit.cli.main import note, warn
from otel_audit.cli.options import (
    destination_option,
    format_option,
    keep_going_option,
    stream_option,
    window_options,
)
from otel_audit.cli.own_events import leave_event, who_runs_this
from otel_audit.cli.progress import working
from otel_audit.cli.record_json import json_lines
from otel_audit.cli.sources import Sources, open_sources
from otel_audit.cli.table import COLUMNS, print_records
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.errors import ConfigurationError
from otel_audit.mask.free_text import TextMasker
from otel_audit.mask.operators import pseudonym
from otel_audit.mask.policy import MaskPolicy
from otel_audit.query.request import RECORD_ID, Query
from otel_audit.query.scan import scan
from otel_audit.record.streams import STREAMS

__all__ = ["lookup"]

_WHOLE: Final = ("USER_ID", "SUBJECT", "SESSION", "CREDENTIAL")
"""Types of values that are pseudonyms as a whole, whatever they look like."""

_MOST_ROWS: Final = 100
"""Records in a table: more than a person reads."""


@click.command(name="lookup")
@click.option("--entity", "entities", multiple=True, help="Only as a value of this type; may be repeated.")
@window_options
@stream_option
@destination_option
@format_option("table", "ndjson", default="table")
@keep_going_option
@click.pass_context
def lookup(
    ctx: click.Context,
    *,
    entities: tuple[str, ...],
    start: int | None,
    end: int | None,
    streams: tuple[str, ...],
    destination: str | None,
    format_: str,
    keep_going: bool,
) -> None:
    """Find the records that concern a person.

    Asks for the value (an e-mail address, a phone number, a user id …) and hides what is typed; in a pipe the first
    line of standard input is the value. It is never an argument, which other users of the machine could see.

    Looks for the pseudonyms of the value under every key that is set (mask.key and mask.old_keys), in every
    text of the records. Leaves an audit.access record that says who looked, for which types and under which
    keys, and how many records there were; never the value.
    """
    settings = load({} if destination is None else {"destination": destination})
    policy = mask_policy(settings)
    if not policy.keys:
        raise ConfigurationError(
            "there is no mask.key: without one, no pseudonyms are written that could be found"
        )
    value = _value()
    types = tuple(dict.fromkeys(entities or (*_types_of(policy, value), *_WHOLE)))
    if unknown := set(types) - policy.entities:
        raise ConfigurationError(f"--entity: unknown {', '.join(sorted(unknown))}")
    tokens = [
        pseudonym(entity, value.encode(), key=key, tenant=settings.log.tenant).encode()
        for entity in types
        for key in policy.keys
    ]
    # In URLs the brackets of a token are percent-encoded.
    needles = [token[1:-1] for token in tokens]
    query = Query(start_unix_nano=start, end_unix_nano=end, streams=streams or STREAMS)
    with open_sources(destination, streams, keep_going=keep_going) as sources:
        found = _show(sources, query, needles, format_)
        if not found:
            note("no record concerns this value")
        delivered = leave_event(
            "audit.access",
            {
                "audit.action": "LOOKUP",
                "audit.outcome": "success",
                "audit.actor.id": who_runs_this(),
                "audit.actor.type": "user",
                "audit.target.type": "audit-log",
                "audit.access.entities": list(types),
                "audit.access.keys": [key.id for key in policy.keys],
                "audit.access.records": found,
            },
            destination,
        )
        if not delivered:
            warn("the record of this look-up waits in the spool; the destination did not take it")
    ctx.exit(sources.exit_code)


def _value() -> str:
    """What is looked for: typed unseen, or the first line of a pipe."""
    value: str = (
        click.prompt("value", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    )
    value = value.strip()
    if not value:
        raise click.UsageError("give the value on standard input")
    return value


def _types_of(policy: MaskPolicy, value: str) -> Iterator[str]:
    """What the recognisers take the value for."""
    for entity in TextMasker(policy).mask(value).entities:
        if (entity.start, entity.end) == (0, len(value)):
            yield entity.type


def _show(sources: Sources, query: Query, needles: list[bytes], format_: str) -> int:
    """Prints the records that hold one of the pseudonyms. Returns how many they are."""
    ids: list[str] = []
    with working("reading records", unless_output_shows=format_ == "ndjson"):
        for table in scan(sources.catalogs(), query, sources.findings):
            lines = list(json_lines(table))
            kept = [
                row for row, line in enumerate(lines) if any(needle in line.encode() for needle in needles)
            ]
            ids += [str(table[RECORD_ID][row]) for row in kept]
            if format_ == "ndjson" and kept:
                click.echo("\n".join(lines[row] for row in kept))
    if format_ == "table" and ids:
        shown = replace(query, record_ids=tuple(ids[:_MOST_ROWS]))
        tables = scan(sources.catalogs(), shown, sources.findings, columns=COLUMNS)
        print_records([record for table in tables for record in table.to_pylist()])
        if len(ids) > _MOST_ROWS:
            note(f"the first {_MOST_ROWS} of {len(ids)} records; --format ndjson shows all")
    return len(ids)
