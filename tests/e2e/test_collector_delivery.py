"""Each configuration of ``collector-config/``, with a real Collector, real SDKs and real sinks, some of which die.

What an SDK was answered OK is in the log, whoever was killed afterwards; nothing is there twice once it is folded, and
nothing twice in the files of one sink.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import requests
import rotel
from click.testing import CliRunner

from e2e.conftest import Log, Sink, Watching
from e2e.senders import PER_BATCH, NodeSender, PythonSender, Senders
from otel_audit.cli.main import cli
from otel_audit.receive.token_file import read_tokens
from receive.certs import Authority
from servers.collector import Collector, StartCollector
from servers.fake_gcs import FakeGcsServer
from servers.ports import free_port

CORPUS: Final = Path(__file__).parents[1] / "corpus"
SOME: Final = 5 * PER_BATCH


@pytest.fixture
def in_front(start_collector: StartCollector, sink: Sink) -> Callable[[str], Collector]:
    """Starts a Collector in front of the sink."""
    return lambda config: start_collector(config, AUDIT_SINK=f"http://{sink.http}")


def both(collector: Collector) -> Senders:
    """An application in Python and one in Node.js."""
    return Senders(
        lambda: PythonSender(collector.grpc, "grpc"),
        lambda: NodeSender(collector.http),
    )


def check_complete(sent: list[str], *sinks: Log) -> None:
    """Everything sent is there; once where it is folded, and once in the files of each sink."""
    assert len(set(sent)) == len(sent) > 0
    folded = sum((sink.folded() for sink in sinks[1:]), sinks[0].folded())
    raw = sum((sink.raw() for sink in sinks[1:]), sinks[0].raw())
    assert folded.keys() == set(sent), f"{len(set(sent) - folded.keys())} of {len(sent)} are lost"
    assert set(folded.values()) == {1}
    assert raw == folded


def test_a_what_was_answered_is_in_the_log_whoever_dies(
    in_front: Callable[[str], Collector], sink: Sink
) -> None:
    collector = in_front("a-to-the-sink.yaml")
    with both(collector) as senders:
        senders.wait_for(SOME)
        sink.kill()
        sink.start()
        senders.wait_for(SOME)
        collector.kill()
        collector.start()
        senders.wait_for(SOME)
        sink.kill()
        collector.kill()
        sink.start()
        collector.start()
        senders.wait_for(SOME)
    collector.stop()
    sink.stop()
    check_complete(senders.sent, sink)
    assert {record["service"]["name"] for record in sink.records()} == {"python-shop", "node-shop"}


def test_a_token_says_who_sends_and_may_change(
    start_collector: StartCollector, sinks: tuple[Sink, Sink], tmp_path: Path
) -> None:
    sink, _ = sinks
    authority, tokens, secret = Authority(tmp_path), tmp_path / "tokens.json", tmp_path / "audit-token"
    server = authority.server()
    secret.write_text(new_token(tokens, "collector-eu"))
    sink.start("--tls-cert", server.certificate, "--tls-key", server.key, "--tokens", tokens)
    collector = start_collector(
        "a-tls-and-token.yaml",
        AUDIT_SINK=f"https://{sink.http}",
        AUDIT_CA=str(authority.certificate),
        AUDIT_TOKEN=str(secret),
    )
    with Senders(lambda: PythonSender(collector.http)) as senders:
        senders.wait_for(SOME)
        old, _ = read_tokens(tokens)[0], secret.write_text(new_token(tokens, "collector-eu-2"))
        assert CliRunner().invoke(cli, ["token", "revoke", str(tokens), old.id]).exit_code == 0
        senders.wait_for(SOME)
        sink.kill()
        sink.start("--tls-cert", server.certificate, "--tls-key", server.key, "--tokens", tokens)
        senders.wait_for(SOME)
    collector.stop()
    sink.stop()
    check_complete(senders.sent, sink)
    senders_said = {(record["sender"]["method"], record["sender"]["id"]) for record in sink.records()}
    assert senders_said == {("bearer", "collector-eu"), ("bearer", "collector-eu-2")}


def new_token(file: Path, sender: str) -> str:
    result = CliRunner().invoke(cli, ["token", "new", str(file), sender])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_b_what_processors_take_out_is_in_no_record(in_front: Callable[[str], Collector], sink: Sink) -> None:
    collector = in_front("b-redaction-in-front.yaml")
    secrets = {
        "http.request.header.authorization": "Bearer 3f9a77c0d2",
        "url.query": "page=2&token=9c1fd7e0aa",
        "shop.note": "paid with 4111 1111 1111 1111",
    }
    with Senders(lambda: PythonSender(collector.http, **secrets)) as senders:
        senders.wait_for(SOME)
    collector.stop()
    sink.stop()
    check_complete(senders.sent, sink)
    for record in sink.records():
        assert "authorization" not in record.get("requestHeaders", {})
        assert record["requestQuery"] == "page=2&token=REDACTED"
        assert record["attributes"]["shop.note"] == "paid with ****"


def test_c_the_log_has_everything_and_the_backend_a_sample(
    start_collector: StartCollector, sinks: tuple[Sink, Sink]
) -> None:
    sink, backend = sinks
    sink.start()
    backend.start()
    collector = start_collector(
        "c-sampled-tracing.yaml", AUDIT_SINK=f"http://{sink.http}", TRACING_BACKEND=f"http://{backend.http}"
    )
    with both(collector) as senders:
        senders.wait_for(SOME)
        backend.kill()
        senders.wait_for(SOME)
        backend.start()
        senders.wait_for(SOME)
    collector.stop()
    sink.stop()
    backend.stop()
    check_complete(senders.sent, sink)
    sampled = backend.folded().keys()
    assert sampled < set(senders.sent)
    assert 0 < len(sampled) < len(senders.sent) / 4, "10 % of the traces"


def test_d_the_collector_keeps_what_the_sink_does_not_take(
    start_collector: StartCollector, sinks: tuple[Sink, Sink]
) -> None:
    sink, _ = sinks
    collector = start_collector("d-durable-queue.yaml", AUDIT_SINK=f"http://{sink.http}")
    with both(collector) as senders:
        senders.wait_for(SOME)
        collector.kill()
        collector.start()
        senders.wait_for(SOME)
        sink.start()
        senders.wait_for(SOME)
        sink.kill()
        collector.kill()
        collector.start()
        senders.wait_for(SOME)
        sink.start()
    _until(lambda: set(senders.sent) <= arrived(sink))
    collector.stop()
    sink.stop()
    check_complete(senders.sent, sink)


def test_e_a_trace_stays_with_its_sink_and_one_that_is_away_holds_nobody_up(
    start_collector: StartCollector, sinks: tuple[Sink, Sink]
) -> None:
    for sink in sinks:
        sink.start()
    collector = start_collector(
        "e-several-sinks.yaml",
        AUDIT_SINK_1=f"http://{sinks[0].http}",
        AUDIT_SINK_2=f"http://{sinks[1].http}",
    )
    with both(collector) as senders:
        senders.wait_for(SOME)
        sinks[1].kill()
        senders.wait_for(SOME)
        sinks[1].start()
        senders.wait_for(SOME)
    _until(lambda: set(senders.sent) <= arrived(sinks[0]) | arrived(sinks[1]))
    collector.stop()
    for sink in sinks:
        sink.stop()
    check_complete(senders.sent, *sinks)
    first, second = ({record["traceId"][-1] for record in sink.records()} for sink in sinks)
    assert first == set("01234567")
    assert second == set("89abcdef")


def test_e_log_events_with_and_without_a_trace_have_a_sink(
    start_collector: StartCollector, sinks: tuple[Sink, Sink]
) -> None:
    for sink in sinks:
        sink.start()
    collector = start_collector(
        "e-several-sinks.yaml",
        AUDIT_SINK_1=f"http://{sinks[0].http}",
        AUDIT_SINK_2=f"http://{sinks[1].http}",
    )
    logs = json.loads((CORPUS / "genai_openai_event_only.logs.json").read_text())
    events = [
        event for group in logs["resourceLogs"] for part in group["scopeLogs"] for event in part["logRecords"]
    ]
    # One that belongs to no trace, beside those that do.
    loose = {key: value for key, value in events[0].items() if key not in ("traceId", "spanId")}
    logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"].append(loose)
    for digit in range(1, 16, 2):
        for event in events:
            event["traceId"], event["spanId"] = f"{os.urandom(15).hex()}0{digit:x}", os.urandom(8).hex()
        requests.post(f"http://{collector.http}/v1/logs", json=logs, timeout=30).raise_for_status()

    def found() -> Counter[str]:
        return sum((sink.raw() for sink in sinks), Counter())

    _until(lambda: found().total() >= 8 * len(events) + 1)
    collector.stop()
    for sink in sinks:
        sink.stop()
    assert found().total() == 8 * len(events) + 1, "what came eight times is there once"
    assert found()["None"] == 1


def test_f_files_become_records_once_whoever_dies(
    start_collector: StartCollector,
    watching: Callable[..., Watching],
    fake_gcs: FakeGcsServer,
    tmp_path: Path,
) -> None:
    full_soon = {"file/traces": {"rotation": {"max_megabytes": 1}}}
    collector = start_collector("f-files.yaml", exporters=full_soon)
    files = collector.folder / "files"
    watch = watching(tmp_path / "by-folder", str(files))
    with both(collector) as senders:
        senders.wait_for(SOME)
        watch.kill()
        senders.wait_for(SOME)
        collector.kill()
        collector.start()
        senders.wait_for(SOME)
        watch.start()
        senders.wait_for(1_200)
    collector.stop()
    assert len(list(files.glob("traces-*.jsonl"))) > 0, "a file was full and renamed"
    _until(lambda: set(senders.sent) <= set(watch.raw()))
    watch.stop()
    check_complete(senders.sent, watch)

    bucket = fake_gcs.new_bucket()
    for path in files.iterdir():
        fake_gcs.put(bucket, f"node-1/{path.name}", path.read_bytes())
    of_bucket = watching(
        tmp_path / "by-bucket", f"gs://{bucket}/node-1", STORAGE_EMULATOR_HOST=fake_gcs.endpoint
    )
    _until(lambda: set(senders.sent) <= set(of_bucket.raw()))
    of_bucket.stop()
    check_complete(senders.sent, of_bucket)


@pytest.fixture
def watching() -> Iterator[Callable[..., Watching]]:
    """Starts watches of files; kills what a test leaves running."""
    started = []

    def start(folder: Path, place: str, **variables: str) -> Watching:
        started.append(Watching(folder, place, variables))
        started[-1].start()
        return started[-1]

    yield start
    for watch in started:
        watch.kill()


@pytest.fixture
def forwarding(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts rotel in front of an address; returns its own."""
    started = []
    agent = Path(rotel.__file__).with_name("rotel-agent")

    def start(to: str) -> str:
        own = f"localhost:{free_port()}"
        with (tmp_path / "rotel.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [agent, "start", "--otlp-http-endpoint", own, "--otlp-grpc-endpoint", f"localhost:{free_port()}",
                     "--exporter", "otlp", "--otlp-exporter-endpoint", to, "--otlp-exporter-protocol", "http"],
                    stdout=log, stderr=log,
                )
            )  # fmt: skip
        return own

    yield start
    for process in started:
        process.kill()
        process.wait(60)


def test_rotel_is_a_sender_too(sink: Sink, forwarding: Callable[[str], str]) -> None:
    with Senders(lambda: PythonSender(forwarding(f"http://{sink.http}"))) as senders:
        senders.wait_for(SOME)
    _until(lambda: set(senders.sent) <= arrived(sink))
    sink.stop()
    check_complete(senders.sent, sink)


def arrived(sink: Sink) -> set[str]:
    """Span ids at the destination of a sink that is still at work."""
    return set(sink.raw())


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("it does not hold within a minute")
