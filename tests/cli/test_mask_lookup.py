"""`otel-audit mask lookup`: by pseudonym, under every key, and never without leaving a record."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.conftest import Invoke
from otel_audit.cli.main import cli
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.pipeline.path import Pipeline

_OLD, _NEW = "o" * 32, "n" * 32
_MAIL = "Jane.Doe@Example.com"
_NOW = 1_795_284_941_000_000_000


def _write(folder: Path, key_id: str, key: str, *messages: str) -> None:
    """One record a message, masked under a key."""
    arguments: dict[str, Any] = {
        "destination": str(folder / "log"),
        "spool": str(folder / f"spool-{key_id}"),
        "mask": {"key": key.encode(), "key_id": key_id},
    }
    pipeline = Pipeline(pipeline_options(load(arguments, environment={}), service="shop"))
    events = [
        LogData(
            "note.write", _NOW + number, _NOW, "", "", None,
            {"audit.action": "WRITE", "audit.outcome": "success", "audit.actor.id": "u1", "note": message,
             "audit.subject.ids": ["p-77"]},
            ResourceData({"service.name": "shop"}), is_emitted=True,
        )
        for number, message in enumerate(messages)
    ]  # fmt: skip
    pipeline.write((), events, observed_unix_nano=_NOW)
    assert pipeline.close(30)


@pytest.fixture
def log(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log whose key was changed; the settings know both."""
    _write(tmp_path, "k1", _OLD, "ask jane.doe@example.com", "nobody")
    _write(
        tmp_path, "k2", _NEW, "see https://x.example/?to=JANE.DOE%40example.com now", "ring +1 (415) 555-0100"
    )
    (tmp_path / "old.key").write_text(_OLD)
    (tmp_path / "new.key").write_text(_NEW)
    (tmp_path / "audit.toml").write_text(
        f'[log]\ndestination = "{tmp_path}/log"\n[mask]\nkey = "file:{tmp_path}/new.key"\nkey_id = "k2"\n'
        f'[[mask.old_keys]]\nkey_id = "k1"\nkey = "file:{tmp_path}/old.key"\n'
    )
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(tmp_path / "audit.toml"))
    return tmp_path


def _look(value: str, *arguments: str) -> Result:
    result = CliRunner().invoke(
        cli, ["mask", "lookup", "--format", "ndjson", *arguments], input=io.BytesIO(value.encode() + b"\n")
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def _attributes(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line)["attributes"] for line in result.stdout.splitlines()]


def test_a_person_is_found_under_every_key_however_the_value_is_written(log: Path) -> None:
    ask, see = sorted(found["note"] for found in _attributes(_look(_MAIL)))
    assert ask.startswith("ask [EMAIL:k1:")
    assert "to=%5BEMAIL:k2:" in see
    assert len(_attributes(_look("415-555-0100"))) == 1
    assert not _attributes(_look("john@example.com"))


def test_subjects_are_found_as_a_whole(log: Path) -> None:
    assert len(_attributes(_look("p-77"))) == 4
    assert not _attributes(_look("p-77", "--entity", "SESSION"))


def test_every_look_leaves_a_record_without_the_value(log: Path, invoke: Invoke) -> None:
    _look(_MAIL)
    _look("john@example.com")
    lines = invoke("query", "--format", "ndjson").stdout.splitlines()
    looks = [one for line in lines if (one := json.loads(line))["eventName"] == "audit.access"]
    assert [look["attributes"]["audit.access.records"] for look in looks] == [2, 0]
    assert looks[0]["attributes"]["audit.access.keys"] == ["k2", "k1"]
    assert looks[0]["action"] == "LOOKUP"
    assert looks[0]["user"]["id"]
    for written in (*log.rglob("*.parquet"), *log.rglob("*.json")):
        assert b"ohn@example" not in written.read_bytes()


def test_a_table_for_a_person(log: Path) -> None:
    result = CliRunner().invoke(cli, ["mask", "lookup"], input=io.BytesIO(_MAIL.encode()))
    assert result.exit_code == 0
    assert result.stdout.count("note.write") == 2
    assert "example.com" not in result.output


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("", "no mask.key"),
        ('[[mask.old_keys]]\nkey_id = "k1"\nkey = "env:OLD_KEY"\n', "no mask.key for new"),
        ('[mask]\nkey = "env:OLD_KEY"\n[[mask.old_keys]]\nkey_id = "k1"\n', "each needs a key"),
        (
            '[mask]\nkey = "env:OLD_KEY"\n[[mask.old_keys]]\nkey_id = "k1"\nkey = "env:OLD_KEY"\n',
            "same key_id",
        ),
        (
            '[mask]\nkey = "env:OLD_KEY"\n[[mask.old_keys]]\nkey_id = "k0"\nkey = "literalsecret"\n',
            "env:NAME",
        ),
    ],
)
def test_keys_that_do_not_go_together(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, says: str
) -> None:
    file = tmp_path / "audit.toml"
    file.write_text(f'[log]\ndestination = "{tmp_path}/log"\n{settings}')
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(file))
    monkeypatch.setenv("OLD_KEY", _OLD)
    result = _look(_MAIL)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "literalsecret" not in result.output


def test_nothing_to_look_for(log: Path) -> None:
    assert _look("").exit_code == 2
