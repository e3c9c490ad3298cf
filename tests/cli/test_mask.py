"""`otel-audit mask`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.conftest import Invoke
from otel_audit.cli.main import cli

_OWN = """
[[mask.recognizers]]
name = "employee"
entity = "EMPLOYEE_ID"
pattern = '\\bE-[0-9]{6}\\b'
keywords = ["E-"]
matches = ["ask E-123456 about it"]
rejects = ["E-1234"]
[[mask.rules]]
field = "request*"
entity = "EMPLOYEE_ID"
operator = "keep"
"""


@pytest.fixture
def piped(invoke: Invoke) -> Callable[..., Result]:
    """Runs a command with bytes on its standard input."""

    def run(given: bytes, *arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, input=io.BytesIO(given))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def own(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "audit.toml"
    file.write_text(_OWN)
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(file))
    return file


def test_text_masks_what_comes_down_a_pipe(piped) -> None:
    given = b"Ring +49 30 901820-33,\nor write to jane\\u0040example.com.\n"
    assert piped(given, "mask", "text").stdout == "Ring [PHONE],\nor write to [EMAIL].\n"


def test_text_of_a_file(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xff card 4111 1111 1111 1111")
    assert invoke("mask", "text", file).stdout.endswith(" card [CREDIT_CARD]")


def test_jsonl_says_where_in_characters(piped) -> None:
    text = "✓ Zoë: zoë@example.com 😀 4111 1111 1111 1111"
    result = piped(json.dumps({"text": text, "id": 7}).encode() + b"\n\n", "mask", "text", "--jsonl")
    line = json.loads(result.stdout)
    assert line["text"] == text
    assert line["masked"] == "✓ Zoë: [EMAIL] 😀 [CREDIT_CARD]"
    assert [(one["type"], text[one["start"] : one["end"]]) for one in line["entities"]] == [
        ("EMAIL", "zoë@example.com"),
        ("CREDIT_CARD", "4111 1111 1111 1111"),
    ]


def test_jsonl_names_bad_lines_and_goes_on(piped) -> None:
    result = piped(b'{"text": 1}\nno\n{"text": "plain"}\n', "mask", "text", "--jsonl")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"text": "plain", "masked": "plain", "entities": []}
    assert "line 1 " in result.stderr
    assert "line 2 " in result.stderr


def test_a_key_makes_pseudonyms(piped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_MASK_KEY", "k" * 32)
    shown = [piped(text, "mask", "text").stdout for text in (b"Jane@Example.com", b"jane@example.com")]
    assert shown[0] == shown[1]
    assert shown[0].startswith("[EMAIL:k1:")


@pytest.mark.usefixtures("own")
def test_test_tries_own_recognisers(invoke: Invoke) -> None:
    result = invoke("mask", "test", "--format", "json")
    assert result.exit_code == 0
    assert [json.loads(line)["ok"] for line in result.stdout.splitlines()] == [True, True]


def test_test_fails_where_an_example_fails(invoke: Invoke, own: Path) -> None:
    own.write_text(_OWN.replace('"ask E-123456 about it"', '"ask E-1234567 about it"'))
    result = invoke("mask", "test")
    assert result.exit_code == 1
    assert "failed" in result.stdout


def test_test_says_what_re2_does_not_take(invoke: Invoke, own: Path) -> None:
    own.write_text(_OWN.replace("\\bE-", "(?<=x)E-"))
    result = invoke("mask", "test")
    assert result.exit_code == 2
    assert "RE2" in result.stderr


def test_ours_hold_what_their_examples_promise(invoke: Invoke) -> None:
    result = invoke("mask", "test", "--all", "--format", "json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 150


@pytest.mark.usefixtures("own")
def test_explain_says_which_rule_decides(invoke: Invoke) -> None:
    lines = invoke(
        "mask", "explain", "request.a", "errorMessage", "traceId", "--format", "json"
    ).stdout.splitlines()
    told = {(one["field"], one["entity"]): one for one in map(json.loads, lines)}
    assert told["request.a", "EMPLOYEE_ID"]["operator"] == "keep"
    assert "number 1" in told["request.a", "EMPLOYEE_ID"]["decided_by"]
    assert told["request.a", "everything else"]["operator"] == "redact"
    assert told["errorMessage", "everything else"]["decided_by"] == "the default"
    assert told["traceId", "all"]["operator"] == "keep"
    assert invoke("mask", "explain", "nonsense.a").exit_code == 2


def test_help_is_complete(invoke: Invoke) -> None:
    for command in ((), ("text",), ("test",), ("explain",), ("lookup",)):
        assert "Usage" in invoke("mask", *command, "--help").stdout
    assert os.environ.get("OTEL_AUDIT_CONFIG") is None
