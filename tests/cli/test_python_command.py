"""Which commands are Python's, and which of them would not look at their environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_audit.cli.python_command import ignores_environment, is_python


@pytest.mark.parametrize("name", ["python", "python3", "python3.12", "python3.13t", "pypy3"])
def test_an_interpreter_is_known_by_its_name(name: str) -> None:
    assert is_python(f"/usr/bin/{name}")


@pytest.mark.parametrize("name", ["pythonista", "python-config", "ls", "bash"])
def test_others_are_not(name: str) -> None:
    assert not is_python(f"/usr/nowhere/{name}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#!/usr/bin/python3", (True, False)),
        ("#!/usr/bin/env python3.12", (True, False)),
        ("#!/usr/bin/env -S python3 -I", (True, True)),
        ("#!/usr/bin/python3 -Es", (True, True)),
        ("#!/bin/sh", (False, False)),
        ("import sys", (False, False)),
        ("", (False, False)),
    ],
)
def test_a_script_is_known_by_its_first_line(tmp_path: Path, line: str, expected: tuple[bool, bool]) -> None:
    script = tmp_path / "gunicorn"
    script.write_text(f"{line}\nprint()\n")
    # What follows a script's name is the script's.
    assert (is_python(str(script)), ignores_environment(str(script), ["-I"])) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], False),
        (["app.py", "-I"], False),
        (["-I", "app.py"], True),
        (["-uE", "app.py"], True),
        (["-S"], True),
        (["-s", "-B", "app.py"], False),
        (["-m", "server", "-E"], False),
        (["-mserver", "-E"], False),
        (["-c", "pass", "-I"], False),
        (["-W", "ignore", "-I"], True),
        (["-Wignore", "-I"], True),
        (["-X", "importtime", "app.py", "-I"], False),
        (["-WI", "app.py"], False),
        (["--check-hash-based-pycs", "always", "-I"], False),
        (["-", "-I"], False),
    ],
)
def test_options_without_environment_are_seen(arguments: list[str], expected: bool) -> None:
    assert ignores_environment("/usr/bin/python3", arguments) is expected
