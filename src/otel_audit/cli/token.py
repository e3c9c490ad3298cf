"""``otel-audit token``: who may send to ``otel-audit serve``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from otel_audit.cli.main import note
from otel_audit.cli.text import visible
from otel_audit.errors import ConfigurationError
from otel_audit.receive.token_file import SIGNALS, Signal, new_token, read_tokens, write_tokens


@click.group(name="token")
def command() -> None:
    """Bearer tokens of those who send to otel-audit serve.

    The file holds digests, never a token. A server that was started with --tokens FILE reads it again within a
    second of a change. To rotate: make a second token for the same sender, give it out, revoke the first.
    """


_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@command.command(name="new")
@_FILE
@click.argument("sender")
@click.option("--tenant", metavar="NAME", help="Whose records it writes; by default that of the settings.")
@click.option(
    "--signal",
    "signals",
    type=click.Choice(SIGNALS),
    multiple=True,
    help="What may be sent with it; may be repeated; by default all.",
)
@click.option("--days", type=click.IntRange(min=1), help="How long it is valid; by default without end.")
def new(file: Path, sender: str, tenant: str | None, signals: tuple[Signal, ...], days: int | None) -> None:
    """Make a token for SENDER and print it: this once, since FILE, made if it is missing, keeps its digest only."""
    before = read_tokens(file) if file.exists() else ()
    end = None if days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    secret, token = new_token(sender, tenant=tenant, signals=signals or SIGNALS, expires_at=end)
    write_tokens(file, (*before, token))
    note(f"token {token.id} for {visible(sender)}; it is shown this once:")
    click.echo(secret)


@command.command(name="list")
@_FILE
def list_(file: Path) -> None:
    """Show the tokens of FILE: id, sender, tenant, signals, and until when they are valid."""
    now = datetime.now(UTC)
    for token in read_tokens(file):
        end = "no end" if token.expires_at is None else f"until {token.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        end = end if token.is_valid(now) else f"expired {end.removeprefix('until ')}"
        tenant = token.tenant or "(tenant of the settings)"
        click.echo("\t".join(map(visible, (token.id, token.sender, tenant, ",".join(token.signals), end))))


@command.command(name="revoke")
@_FILE
@click.argument("token_id", metavar="ID")
def revoke(file: Path, token_id: str) -> None:
    """Take the token with this id out of FILE."""
    before = read_tokens(file)
    left = tuple(token for token in before if token.id != token_id)
    if len(left) == len(before):
        raise ConfigurationError("no token of the file has this id: see otel-audit token list")
    write_tokens(file, left)
    note(f"token {token_id} is revoked")
