"""What durability costs: ``strict`` delivery with one thread and with sixteen, and spooling beside preparation.

Prints records a second and CPU, and ratios inside this run; single figures are the disk's, and noisy.

Usage: python bench/delivery.py [--seconds 3] [--folder DIR]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import otel_audit
import span_mix
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.from_sdk import read_spans
from otel_audit.pipeline.path import Pipeline

BATCH = 2048
BATCHES = 8


def strict_rate(threads: int, seconds: float, folder: str) -> float:
    """Records a second that were durable when ``on_end`` returned."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        provider = TracerProvider(shutdown_on_exit=False)
        tracer = provider.get_tracer("bench")
        counts = [0] * threads

        def one() -> None:
            attributes = {
                "http.request.method": "GET",
                "url.path": "/orders/1",
                "http.response.status_code": 200,
            }
            tracer.start_span("GET /orders", kind=SpanKind.SERVER, attributes=attributes).end()

        def run(thread: int, until: float) -> None:
            while time.perf_counter() < until:
                one()
                counts[thread] += 1

        settings = {"spool": f"{place}/spool", "delivery": "strict"}
        with otel_audit.install(f"{place}/log", provider=provider, **settings):
            for _ in range(20):
                one()
            until = time.perf_counter() + seconds
            runners = [threading.Thread(target=run, args=(number, until)) for number in range(threads)]
            for runner in runners:
                runner.start()
            for runner in runners:
                runner.join()
        return sum(counts) / seconds


def spooling_share(folder: str) -> tuple[float, float]:
    """CPU µs a record of preparing and of making durable, in batches as ``blocking`` delivery has them."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        arguments = {"destination": f"{place}/log", "spool": f"{place}/spool", "rotation": {"max_age": "1h"}}
        pipeline = Pipeline(pipeline_options(load(arguments, environment={}), service="bench"))
        preparing = appending = 0.0
        for number in range(BATCHES + 1):
            spans = span_mix.spans(BATCH, seed=number)
            began = time.process_time()
            prepared = pipeline.prepare(read_spans(spans), observed_unix_nano=time.time_ns())
            between = time.process_time()
            pipeline.append(prepared)
            if number:
                preparing += between - began
                appending += time.process_time() - between
        pipeline.close(60)
    records = BATCH * BATCHES / 1e6
    return preparing / records, appending / records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run of strict delivery")
    parser.add_argument("--folder", default=".", help="on the disk that is measured")
    options = parser.parse_args()
    one, sixteen = (strict_rate(threads, options.seconds, options.folder) for threads in (1, 16))
    print(f"strict, 1 thread      {one:8.0f} records/s")
    print(
        f"strict, 16 threads    {sixteen:8.0f} records/s    {sixteen / one:.1f} x of one   (goal: at least 5 x)"
    )
    preparing, appending = spooling_share(options.folder)
    print(f"convert, mask, hash   {preparing:8.1f} us CPU a record")
    print(
        f"append and fsync      {appending:8.1f} us CPU a record    {appending / preparing:.1%} of it"
        "   (goal: at most 15 %)"
    )


if __name__ == "__main__":
    main()
