"""What it costs to receive: ``otel-audit serve`` over real sockets, to masked Parquet on disk, fsync before the answer.

512-span requests with fresh ids, the mix of ``span_mix.py``, over HTTP and gRPC, plain and gzip, with one worker and
two; beside each, in the same run, the floor (the same servers, which throw the bytes away) and rotel, which forwards
the same traffic over OTLP and stores nothing. First as fast as the connections send, then at half of that speed, by
the clock, for the times of answers: from when a request was due.

CPU is that of the server's processes, twice. *All of it*: from the first request that counts until everything is
shipped and they have ended; what they do once (modules, automata, tables, the last manifest) is in it. *Steady*: while
the later of the requests sent as fast as possible are taken, files that are made meanwhile included, as a file is made
every two seconds: what a sink that goes on costs.

Usage: python bench/sink.py [--requests 120] [--senders 4] [--ways http,grpc] [--rotel BINARY] [--slope-spans N]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import sink_process
import span_mix

SPANS = 512
TEMPLATES = 4
WARM_UP = 8
WINDOWS = 8

PAUSE = threading.Event()

GOAL_SPANS_PER_CORE = 26_000
GOAL_P99_MS = 250
GOAL_SLOPE_MIB = 1.0

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
WAYS = ("http", "http gzip", "grpc", "grpc gzip")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one server.

    Attributes:
        rate: spans a second, by the clock, as fast as they were sent.
        cpu_us: of the server, per span, all of it.
        steady_us: likewise, while it goes on.
        p50_ms, p99_ms: from when a request was due to its answer, at half of that rate.
        memory_mib: resident, at the end.
    """

    rate: float
    cpu_us: float
    steady_us: float
    p50_ms: float
    p99_ms: float
    memory_mib: float


def bodies() -> Iterator[bytes]:
    """Requests with ids and times of their own, without end."""
    templates = [encode_spans(span_mix.spans(SPANS, seed)) for seed in range(1, TEMPLATES + 1)]
    for request in itertools.cycle(templates):
        now = time.time_ns()
        for group in request.resource_spans:
            for leaf in group.scope_spans:
                for span in leaf.spans:
                    span.trace_id, span.span_id = os.urandom(16), os.urandom(8)
                    span.start_time_unix_nano, span.end_time_unix_nano = now - 5_000_000, now
        yield request.SerializeToString()


def encoding_us() -> float:
    """CPU of encoding such a span for OTLP, which tells how quick the machine is now."""
    spans, took = span_mix.spans(SPANS), []
    for _ in range(9):
        began = time.thread_time()
        encode_spans(spans)
        took.append((time.thread_time() - began) / SPANS * 1e6)
    return float(np.median(took))


