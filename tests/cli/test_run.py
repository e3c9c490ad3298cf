"""``otel-audit run``, as far as it goes before the program: that is in ``tests/processes/test_zero_code.py``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Invoke


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, *_: object) -> None:
        raise AssertionError(f"{path} was started")

    monkeypatch.setattr(os, "execve", refuse)


def test_without_a_destination_nothing_is_started(invoke: Invoke) -> None:
    result = invoke("run", "--", "python", "app.py")
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr.startswith("otel-audit: nothing is started: no destination is set")
    assert result.stderr.count("\n") == 1


def test_a_wrong_setting_is_named(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", "gs://user:hunter2@bucket/x")
    result = invoke("run", "python", "app.py")
    assert result.exit_code == 78
    assert "credential" in result.stderr
    assert "hunter2" not in result.stderr


def test_a_spool_that_cannot_be_written_is_named(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", "/proc/spool")
    result = invoke("run", "--destination", "memory://x", "python", "app.py")
    assert result.exit_code == 78
    assert "cannot make the folder /proc/spool" in result.stderr


def test_a_spool_that_others_may_write_to_is_named(invoke: Invoke, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    result = invoke("run", "--destination", "memory://x", "python", "app.py")
    assert result.exit_code == 78
    assert str(spool) in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "Missing argument 'CMD'"),
        (["nowhere-to-be-found", "-x"], 127, "nowhere-to-be-found: not found"),
        (["/etc/passwd"], 126, "/etc/passwd"),
        (["python3", "-I", "app.py"], 78, "ignores PYTHONPATH"),
        (["opentelemetry-instrument", "python", "app.py"], 2, "give the program itself"),
    ],
)
def test_what_cannot_be_started_is_said(
    invoke: Invoke,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    tool = tmp_path / "opentelemetry-instrument"
    tool.write_text("#!/usr/bin/python3\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    result = invoke("run", "-d", str(tmp_path / "log"), "--", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
