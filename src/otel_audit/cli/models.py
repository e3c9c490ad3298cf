"""``otel-audit models``: the registry of models beside the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import click
import pyarrow as pa

from otel_audit.cli.csv_text import csv_lines
from otel_audit.cli.main import FINE, PROBLEM, note, warn
from otel_audit.cli.model_changes import ChangeRequest, change_registry, read_registry
from otel_audit.cli.options import destination_option, format_option
from otel_audit.cli.table import print_rows
from otel_audit.cli.text import for_output, visible
from otel_audit.errors import InputError
from otel_audit.registry import changes
from otel_audit.registry.state import RegistryState
from otel_audit.registry.versions import Change, RegisteredModel, RegistryVersion

_FIELDS: Final = ("name", "version", "endpoint", "pii", "deployed", "changed", "by")
_HISTORY: Final = ("number", "at", "change", "version", "endpoint", "pii", "by")

F = TypeVar("F", bound=Callable[..., Any])


@click.group(name="models")
def command() -> None:
    """Which models take personal data: the registry beside the log.

    The input of a model with the tag pii is never written. An endpoint keeps the tag that it was deployed with
    until it is deployed again; a model that was never deployed follows its registration. Applications go by what
    they read at their start, until they call otel_audit.models.refresh(). What is registered adds tags to
    configured models; it takes one away only where models.trust_registry is set.

    Each change is a version that nobody can overwrite, and a record audit.model.tag in the log.
    """


def _version_option(function: F) -> F:
    return click.option("--version", metavar="VERSION", help="Of the model; needed where there are several.")(
        function
    )


def _actor_option(function: F) -> F:
    return click.option(
        "--actor", metavar="ID", help="Who makes the change; by default the user of the operating system."
    )(function)


@command.command(name="list")
@destination_option
@format_option("table", "json", "csv", default="table")
def list_(*, destination: str | None, format_: str) -> None:
    """List the models, with the tag they are registered with and the one they are deployed with.

    Exit code 1 if the registry was tampered with.
    """
    state = read_registry(destination)
    _print(_FIELDS, list(_rows(state, state.models.values())), format_)
    if not state.models:
        note("no model is registered")


@command.command(name="show")
@click.argument("name")
@destination_option
@format_option("table", "json", "csv", default="table")
@click.pass_context
def show(ctx: click.Context, *, name: str, destination: str | None, format_: str) -> None:
    """Show a model: its versions, and in json and csv every change that was made to it.

    Exit code 1 if no such model is registered.
    """
    state = read_registry(destination)
    if not state.named(name):
        raise InputError("no such model is registered", source=visible(name))
    rows = list(_rows(state, state.named(name)))
    history = [_history(version) for version in state.history(name)]
    if format_ == "json":
        click.echo(json.dumps({"name": name, "versions": rows, "history": history}, indent=1))
    elif format_ == "csv":
        _print(_HISTORY, history, format_)
    else:
        _print(_FIELDS, rows, format_)
        _print(_HISTORY, history, format_)
    ctx.exit(FINE)


@command.command(name="register")
@click.argument("name")
@_version_option
@click.option("--endpoint", metavar="PATH", help="HTTP route, path or URL that is this model; * is any text.")
@click.option(
    "--pii/--no-pii", default=None, help="Its tag; by default that of the version before it, or none."
)
@_actor_option
@destination_option
@click.pass_context
def register(
    ctx: click.Context,
    *,
    name: str,
    version: str | None,
    endpoint: str | None,
    pii: bool | None,
    actor: str | None,
    destination: str | None,
) -> None:
    """Make a model known, or change its endpoint or tag. Nothing happens if it is known like this."""
    decision = changes.register(name, version, endpoint, pii)
    _change(ctx, ChangeRequest(Change.REGISTER, name, version, decision, actor), destination)


@command.command(name="set-pii")
@click.argument("name")
@click.argument("pii", type=click.Choice(["true", "false"]))
@_version_option
@_actor_option
@destination_option
@click.pass_context
def set_pii(
    ctx: click.Context,
    *,
    name: str,
    pii: str,
    version: str | None,
    actor: str | None,
    destination: str | None,
) -> None:
    """Tag a model, or take its tag away.

    An endpoint that is deployed keeps its tag until the next `otel-audit models deploy`.
    """
    decision = changes.set_pii(name, version, pii == "true")
    _change(ctx, ChangeRequest(Change.SET_PII, name, version, decision, actor), destination)


@command.command(name="deploy")
@click.argument("name")
@_version_option
@_actor_option
@destination_option
@click.pass_context
def deploy(
    ctx: click.Context, *, name: str, version: str | None, actor: str | None, destination: str | None
) -> None:
    """Let a model's endpoint serve it as it is registered now, with its tag."""
    decision = changes.deploy(name, version)
    _change(ctx, ChangeRequest(Change.DEPLOY, name, version, decision, actor), destination)


def _change(ctx: click.Context, request: ChangeRequest, destination: str | None) -> None:
    made, delivered = change_registry(request, destination)
    state = made.after
    model = changes.the_model(state, request.name, request.version)
    if made.version is None:
        note("nothing to change")
    else:
        what = "takes personal data" if model.pii else "takes no personal data"
        note(
            f"{made.version.change} {_called(model)}, which {what}: version {made.version.number} of the registry"
        )
    for one in state.deployments(model):
        if one.pii != model.pii:
            note(f"{one.endpoint or _called(one)} keeps pii = {_text(one.pii)} until it is deployed again")
    if not delivered:
        warn("the record of the change is not at its destination yet: it waits in the spool")
    ctx.exit(FINE if delivered else PROBLEM)


def _called(model: RegisteredModel) -> str:
    return model.name if model.version is None else f"{model.name} {model.version}"


def _rows(state: RegistryState, models: Sequence[RegisteredModel] | Any) -> Iterator[dict[str, Any]]:
    for model in models:
        last = state.last_changes[model.name, model.version]
        yield {
            "name": model.name,
            "version": model.version,
            "endpoint": model.endpoint,
            "pii": model.pii,
            "deployed": [{"endpoint": one.endpoint, "pii": one.pii} for one in state.deployments(model)],
            "changed": last.at,
            "by": last.actor.id,
        }


def _history(version: RegistryVersion) -> dict[str, Any]:
    model = version.model
    return {
        "number": version.number,
        "at": version.at,
        "change": str(version.change),
        "version": model.version,
        "endpoint": model.endpoint,
        "pii": model.pii,
        "by": version.actor.id,
    }


def _print(fields: Sequence[str], rows: Sequence[dict[str, Any]], format_: str) -> None:
    if format_ == "json":
        click.echo(json.dumps(rows, indent=1))
    elif format_ == "csv":
        columns = [pa.array([_text(row[name]) for row in rows], pa.string()) for name in fields]
        for line in [*csv_lines([pa.array([name]) for name in fields]), *csv_lines(columns)]:
            click.echo(for_output(line))
    elif rows:
        print_rows(fields, [[_text(row[name]) for name in fields] for row in rows])


def _text(cell: Any) -> str:
    if isinstance(cell, list):
        return ", ".join(f"{one['endpoint'] or 'by name'}: {_text(one['pii'])}" for one in cell)
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)