def run(
    server: sink_process.Server | sink_process.Rotel, way: str, plain: Sequence[bytes], senders: int
) -> Figures:
    # Over gRPC the client's core packs each message by itself.
    packed = [gzip.compress(body, 1) for body in plain] if way == "http gzip" else list(plain)
    send(server, way, packed[:WARM_UP])
    before_s = server.cpu_s()
    half = (len(packed) - WARM_UP) // 2
    fast, slow = packed[WARM_UP : WARM_UP + half], packed[WARM_UP + half :]
    began = time.perf_counter()
    at_once(server, way, fast[: half // 2], senders)
    steady_s = server.cpu_s()
    at_once(server, way, fast[half // 2 :], senders)
    steady_us = (server.cpu_s() - steady_s) / SPANS / len(fast[half // 2 :]) * 1e6
    rate = SPANS * len(fast) / (time.perf_counter() - began)

    start, every_s = time.perf_counter(), SPANS / (rate / 2)
    due = [start + number * every_s for number in range(len(slow))]
    took = at_once(server, way, slow, senders, due=due)
    memory = server.resident_mib()
    spans = SPANS * len(packed[WARM_UP:])
    cpu_us = (server.stop() - before_s) / spans * 1e6
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    return Figures(rate, cpu_us, steady_us, p50, p99, memory)


def at_once(
    server: sink_process.Server | sink_process.Rotel,
    way: str,
    parts: Sequence[bytes],
    senders: int,
    due: Sequence[float] | None = None,
) -> list[float]:
    """Send by several connections. Returns seconds to each answer, from when it was due."""
    took: list[float] = []
    threads = [
        threading.Thread(
            target=lambda at=at: took.extend(
                send(server, way, parts[at::senders], None if due is None else due[at::senders])
            )
        )
        for at in range(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def send(
    server: sink_process.Server | sink_process.Rotel,
    way: str,
    parts: Iterable[bytes],
    due: Sequence[float] | None = None,
) -> list[float]:
    """Seconds that each took to be answered OK."""
    took = []
    # Connections of one process are shared otherwise, whatever channels they are made for.
    options = [("grpc.use_local_subchannel_pool", 1)]
    packing = grpc.Compression.Gzip if way == "grpc gzip" else grpc.Compression.NoCompression
    with requests.Session() as session, grpc.insecure_channel(server.grpc, options, packing) as channel:
        export = channel.unary_unary(EXPORT)
        headers = {"content-type": "application/x-protobuf"}
        if way == "http gzip":
            headers["content-encoding"] = "gzip"
        url = f"http://{server.http}/v1/traces"
        for number, body in enumerate(parts):
            began = time.perf_counter()
            if due is not None:
                PAUSE.wait(max(0.0, due[number] - began))
                began = due[number]
            if way.startswith("grpc"):
                export(body, timeout=60)
            else:
                session.post(url, body, headers=headers, timeout=60).raise_for_status()
            took.append(time.perf_counter() - began)
    return took


def slope(folder: str, spans: int, senders: int) -> tuple[float, float]:
    """Memory over many spans. Returns MiB per 100,000 of them over the second half, and the most MiB."""
    source, lock = itertools.islice(bodies(), spans // SPANS), threading.Lock()
    sent, resident = [0], []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        server = sink_process.sink(place)

        def parts() -> Iterator[bytes]:
            while True:
                with lock:
                    body = next(source, None)
                    if body is None:
                        return
                    sent[0] += SPANS
                    resident.append((sent[0], server.resident_mib()))
                yield body

        threads = [threading.Thread(target=lambda: send(server, "http", parts())) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.stop()
    later = np.array(resident[len(resident) // 2 :])
    # Making files takes memory for a moment; what stays is what grows.
    least = np.array([part[part[:, 1].argmin()] for part in np.array_split(later, WINDOWS)])
    return float(np.polyfit(least[:, 0], least[:, 1], 1)[0]) * 100_000, float(later[:, 1].max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=120, help="of 512 spans, for each way and server")
    parser.add_argument("--senders", type=int, default=4, help="connections")
    parser.add_argument("--ways", default=",".join(WAYS), help="which of them")
    parser.add_argument("--rotel", help="binary of rotel, to measure it, too")
    parser.add_argument("--slope-spans", type=int, default=0, help="also memory over so many spans")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where spool and log are written")
    chosen = parser.parse_args()
    servers: dict[str, Callable[[str], sink_process.Server | sink_process.Rotel]] = {
        "sink": sink_process.sink,
        "2 workers": lambda folder: sink_process.sink(folder, 2),
        "floor": sink_process.floor,
    }
    if chosen.rotel:
        servers["rotel"] = lambda folder: sink_process.Rotel(chosen.rotel, folder)
    plain = list(itertools.islice(bodies(), chosen.requests + WARM_UP))
    size = sum(map(len, plain)) / len(plain)
    print(
        f"{chosen.requests} requests of {SPANS} spans, {size / 1e6:.2f} MB each, {chosen.senders} connections"
    )
    print(f"encode_spans of such spans: {encoding_us():.0f} CPU µs a span\n")
    print(
        f"{'':12}{'':11}{'spans/s':>10}{'CPU µs/span':>13}{'steady':>8}{'p50 ms':>8}{'p99 ms':>8}{'MiB':>7}"
    )
    for way in chosen.ways.split(","):
        for name, start in servers.items():
            with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
                one = run(start(place), way, plain, chosen.senders)
            print(
                f"{way:12}{name:11}{one.rate:10,.0f}{one.cpu_us:13.1f}{one.steady_us:8.1f}{one.p50_ms:8.0f}{one.p99_ms:8.0f}"
                f"{one.memory_mib:7.0f}",
                flush=True,
            )
    print(f"\nencode_spans, again: {encoding_us():.0f} CPU µs a span")
    print(
        f"to reach: {GOAL_SPANS_PER_CORE:,} spans a second per core ({1e6 / GOAL_SPANS_PER_CORE:.0f} µs), ",
        end="",
    )
    print(f"p99 of {GOAL_P99_MS} ms")
    if chosen.slope_spans:
        growth, end = slope(chosen.folder, chosen.slope_spans, chosen.senders)
        print(
            f"memory: {growth:+.2f} MiB per 100,000 spans over the second half of {chosen.slope_spans:,}, ",
            end="",
        )
        print(f"{end:.0f} MiB at most; to reach: {GOAL_SLOPE_MIB}")


if __name__ == "__main__":
    main()
