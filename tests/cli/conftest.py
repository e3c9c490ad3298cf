"""The command line as a user has it: no settings but those of the test, and a spool of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from otel_audit.cli.main import cli

CORPUS = Path(__file__).parents[1] / "corpus"

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs a command; unforeseen errors are not swallowed."""
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", str(tmp_path / "spool"))

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole corpus, gone the way of `otel-audit ingest` into Parquet. Tests only read it."""
    folder = tmp_path_factory.mktemp("ingested")
    destination = folder / "log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_AUDIT_SPOOL", str(folder / "spool"))
        files = map(str, sorted(CORPUS.glob("*.json")))
        result = CliRunner().invoke(cli, ["ingest", "--destination", str(destination), *files])
    assert result.exit_code == 0, result.stderr
    return destination
