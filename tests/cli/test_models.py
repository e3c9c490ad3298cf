"""`otel-audit models`: the registry from a terminal, and what applications make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import CORPUS, Invoke

CHURN = "/v1/models/churn:predict"


@pytest.fixture
def destination(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert callable(invoke)
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    monkeypatch.setenv("USER", "ops")
    monkeypatch.setenv("LOGNAME", "ops")
    return tmp_path / "log"


def records(invoke: Invoke) -> list[dict[str, object]]:
    lines = invoke("query", "--format", "ndjson").stdout.splitlines()
    return [record for line in lines if (record := json.loads(line))["eventName"] == "audit.model.tag"]


@pytest.mark.usefixtures("destination")
def test_from_registration_to_deployment(invoke: Invoke) -> None:
    steps = (
        ("register", "churn", "--version", "3", "--endpoint", CHURN),
        ("set-pii", "churn", "true"),
        ("deploy", "churn", "--actor", "jane"),
        ("set-pii", "churn", "false"),
    )
    for step in steps:
        result = invoke("models", *step)
        assert result.exit_code == 0, result.stderr
        assert "of the registry" in result.stderr
    assert f"{CHURN} keeps pii = true until it is deployed again" in result.stderr
    assert "nothing to change" in invoke("models", *steps[-1]).stderr
    (row,) = json.loads(invoke("models", "list", "--format", "json").stdout)
    assert (row["name"], row["version"], row["pii"], row["by"]) == ("churn", "3", False, "ops")
    assert row["deployed"] == [{"endpoint": CHURN, "pii": True}]
    shown = json.loads(invoke("models", "show", "churn", "--format", "json").stdout)
    assert [change["change"] for change in shown["history"]] == ["register", "set-pii", "deploy", "set-pii"]
    assert shown["versions"] == [row]
    assert [(record["action"], record["user"]["id"]) for record in records(invoke)] == [  # type: ignore[index]
        ("REGISTER", "ops"),
        ("UPDATE", "ops"),
        ("DEPLOY", "jane"),
        ("UPDATE", "ops"),
    ]


@pytest.mark.usefixtures("destination")
def test_every_format(invoke: Invoke) -> None:
    assert invoke("models", "list").stdout == ""
    assert "no model is registered" in invoke("models", "list").stderr
    invoke("models", "register", "=cmd", "--endpoint", "/x", "--pii")
    assert "=cmd" in invoke("models", "list").stdout
    csv = invoke("models", "list", "--format", "csv").stdout.splitlines()
    assert csv[0] == '"name","version","endpoint","pii","deployed","changed","by"'
    assert csv[1].startswith('"\'=cmd","","/x","true","",')
    assert "register" in invoke("models", "show", "=cmd").stdout
    assert '"register"' in invoke("models", "show", "=cmd", "--format", "csv").stdout


@pytest.mark.usefixtures("destination")
def test_the_tag_holds_for_what_is_ingested(invoke: Invoke) -> None:
    assert invoke("models", "register", "gpt-4o-mini", "--pii").exit_code == 0
    assert invoke("ingest", CORPUS / "genai_openai_span_only.json").exit_code == 0
    lines = invoke("query", "--stream", "model-io", "--format", "ndjson").stdout.splitlines()
    tagged = [
        record for line in lines if ((record := json.loads(line)).get("modelInfo") or {}).get("pii") is True
    ]
    assert tagged
    assert not any("request" in record for record in tagged)


@pytest.mark.usefixtures("destination")
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1,)])
def test_the_tag_holds_for_log_events_of_other_commands(invoke: Invoke, order: tuple[int, ...]) -> None:
    files = (CORPUS / "openai_v2_capture_true.json", CORPUS / "openai_v2_capture_true.logs.json")
    invoke("models", "register", "gpt-4o-mini", "--pii")
    for place in order:
        assert invoke("ingest", files[place]).exit_code == 0
    written = invoke("query", "--stream", "model-io", "--format", "ndjson").stdout
    assert written.count("gen_ai.") > 10
    for said in ("You are a support agent", "Never reveal", "Hi, I am Jane", "Sure Jane", "lookup_customer"):
        assert said not in written


@pytest.mark.usefixtures("destination")
def test_wrong_usage_and_problems_have_their_exit_codes(invoke: Invoke) -> None:
    for step in (("show", "nix"), ("deploy", "nix"), ("set-pii", "nix", "true")):
        result = invoke("models", *step)
        assert result.exit_code == 1
        assert "no such model is registered" in result.stderr
    assert invoke("models", "set-pii", "nix", "perhaps").exit_code == 2
    assert invoke("models", "register", "a\nb").exit_code == 1
    invoke("models", "register", "churn", "--version", "1")
    invoke("models", "register", "churn", "--version", "2")
    result = invoke("models", "set-pii", "churn", "true")
    assert (result.exit_code, "2 versions are registered: say which" in result.stderr) == (1, True)
    assert invoke("models", "set-pii", "churn", "true", "--version", "2").exit_code == 0


def test_without_a_destination(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("models", "list").exit_code == 2
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", "memory://none")
    monkeypatch.setenv("OTEL_AUDIT_MODELS_REGISTRY", "false")
    assert "models.registry is false" in invoke("models", "list").stderr


def test_tampering_is_a_problem(invoke: Invoke, destination: Path) -> None:
    for name in ("a", "b"):
        invoke("models", "register", name)
    (destination / "_audit" / "models" / "0000000001.json").unlink()
    result = invoke("models", "list")
    assert result.exit_code == 1
    assert "0000000002.json: a version before it is missing" in result.stderr


def test_a_destination_that_takes_nothing_is_an_error_and_its_record_waits(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text("a file, no folder")
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    result = invoke("models", "register", "churn")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    waiting = json.loads(invoke("spool", "list", "--format", "json").stdout)
    assert [row["what"] for row in waiting] == ["commits"]


def test_help_is_complete_on_every_level(invoke: Invoke) -> None:
    assert "until it is deployed again" in " ".join(invoke("models", "--help").stdout.split())
    for name in ("list", "show", "register", "set-pii", "deploy"):
        assert "--destination" in invoke("models", name, "--help").stdout
