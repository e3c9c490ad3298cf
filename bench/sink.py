"""What it costs to receive: ``otel-audit serve`` over real sockets, to masked Parquet on disk, fsync before the answer.

512-span requests with fresh ids, the mix of ``span_mix.py``, over HTTP and gRPC, plain and gzip; beside each, in the
same run, the floor: the same servers, which throw the bytes away. CPU is that of the server's process, from the first
request until everything is shipped and it has ended.

Usage: python bench/sink.py [--requests 40] [--senders 4] [--folder DIR]
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import span_mix

SPANS = 512
TEMPLATES = 4
WARM_UP = 4

GOAL_SPANS_PER_CORE = 26_000

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LISTENS = re.compile(r"OTLP/gRPC on ([^,]+), OTLP/HTTP on ([^;\s]+)")
HERE = Path(__file__).parent
SERVERS = {
    "sink": [str(Path(sys.executable).with_name("otel-audit")), "serve"],
    "floor": [sys.executable, str(HERE / "sink_floor.py")],
}
WAYS = ("http", "http gzip", "grpc", "grpc gzip")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run.

    Attributes:
        rate: spans a second, by the clock.
        cpu_us: of the server, per span.
        slowest_s: answer, of 100 the 99th.
        peak_mib: resident memory.
    """

    rate: float
    cpu_us: float
    slowest_s: float
    peak_mib: float


def bodies(count: int) -> list[bytes]:
    """Requests with ids and times of their own."""
    templates = [encode_spans(span_mix.spans(SPANS, seed)) for seed in range(1, TEMPLATES + 1)]
    made = []
    for number in range(count):
        request = templates[number % TEMPLATES]
        now = time.time_ns()
        for group in request.resource_spans:
            for leaf in group.scope_spans:
                for span in leaf.spans:
                    span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
                    span.start_time_unix_nano, span.end_time_unix_nano = now - 5_000_000, now
        made.append(request.SerializeToString())
    return made


def run(server: str, way: str, plain: Sequence[bytes], senders: int, folder: str) -> Figures:
    packed = [gzip.compress(body, 1) for body in plain] if way.endswith("gzip") else plain
    with tempfile.TemporaryDirectory(dir=folder) as place:
        settings = {"OTEL_AUDIT_SPOOL": f"{place}/spool", "OTEL_AUDIT_DESTINATION": f"{place}/log"}
        process = subprocess.Popen(
            [*SERVERS[server], "--grpc", "localhost:0", "--http", "localhost:0"],
            env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
            | settings,
            stderr=subprocess.PIPE,
            text=True,
        )
        found = LISTENS.search(process.stderr.readline())
        where = found[1] if way.startswith("grpc") else f"http://{found[2]}/v1/traces"
        send(way, where, packed[:WARM_UP])
        before_s, began = cpu_s(process.pid), time.perf_counter()
        took: list[float] = []
        threads = [
            threading.Thread(target=lambda part=part: took.extend(send(way, where, part)))
            for part in (packed[WARM_UP + number :: senders] for number in range(senders))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent_s = time.perf_counter() - began
        peak_mib = resident_peak_mib(process.pid)
        process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode:
            raise SystemExit(f"{server} ended with {process.returncode}")
    spans = SPANS * len(took)
    return Figures(
        spans / spent_s,
        (usage.ru_utime + usage.ru_stime - before_s) / spans * 1e6,
        sorted(took)[int(len(took) * 0.99)],
        peak_mib,
    )


def send(way: str, where: str, parts: Sequence[bytes]) -> list[float]:
    """Seconds that each took to be answered OK."""
    took = []
    with requests.Session() as session, grpc.insecure_channel(where.removeprefix("http://")) as channel:
        export = channel.unary_unary(EXPORT)
        headers = {"content-type": "application/x-protobuf"}
        if way.endswith("gzip"):
            headers["content-encoding"] = "gzip"
        for body in parts:
            began = time.perf_counter()
            if way.startswith("grpc"):
                export(body, timeout=60)
            else:
                session.post(where, body, headers=headers, timeout=60).raise_for_status()
            took.append(time.perf_counter() - began)
    return took


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_peak_mib(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=40, help="of 512 spans, each way")
    parser.add_argument("--senders", type=int, default=4, help="connections")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where spool and log are written")
    chosen = parser.parse_args()
    plain = bodies(chosen.requests + WARM_UP)
    size = sum(map(len, plain)) / len(plain)
    print(
        f"{chosen.requests} requests of {SPANS} spans, {size / 1e6:.2f} MB each, {chosen.senders} connections\n"
    )
    print(f"{'':12}{'':8}{'spans/s':>10}{'CPU µs/span':>13}{'p99 ms':>8}{'MiB':>7}{'spans/s per core':>18}")
    for way in WAYS:
        for server in SERVERS:
            one = run(server, way, plain, chosen.senders, chosen.folder)
            print(
                f"{way:12}{server:8}{one.rate:10,.0f}{one.cpu_us:13.1f}{one.slowest_s * 1e3:8.0f}"
                f"{one.peak_mib:7.0f}{1e6 / one.cpu_us:18,.0f}"
            )
    print(f"\nto reach: {GOAL_SPANS_PER_CORE:,} spans a second per core")


if __name__ == "__main__":
    main()
