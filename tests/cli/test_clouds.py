"""The command line against every kind of cloud, on real servers."""

from __future__ import annotations

import json

import pytest

from cli.conftest import CORPUS, Invoke
from servers.clouds import Cloud
from servers.fault_proxy import Answer


@pytest.fixture
def destination(cloud: Cloud, invoke: Invoke) -> str:
    """An empty one, found as applications find an emulator."""
    assert callable(invoke)
    return cloud.url


def test_what_is_ingested_comes_back(invoke: Invoke, destination: str) -> None:
    assert invoke("ingest", "-d", destination, CORPUS / "http_new.json").exit_code == 0

    everything = json.loads(invoke("query", "-d", destination, "--format", "json").stdout)
    some = invoke("query", "-d", destination, "--from", "2026-11-01", "--outcome", "failure", "--limit", "3")
    listed = invoke("files", "-d", destination).stdout.splitlines()
    shown = invoke("show", "-d", destination, everything[0]["recordId"], "--format", "json")

    assert len(everything) > 20
    assert some.stdout.count("failure") == 3
    assert listed
    assert all(line.startswith(f"{destination}/log/") for line in listed)
    assert json.loads(shown.stdout) == everything[0]


def test_a_bucket_that_is_not_there_is_one_sentence(invoke: Invoke, destination: str) -> None:
    for command in (["query"], ["files"], ["ingest", CORPUS / "http_new.json"]):
        result = invoke(*command, "-d", destination.replace("test-", "none-"))
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")


def test_the_doctor_tries_the_destination(invoke: Invoke, destination: str) -> None:
    result = invoke("doctor", "-d", destination)
    assert result.exit_code == 0
    assert f"ok {destination} (platform, model-io): created and read" in result.stdout
    assert "this identity may overwrite and delete objects" in result.stdout


def test_the_doctor_says_who_has_to_act(invoke: Invoke, destination: str, cloud: Cloud) -> None:
    cloud.proxy.add(lambda _: True, Answer(403), times=99)
    result = invoke("doctor", "-d", destination)
    assert result.exit_code == 1
    assert "http-403" in result.stdout
    assert "grant creating and reading" in result.stdout
