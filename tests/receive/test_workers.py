"""Several workers on the same ports: nothing is lost when one dies, and all of them end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import grpc
import pytest
import requests

from receive.conftest import SinkProcess, StartSink, export_of

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"content-type": "application/x-protobuf"}

PAUSE = threading.Event()


def workers(sink: SinkProcess) -> list[int]:
    """Process ids of those that live."""
    pid = sink.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [child for child in map(int, children) if state(child) not in ("Z", "")]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def send(sink: SinkProcess, name: str, *, over: str = "http") -> None:
    """As a Collector does: again until it is taken, by a connection of its own."""
    body = export_of(name).SerializeToString()
    for _ in range(200):
        try:
            if over == "grpc":
                # Else connections of one process are shared, whatever channels they are made for.
                options = [("grpc.use_local_subchannel_pool", 1)]
                with grpc.insecure_channel(sink.grpc, options) as channel:
                    channel.unary_unary(TRACES)(body, timeout=10)
                return
            if requests.post(f"{sink.http}/v1/traces", body, headers=PROTOBUF, timeout=10).ok:
                return
        except (requests.RequestException, grpc.RpcError):
            PAUSE.wait(0.1)
    raise AssertionError("never taken")


def ready(sink: SinkProcess) -> set[str]:
    """Workers that say so, by whichever answers."""
    try:
        told = requests.get(f"{sink.http}/metrics", timeout=10).text
    except requests.RequestException:
        return set()
    return {
        line.partition("}")[0].rpartition("{")[2]
        for line in told.splitlines()
        if line.startswith("otel_audit_ready{") and line.endswith(" 1.0")
    }


def test_two_workers_share_the_ports_and_one_that_is_killed_is_followed_by_another(
    start_sink: StartSink,
) -> None:
    sink = start_sink("--workers", "2")
    first = workers(sink)
    assert len(first) == 2
    while ready(sink) != {'worker="0"', 'worker="1"'}:
        PAUSE.wait(0.1)

    names = [f"{number}" for number in range(60)]
    for name in names[:30]:
        send(sink, name, over="grpc" if int(name) % 2 else "http")
    slots = {path.parent.name for path in (sink.folder / "spool").rglob("slot-*/ledger")}
    assert slots == {"slot-0", "slot-1"}

    os.kill(first[0], signal.SIGKILL)
    for name in names[30:]:
        send(sink, name, over="grpc" if int(name) % 2 else "http")
    while not (len(workers(sink)) == 2 and ready(sink) == {'worker="0"', 'worker="1"'}):
        PAUSE.wait(0.1)
    assert first[0] not in workers(sink)

    code, said = sink.stop()
    assert code == 0, said
    assert "another takes its place" in said
    found = Counter(record["spanName"] for record in sink.records())
    assert found == dict.fromkeys(names, 1)
    assert not list((sink.folder / "spool").rglob("*.seg"))


def test_workers_end_in_order_when_whoever_started_them_is_gone(start_sink: StartSink) -> None:
    sink = start_sink("--workers", "2")
    left = workers(sink)
    send(sink, "before")
    sink.process.kill()
    while any(state(pid) not in ("Z", "") for pid in left):
        PAUSE.wait(0.1)
    sink.kill()
    assert [record["spanName"] for record in sink.records()] == ["before"]
    assert not list((sink.folder / "spool").rglob("*.seg"))


@pytest.mark.parametrize("wrong", ["address", "tokens"])
def test_what_no_worker_could_do_is_said_at_once(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "tokens").write_text("{}", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1] if wrong == 'address' else 0}"
        tokens = ["--tokens", str(tmp_path / "tokens")] if wrong == "tokens" else []
        ended = subprocess.run(
            [sys.executable, "-c", "from otel_audit.cli.main import main; main()", "serve", "--workers", "2",
             "--grpc", address, "--http", "127.0.0.1:0", "-d", str(tmp_path / "log"), *tokens],
            env=os.environ | {"OTEL_AUDIT_SPOOL": str(tmp_path / "spool")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert ended.returncode == 2
    assert {"address": "cannot listen", "tokens": "no token file"}[wrong] in ended.stderr
