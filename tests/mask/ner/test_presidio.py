"""Presidio itself, with a small spaCy pipeline: from the settings to the file, and what the doctor says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import CORPUS, Invoke, invoke  # noqa: F401  (a fixture)
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.errors import ConfigurationError

_MAKE = """
import sys, spacy
nlp = spacy.blank("en")
ruler = nlp.add_pipe("entity_ruler")
ruler.add_patterns([
    {"label": "PERSON", "pattern": "Jane Doe"},
    {"label": "GPE", "pattern": "Berlin"},
    {"label": "ORG", "pattern": "Acme"},
])
nlp.to_disk(sys.argv[1])
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that knows a person, a place and a company."""
    folder = tmp_path_factory.mktemp("spacy") / "tiny"
    subprocess.run([sys.executable, "-c", _MAKE, str(folder)], check=True)
    return folder


def test_names_are_not_in_the_log(
    invoke: Invoke,  # noqa: F811
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_NER_ENGINE", "presidio")
    monkeypatch.setenv("OTEL_AUDIT_NER_MODEL", str(model))
    # Loading spaCy takes seconds of CPU; a machine that is busy with other tests must not cost the texts.
    monkeypatch.setenv("OTEL_AUDIT_NER_LOAD_TIMEOUT", "280s")
    monkeypatch.setenv("OTEL_AUDIT_NER_TIMEOUT", "280s")
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    source = json.loads((CORPUS / "http_new.json").read_text())
    text = "Jane Doe of Acme in Berlin, jane@example.com"
    for resource in source["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["status"] = {"code": 2, "message": text}
    (tmp_path / "spans.json").write_text(json.dumps(source))
    assert invoke("ingest", tmp_path / "spans.json").exit_code == 0
    lines = invoke("query", "--format", "ndjson").stdout
    assert "[PERSON] of Acme in [LOCATION], [EMAIL]" in lines
    assert "Jane" not in lines
    said = invoke("doctor").stdout
    assert "names of persons and places are looked for in request" in said
    assert "stay" not in said.split("masking")[1].split("policies")[0]
    masked = invoke("mask", "text", tmp_path / "spans.json").stdout
    assert "[PERSON] of Acme in [LOCATION], [EMAIL]" in masked


def test_a_model_that_is_not_there_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError, match="no such spaCy pipeline"):
        mask_policy(load({"ner": {"engine": "presidio", "model": "/nowhere"}}, environment={}))


def test_a_folder_that_is_no_model_withholds_and_the_doctor_says_so(
    invoke: Invoke,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_NER_ENGINE", "presidio")
    monkeypatch.setenv("OTEL_AUDIT_NER_MODEL", str(tmp_path))
    result = invoke("doctor", "-d", tmp_path / "log")
    assert result.exit_code == 1
    assert "nobody looks for names" in result.stdout


def test_off_by_default_and_said(invoke: Invoke, tmp_path: Path) -> None:  # noqa: F811
    result = invoke("doctor", "-d", tmp_path / "log")
    assert "names of persons and postal addresses in texts stay" in result.stdout
