"""How a sink begins and ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
import requests

from cli.conftest import Invoke, invoke  # noqa: F401  (a fixture)
from receive.conftest import StartSink, export_of

PROTOBUF = {"content-type": "application/x-protobuf"}


def test_it_says_where_it_listens_and_writes_and_what_is_masked(start_sink: StartSink) -> None:
    sink = start_sink(OTEL_AUDIT_MASK_KEY="env:KEY", KEY="k" * 40)
    for part in (sink.grpc, sink.http.removeprefix("http://"), str(sink.folder / "log")):
        assert part in sink.said
    assert "pseudonyms under a key" in sink.said
    assert "kkk" not in sink.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_ships_what_was_taken(start_sink: StartSink, number: signal.Signals) -> None:
    sink = start_sink()
    with requests.Session() as session:  # whose connection stays open
        names = [f"GET {place}" for place in range(50)]
        body = export_of(*names).SerializeToString()
        assert session.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10).ok
        os.kill(sink.process.pid, number)
        _, said = sink.process.communicate(timeout=30)
    assert (sink.process.returncode, said) == (0, "")
    assert sorted(record["spanName"] for record in sink.records()) == sorted(names)


def test_requests_during_the_end_are_answered_or_refused_never_lost(start_sink: StartSink) -> None:
    sink = start_sink()
    taken: list[str] = []
    first = threading.Event()

    def send() -> None:
        for number in range(10_000):
            name = f"GET {number}"
            try:
                body = export_of(name).SerializeToString()
                answer = requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10)
            except requests.RequestException:
                return
            if answer.status_code != 200:
                assert answer.status_code == 503
                assert "retry-after" in answer.headers
                continue
            taken.append(name)
            first.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert first.wait(30)
    code, _ = sink.stop()
    sender.join(30)
    assert code == 0
    assert sorted(taken) == sorted({record["spanName"] for record in sink.records()} & set(taken))


def test_a_destination_that_is_away_is_told_by_the_exit_code_and_costs_nothing(
    start_sink: StartSink, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    away = start_sink("--stop-timeout", "2", OTEL_AUDIT_DESTINATION=str(tmp_path / "file" / "log"))
    body = export_of("GET").SerializeToString()
    assert requests.post(f"{away.http}/v1/traces", body, headers=PROTOBUF, timeout=10).ok
    code, said = away.stop()
    assert code == 1
    assert "waits in the spool" in said


@pytest.mark.parametrize("option", ["--grpc", "--http"])
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_it_does_not_listen_to_everybody_unless_told(
    invoke: Invoke,  # noqa: F811
    tmp_path: Path,
    option: str,
    address: str,
) -> None:
    result = invoke("serve", "-d", tmp_path / "log", option, address)
    assert result.exit_code == 2
    assert "--insecure-anyone" in result.stderr
    assert not (tmp_path / "spool").exists()


def test_it_listens_to_everybody_where_told_and_says_so(start_sink: StartSink) -> None:
    sink = start_sink("--http", "0.0.0.0:0", "--insecure-anyone", expect_warning=True)
    assert "anybody who can connect" in sink.warned
    body = export_of("GET").SerializeToString()
    port = sink.http.rpartition(":")[2]
    assert requests.post(f"http://127.0.0.1:{port}/v1/traces", body, headers=PROTOBUF, timeout=10).ok


@pytest.mark.parametrize("option", ["--grpc", "--http"])
def test_a_port_that_is_taken_is_a_sentence(
    invoke: Invoke,  # noqa: F811
    tmp_path: Path,
    option: str,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        result = invoke("serve", "-d", tmp_path / "log", option, taken)
    assert result.exit_code == 2
    assert f"cannot listen on {taken}" in result.stderr


@pytest.mark.parametrize("address", ["localhost", "4317", ":4317", "localhost:70000", "no.such.invalid:1"])
def test_an_address_that_is_none_is_a_sentence(
    invoke: Invoke,  # noqa: F811
    tmp_path: Path,
    address: str,
) -> None:
    result = invoke("serve", "-d", tmp_path / "log", "--grpc", address)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
