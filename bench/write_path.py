"""CPU time per record of the write path, against what people use today, as ratios inside one run.

Each round feeds the same finished spans to each path in turn, all in this process, and takes the process's CPU
time with every thread counted. The figure of a path is the median of its rounds. Times on shared machines
are noisy; the ratios are what carries over.

``make bench`` runs it; ``--help`` lists the parts.
"""

from __future__ import annotations

import argparse
import copy
import gc
import io
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

import span_mix
from otel_audit import AuditSpanProcessor

GOAL_US = 32.0
GOAL_SHARE_OF_OTLP = 0.25
GOAL_ON_END_US = 0.3
GOAL_MB_PER_100K = 1.0


class _Nowhere:
    """Stands where the exporter's HTTP client stands, and throws the bytes away."""

    def export(self, _serialized: bytes) -> SimpleNamespace:
        return SimpleNamespace(success=True)

    def shutdown(self) -> None:
        pass


def otlp_encoding_only() -> OTLPSpanExporter:
    """The OTLP/HTTP exporter up to the wire: it encodes and serialises, and sends nothing."""
    exporter = OTLPSpanExporter(endpoint="http://localhost:9/v1/traces")
    exporter._client = _Nowhere()
    return exporter


def fresh(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Copies that no processor has marked."""
    return [copy.copy(span) for span in spans]


def feed(processor: SpanProcessor, spans: Sequence[ReadableSpan]) -> None:
    """End every span on this thread; wait at half of each queue, so that none overflows and drops its work."""
    pause_at = 1024 if isinstance(processor, BatchSpanProcessor) else 4096
    for start in range(0, len(spans), pause_at):
        for span in spans[start : start + pause_at]:
            processor.on_end(span)
        processor_drained(processor)


def processor_drained(processor: SpanProcessor) -> None:
    if isinstance(processor, BatchSpanProcessor):
        processor.force_flush()
    else:
        queue = processor._recorder._queue  # type: ignore[attr-defined]
        queue.flush(60)


def audit(folder: Path, **settings: object) -> AuditSpanProcessor:
    return AuditSpanProcessor(destination=str(folder / "log"), spool=str(folder / "spool"), **settings)


def cpu_of(run: Callable[[], None]) -> float:
    # The spans that wait to be fed are a million objects of the bench's own: no path pays for walking them.
    gc.collect()
    gc.freeze()
    began = time.process_time()
    run()
    spent = time.process_time() - began
    gc.unfreeze()
    return spent


def bench_paths(spans: Sequence[ReadableSpan], rounds: int, folder: Path) -> dict[str, float]:
    """Median CPU µs per record of each path, once warm; a round of ours ends when its files are committed."""
    parquet, ndjson = ({"format": form} for form in ("parquet", "ndjson"))
    paths: dict[str, SpanProcessor] = {
        "otel-audit, Parquet zstd-1": audit(
            folder / "parquet", streams={"platform": parquet, "model-io": parquet}
        ),
        "otel-audit, NDJSON gzip": audit(folder / "ndjson", streams={"platform": ndjson, "model-io": ndjson}),
        "BatchSpanProcessor + OTLP/HTTP encoding": BatchSpanProcessor(otlp_encoding_only()),
        "BatchSpanProcessor + OTLP JSON file": BatchSpanProcessor(
            FileSpanExporter(str(folder / "spans.jsonl"))
        ),
        "BatchSpanProcessor + console to_json": BatchSpanProcessor(ConsoleSpanExporter(out=io.StringIO())),
    }
    figures: dict[str, list[float]] = {name: [] for name in paths}
    for round_ in range(rounds + 1):
        for name, processor in paths.items():
            copies = fresh(spans)

            def run(processor: SpanProcessor = processor, copies: list[ReadableSpan] = copies) -> None:
                feed(processor, copies)
                processor.force_flush()

            spent = cpu_of(run)
            if round_:  # the first round warms up
                figures[name].append(spent / len(spans) * 1e6)
    for processor in paths.values():
        processor.shutdown()
    return {name: statistics.median(values) for name, values in figures.items()}


def bench_on_end(spans: Sequence[ReadableSpan], folder: Path) -> float:
    """CPU µs of ``on_end`` on the application's own thread, while the queue has room."""
    processor = audit(folder / "on-end")
    figures = []
    for _ in range(20):
        copies = fresh(spans[:2000])
        on_end = processor.on_end
        began = time.thread_time()
        for span in copies:
            on_end(span)
        figures.append((time.thread_time() - began) / len(copies) * 1e6)
        processor_drained(processor)
    processor.shutdown()
    return statistics.median(figures)


def bench_neighbour(spans: Sequence[ReadableSpan], rounds: int, folder: Path) -> dict[str, float]:
    """How much longer an application thread needs for the same work while spans are processed beside it."""

    def work() -> float:
        began = time.perf_counter()
        total = 0
        for number in range(1_500_000):
            total += number & 7
        return time.perf_counter() - began

    def beside(make: Callable[[], SpanProcessor] | None) -> float:
        if make is None:
            return work()
        processor, stop = make(), threading.Event()

        def emit() -> None:
            # A fixed rate, so that a slower path has as much to do as a faster one: 4,000 spans a second.
            at = time.monotonic()
            while not stop.is_set():
                for span in fresh(spans[:200]):
                    processor.on_end(span)
                at += 0.05
                stop.wait(max(0.0, at - time.monotonic()))

        thread = threading.Thread(target=emit)
        thread.start()
        stop.wait(0.5)
        took = statistics.median(work() for _ in range(5))
        stop.set()
        thread.join()
        processor.shutdown()
        return took

    makers: dict[str, Callable[[], SpanProcessor] | None] = {
        "alone": None,
        "emitting only": SpanProcessor,
        "otel-audit": lambda: audit(Path(tempfile.mkdtemp(dir=folder))),
        "OTLP/HTTP": lambda: BatchSpanProcessor(otlp_encoding_only()),
    }
    figures: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            figures[name].append(beside(make))
    return {name: statistics.median(values) for name, values in figures.items()}


def bench_memory(spans: Sequence[ReadableSpan], total: int, folder: Path) -> list[tuple[int, float]]:
    """Resident memory, MiB, after every 100,000 spans."""
    processor = audit(folder / "memory", rotation={"max_bytes": "16MiB", "max_age": "5s"})
    curve = []
    for done in range(0, total, 100_000):
        for _ in range(0, 100_000, len(spans)):
            feed(processor, fresh(spans))
        curve.append((done + 100_000, resident_mib()))
        print(f"  {curve[-1][0]:>9,} spans  {curve[-1][1]:7.1f} MiB", flush=True)
    processor.shutdown()
    return curve


def resident_mib() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def growth(curve: Sequence[tuple[int, float]]) -> float:
    """MiB per 100,000 spans between the first and the last third after warm-up.

    Memory rises and falls as segments of 16 MiB are encoded, by far more than it grows: so by the medians of
    the thirds, not by single points.
    """
    warm = curve[len(curve) // 6 :]
    third = max(1, len(warm) // 3)
    first, last = warm[:third], warm[-third:]
    rise = statistics.median(mib for _, mib in last) - statistics.median(mib for _, mib in first)
    distance = statistics.mean(n for n, _ in last) - statistics.mean(n for n, _ in first)
    return rise / distance * 100_000 if distance else 0.0


def verdict(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=10_000, help="spans a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-spans", type=int, default=2_000_000, help="0 leaves the memory curve out")
    parser.add_argument("--only", choices=["paths", "on-end", "neighbour", "memory"], help="one part")
    chosen = parser.parse_args()
    spans = span_mix.spans(chosen.spans)
    folder = Path(tempfile.mkdtemp(prefix="otel-audit-bench-"))
    print(f"{chosen.spans:,} spans a round, {chosen.rounds} rounds, Python {sys.version.split()[0]}\n")
    try:
        if chosen.only in (None, "paths"):
            figures = bench_paths(spans, chosen.rounds, folder)
            ours = figures["otel-audit, Parquet zstd-1"]
            print("CPU per record, all threads")
            for name, spent in figures.items():
                print(f"  {name:42} {spent:7.1f} µs   {spent / ours:5.2f} × ours")
            share = ours / figures["BatchSpanProcessor + OTLP/HTTP encoding"]
            print(f"  at most {GOAL_US} µs: {verdict(ours <= GOAL_US)}")
            print(f"  share of the OTLP path {share:.2f}, at most {GOAL_SHARE_OF_OTLP}: "
                  f"{verdict(share <= GOAL_SHARE_OF_OTLP)}\n")  # fmt: skip
        if chosen.only in (None, "on-end"):
            spent = bench_on_end(spans, folder)
            print(f"on_end {spent:.3f} µs, at most {GOAL_ON_END_US}: {verdict(spent <= GOAL_ON_END_US)}\n")
        if chosen.only in (None, "neighbour"):
            times = bench_neighbour(spans, chosen.rounds, folder)
            print("an application thread's own work beside 4,000 spans a second")
            for name, took in times.items():
                print(
                    f"  {name:42} {took * 1000:7.1f} ms   + {100 * (took / times['emitting only'] - 1):5.1f} %"
                )
            ours, theirs = (times[name] - times["emitting only"] for name in ("otel-audit", "OTLP/HTTP"))
            print(f"  slowed by {ours / theirs:.2f} of the OTLP exporter's share, less than 0.5: "
                  f"{verdict(ours < theirs / 2)}\n")  # fmt: skip
        if chosen.only in (None, "memory") and chosen.memory_spans:
            print("resident memory")
            grown = growth(bench_memory(spans, chosen.memory_spans, folder))
            print(f"  {grown:.2f} MiB per 100,000 spans once warm, less than {GOAL_MB_PER_100K}: "
                  f"{verdict(grown < GOAL_MB_PER_100K)}")  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
