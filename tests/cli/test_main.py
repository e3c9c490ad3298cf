"""The group: help, exit codes, errors as sentences, nothing loaded that is not needed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from cli.conftest import Invoke
from otel_audit.cli.main import AuditGroup, cli
from otel_audit.errors import ConfigurationError, IntegrityError

COMMANDS = [
    "demo",
    "run",
    "serve",
    "token",
    "query",
    "show",
    "files",
    "ingest",
    "mask",
    "models",
    "spool",
    "doctor",
    "schema",
]


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"otel-audit, version {version('otel-audit')}\n"


def test_the_list_of_commands_is_complete_and_says_what_each_is_for(invoke: Invoke) -> None:
    shown = invoke("--help").stdout
    context = click.Context(cli)
    assert isinstance(cli, AuditGroup)
    assert cli.list_commands(context) == COMMANDS
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        # Two places say it, so that the list imports no command.
        assert command.get_short_help_str(100) in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(invoke: Invoke, name: str) -> None:
    assert invoke(name, "--help").exit_code == 0
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


def test_an_unknown_command_is_wrong_usage(invoke: Invoke) -> None:
    result = invoke("querry")
    assert result.exit_code == 2


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_nothing_heavy_is_loaded_for_it(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from otel_audit.cli.main import cli\n"
        f"try: cli({arguments})\n"
        "except SystemExit: pass\n"
        "heavy = {'pyarrow', 'rich', 'gcsfs', 'opentelemetry.sdk', 'duckdb', 're2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "exit_code", "said"),
    [
        (ConfigurationError("wrong\x1b[2J"), 2, r"Error: wrong\x1b[2J"),
        (IntegrityError("is gone", path="log/x"), 1, "Error: log/x: is gone"),
        (KeyError("a secret in it"), 1, "Error: unexpected KeyError"),
        (OSError(28, "no space for a secret"), 1, "Error: unexpected OSError"),
    ],
)
def test_errors_are_one_sentence(error: Exception, exit_code: int, said: str) -> None:
    @click.group(cls=AuditGroup)
    def group() -> None:
        raise error

    result = CliRunner().invoke(group, ["query", "-d", "x"])
    assert result.exit_code == exit_code
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.output
