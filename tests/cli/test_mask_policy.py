"""The masking policy of a log: looked up, explained and looked after by its fingerprint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cli.conftest import CORPUS, Invoke

_KEY = "correct-horse-battery-staple-0123456789"
_OLD = """
[mask]
key = "env:MASK_SECRET"
key_id = "k7"
[[mask.rules]]
field = "requestHeaders.x-tenant"
operator = "keep"
[[mask.recognizers]]
name = "employee"
entity = "EMPLOYEE_ID"
pattern = 'E-[0-9]{6}'
keywords = ["E-"]
matches = ["ask E-123456 about it"]
"""


@pytest.fixture
def log(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that was written under a policy which is not in force any more."""
    file = tmp_path / "old.toml"
    file.write_text(_OLD)
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(file))
    monkeypatch.setenv("MASK_SECRET", _KEY)
    assert invoke("ingest", "-d", tmp_path / "log", CORPUS / "http_new.json").exit_code == 0
    monkeypatch.delenv("OTEL_AUDIT_CONFIG")
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    return tmp_path / "log"


def _fingerprint(invoke: Invoke) -> str:
    (line, *_) = invoke("query", "--format", "ndjson", "--limit", "1").stdout.splitlines()
    found = json.loads(line)["masking"]["policy"]
    assert isinstance(found, str)
    return found


def test_the_policy_of_a_record_is_looked_up(invoke: Invoke, log: Path) -> None:
    fingerprint = _fingerprint(invoke)
    result = invoke("mask", "policy", fingerprint)
    assert result.exit_code == 0
    assert "sha256:" + hashlib.sha256(result.stdout_bytes).hexdigest() == fingerprint
    assert json.loads(result.stdout)["keys"] == ["k7"]
    assert _KEY not in result.output
    assert invoke("mask", "policy", fingerprint[:16]).stdout == result.stdout


def test_the_policy_in_force_is_another_one(invoke: Invoke, log: Path) -> None:
    now = invoke("mask", "policy").stdout_bytes
    assert "sha256:" + hashlib.sha256(now).hexdigest() != _fingerprint(invoke)


def test_explain_says_what_it_decided_then(invoke: Invoke, log: Path) -> None:
    fingerprint = _fingerprint(invoke)

    def decided(*options: str) -> tuple[str, str]:
        result = invoke("mask", "explain", *options, "--format", "json")
        line = json.loads(result.stdout.splitlines()[-1])
        return line["operator"], line["decided_by"]

    field = ("requestHeaders.x-tenant", "--entity", "EMAIL")
    assert decided(*field) == ("redact", "the default")
    assert decided(*field, "--policy", fingerprint)[0] == "keep"
    assert decided("errorMessage", "--entity", "EMAIL", "--policy", fingerprint)[0] == "hash"
    assert decided("errorMessage", "--entity", "EMPLOYEE_ID", "--policy", fingerprint)[0] == "redact"


def test_what_is_no_policy_of_the_log_is_said(invoke: Invoke, log: Path) -> None:
    result = invoke("mask", "policy", "0" * 64)
    assert result.exit_code == 1
    assert "no policy begins with" in result.stderr


def test_the_doctor_looks_after_it(invoke: Invoke, log: Path) -> None:
    (file,) = (log / "_audit" / "policies").iterdir()
    said = invoke("doctor")
    assert said.exit_code == 0
    assert f"{file.name} is what its name says" in said.stdout
    content = file.read_bytes()
    file.write_bytes(content.replace(b"keep", b"drop"))
    said = invoke("doctor")
    assert said.exit_code == 1
    assert f"{file.name} was changed" in said.stdout
    assert invoke("query").exit_code == 1
    assert invoke("mask", "policy", file.stem).exit_code == 1
    file.unlink()
    said = invoke("doctor")
    assert said.exit_code == 1
    assert f"{file.name} is missing" in said.stdout
    assert "is missing" in invoke("query").stderr
