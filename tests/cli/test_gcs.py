"""The command line against a bucket, on a real server."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from cli.conftest import CORPUS, Invoke
from servers.fake_gcs import FakeGcsServer


@pytest.fixture
def bucket(fake_gcs: FakeGcsServer, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, found as applications find an emulator."""
    assert callable(invoke)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    return fake_gcs.new_bucket()


def test_what_is_ingested_into_a_bucket_comes_back(invoke: Invoke, bucket: str) -> None:
    destination = f"gs://{bucket}/audit/prod"
    assert invoke("ingest", "-d", destination, CORPUS / "http_new.json").exit_code == 0

    everything = json.loads(invoke("query", "-d", destination, "--format", "json").stdout)
    some = invoke("query", "-d", destination, "--from", "2026-11-01", "--outcome", "failure", "--limit", "3")
    listed = invoke("files", "-d", destination).stdout.splitlines()
    shown = invoke("show", "-d", destination, everything[0]["recordId"], "--format", "json")

    assert len(everything) > 20
    assert some.stdout.count("failure") == 3
    assert listed
    assert all(urlsplit(line).scheme == "gs" and line.startswith(f"{destination}/log/") for line in listed)
    assert json.loads(shown.stdout) == everything[0]


def test_a_bucket_that_is_not_there_is_one_sentence(invoke: Invoke, bucket: str) -> None:
    for command in (["query"], ["files"], ["ingest", CORPUS / "http_new.json"]):
        result = invoke(*command, "-d", f"gs://{bucket}-nowhere/log")
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")


def test_the_doctor_tries_the_bucket(invoke: Invoke, bucket: str) -> None:
    result = invoke("doctor", "-d", f"gs://{bucket}/audit")
    assert result.exit_code == 0
    assert f"ok gs://{bucket}/audit (platform, model-io): created and read" in result.stdout
