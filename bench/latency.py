"""What auditing costs a request, against the same application that exports its spans over OTLP, inside one run.

Flask (gunicorn, four threads) and FastAPI (uvicorn) answer 1 KiB with 1 KiB under ``opentelemetry-instrument``,
three times side by side: with OTLP export to a collector that throws everything away, with the audit log instead,
and with the audit log and both bodies. Rounds go to each in turn, in changing order, and each round is compared
with the OTLP round beside it: CPU time of the server's process, all threads counted (files and their delivery are
divided among all requests), and the median latency that clients see.
What figures mean on a crowded machine: ratios of CPU time carry over, those of latencies hardly.

``make bench-latency`` runs it; ``--help`` lists the parts.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
CONNECTIONS = 4
BODY = json.dumps({"order": 7, "text": "y" * 990})

SINK = """
import http.server
class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Sink).serve_forever()
"""

OFF, ON = "audit, capture off", "audit, both bodies"
OTLP = "OTLP export"
GOALS = {OFF: 1.0, ON: 1.1}
"""At most this much of what the same application costs with OTLP export only."""


def settings(variant: str, folder: Path, sink: int) -> dict[str, str]:
    """Environment of a variant."""
    if variant == OTLP:
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink}",
        }
    audited = {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_AUDIT_DESTINATION": str(folder / "log"),
        "OTEL_AUDIT_SPOOL": str(folder / "spool"),
    }
    if variant == ON:
        audited |= {"OTEL_AUDIT_CAPTURE_REQUEST_BODY": "true", "OTEL_AUDIT_CAPTURE_RESPONSE_BODY": "true"}
    return audited


def command(framework: str, port: int) -> list[str]:
    if framework == "FastAPI":
        kept_open = ["--timeout-keep-alive", "600", "--log-level", "warning", "--no-access-log"]
        return ["uvicorn", "--port", str(port), *kept_open, "latency_app:asgi"]
    threads = ["--threads", str(CONNECTIONS), "--worker-class", "gthread", "--keep-alive", "600"]
    return ["gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "warning", *threads, "latency_app:wsgi"]


@contextmanager
def running(arguments: list[str], env: Mapping[str, str], port: int) -> Iterator[None]:
    """A program that listens."""
    program = subprocess.Popen(arguments, env=dict(env), cwd=HERE)
    pause = threading.Event()
    try:
        while True:
            if program.poll() is not None:
                raise SystemExit(f"{arguments} ended with {program.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                pause.wait(0.1)
            else:
                break
        yield
    finally:
        program.terminate()
        program.wait(60)


class Server:
    """An application that runs, and who asks it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(CONNECTIONS)]

    def used(self, settle: str = "recorded") -> float:
        """CPU seconds of its process so far."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request("GET", f"/used/{settle}")
        found: float = json.load(client.getresponse())["cpu_s"]
        client.close()
        return found

    def ask(self, requests: int) -> tuple[float, list[float]]:
        """CPU seconds for so many requests, and how long each took."""
        took: list[float] = []

        def ask_by(client: http.client.HTTPConnection) -> None:
            for _ in range(requests // CONNECTIONS):
                began = time.perf_counter()
                client.request("POST", "/hello", BODY, {"Content-Type": "application/json"})
                answer = client.getresponse()
                answer.read()
                took.append(time.perf_counter() - began)
                if answer.status != 200:
                    raise SystemExit(f"answered {answer.status}")

        before = self.used()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(ask_by, self.clients))
        return self.used() - before, took


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bench(framework: str, rounds: int, requests: int, folder: Path) -> bool:
    """Compare the variants of one framework. Returns whether the goals are reached."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    base = kept | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "OTEL_SERVICE_NAME": "bench",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "OTEL_PYTHON_EXCLUDED_URLS": "used",
    }
    cpu: dict[str, list[float]] = {variant: [] for variant in (OTLP, OFF, ON)}
    latencies: dict[str, list[list[float]]] = {variant: [] for variant in cpu}
    shipped: dict[str, float] = {}
    with ExitStack() as stack:
        sink = free_port()
        stack.enter_context(running([sys.executable, "-c", SINK.replace("{port}", str(sink))], base, sink))
        servers = {}
        for variant in cpu:
            place, port = folder / f"{framework} {variant}", free_port()
            env = base | settings(variant, place, sink)
            stack.enter_context(running(["opentelemetry-instrument", *command(framework, port)], env, port))
            servers[variant] = Server(port)
        for server in servers.values():
            server.ask(requests)
            # What is loaded once, at the first request and at the first file, is no request's cost.
            server.used("shipped")
        for number in range(rounds):
            order = list(servers)
            random.Random(number).shuffle(order)
            for variant in order:
                used_s, took = servers[variant].ask(requests)
                cpu[variant].append(used_s / requests)
                latencies[variant].append(took)
        for variant, server in servers.items():
            before = server.used()
            shipped[variant] = (server.used("shipped") - before) / (requests * rounds)
    print(f"\n{framework}: {rounds} rounds of {requests} requests on {CONNECTIONS} connections")
    print(f"{'':20} {'CPU µs/req':>10} {'ratio':>6} {'p50 ms':>7} {'ratio':>6} {'p99 ms':>7}")
    reached = True
    for variant, rounds_s in cpu.items():
        totals = [used_s + shipped[variant] for used_s in rounds_s]
        bases = [used_s + shipped[OTLP] for used_s in cpu[OTLP]]
        medians = [statistics.median(took) for took in latencies[variant]]
        beside = [statistics.median(took) for took in latencies[OTLP]]
        cpu_ratio = statistics.median(mine / other for mine, other in zip(totals, bases, strict=True))
        p50_ratio = statistics.median(mine / other for mine, other in zip(medians, beside, strict=True))
        every = sorted(one for took in latencies[variant] for one in took)
        verdict = ""
        if variant in GOALS:
            is_reached = cpu_ratio <= GOALS[variant] and p50_ratio <= GOALS[variant]
            reached = reached and is_reached
            verdict = f"{'reached' if is_reached else 'MISSED'}: at most {GOALS[variant]:.2f}"
        print(
            f"{variant:20} {1e6 * statistics.median(totals):10.0f} {cpu_ratio:6.2f} "
            f"{1e3 * statistics.median(medians):7.2f} {p50_ratio:6.2f} "
            f"{1e3 * every[len(every) * 99 // 100]:7.2f}  {verdict}"
        )
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=12, help="of each variant; at least 10 say something")
    parser.add_argument("--requests", type=int, default=1000, help="in a round")
    parser.add_argument("--framework", choices=["Flask", "FastAPI"], action="append")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reached = [
            bench(framework, given.rounds, given.requests, Path(folder))
            for framework in given.framework or ["Flask", "FastAPI"]
        ]
    raise SystemExit(0 if all(reached) else 1)


if __name__ == "__main__":
    main()
