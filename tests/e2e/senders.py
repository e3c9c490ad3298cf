"""Applications of two languages that send spans over OTLP and know which of them were answered OK."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

from servers.fake_azure import node_and_npm
from servers.fake_gcs import CACHE, locked

NODE = Path(__file__).parent / "node"
PER_BATCH = 40
PAUSE_S = 0.02
PATIENCE_S = 60.0


class Sender(Protocol):
    """Sends until it is stopped; what is refused or gets no answer it sends again.

    Attributes:
        answered: span ids that were answered OK.
    """

    answered: list[str]

    def wait_for(self, more: int) -> None:
        """Until so many more spans have been answered OK."""

    def stop(self) -> list[str]:
        """Bring the last batch to its end. Returns the ids of everything that was sent."""

    def abandon(self) -> None:
        """End, whatever became of the last batch."""


class _Answers:
    """Ids that come in on one thread and are waited for on another."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self._more = threading.Condition()

    def add(self, ids: Sequence[str]) -> None:
        with self._more:
            self.answered.extend(ids)
            self._more.notify_all()

    def wait_for(self, more: int) -> None:
        with self._more:
            wanted = len(self.answered) + more
            assert self._more.wait_for(lambda: len(self.answered) >= wanted, PATIENCE_S), (
                f"{wanted - len(self.answered)} of {more} spans are not answered"
            )


class _Ended(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class PythonSender(_Answers):
    """The Python SDK's spans and its OTLP exporter.

    Args:
        address: ``HOST:PORT``.
        over: ``http`` or ``grpc``.
        attributes: of every span, beside those of an HTTP request.
    """

    def __init__(self, address: str, over: str = "http", **attributes: str) -> None:
        super().__init__()
        self._exporter: SpanExporter = (
            GrpcExporter(f"http://{address}", insecure=True, timeout=3)
            if over == "grpc"
            else HttpExporter(f"http://{address}/v1/traces", timeout=3)
        )
        self._ended = _Ended()
        provider = TracerProvider(resource=Resource({"service.name": "python-shop"}), shutdown_on_exit=False)
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("shop")
        self._attributes = attributes
        self._stopping, self._abandoned = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> list[str]:
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self._exporter.shutdown()
        return self.answered

    def abandon(self) -> None:
        self._abandoned.set()
        self.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            spans = self._spans()
            deadline = time.monotonic() + PATIENCE_S
            while self._exporter.export(spans) is not SpanExportResult.SUCCESS:
                if self._abandoned.is_set() or time.monotonic() > deadline:
                    return
            self.add([f"{span.context.span_id:016x}" for span in spans])
            self._stopping.wait(PAUSE_S)

    def _spans(self) -> list[ReadableSpan]:
        for number in range(PER_BATCH):
            with self._tracer.start_as_current_span("GET /carts/{id}", kind=SpanKind.SERVER) as span:
                span.set_attributes(
                    {
                        "http.request.method": "GET",
                        "http.route": "/carts/{id}",
                        "http.response.status_code": 200,
                        "url.path": f"/carts/{number}",
                        "url.scheme": "http",
                        **self._attributes,
                    }
                )
        spans, self._ended.spans = self._ended.spans, []
        return spans


class NodeSender(_Answers):
    """The SDK and the OTLP/HTTP exporter of Node.js, in a process of its own."""

    def __init__(self, address: str) -> None:
        super().__init__()
        program, modules = _node_modules()
        self._process = subprocess.Popen(
            [program, NODE / "send.js", f"http://{address}/v1/traces", str(PER_BATCH)],
            env={**os.environ, "NODE_PATH": str(modules)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def stop(self) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self.abandon()
        assert self._process.wait(PATIENCE_S) == 0
        self._process.stdout.close()
        return self.answered

    def abandon(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        self._process.stdin.close()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.add(line.split())


class Senders:
    """Several at once, as a context manager: what they sent is known when it ends."""

    def __init__(self, *start: Callable[[], Sender]) -> None:
        self._start = start
        self.sent: list[str] = []

    def __enter__(self) -> Self:
        self._running: list[Sender] = []
        try:
            for start in self._start:
                self._running.append(start())
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon()
            return
        while self._running:
            try:
                self.sent += self._running[-1].stop()
            except BaseException:
                self._abandon()
                raise
            self._running.pop()

    def _abandon(self) -> None:
        for sender in self._running:
            sender.abandon()

    def wait_for(self, more: int) -> None:
        """Until each of them has so many more spans answered OK."""
        for sender in self._running:
            sender.wait_for(more)


def _node_modules() -> tuple[str, Path]:
    """Node.js, and the packages of ``node/package-lock.json``; installed once for each content of that file."""
    digest = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()
    folder = CACHE / "servers" / f"node-sender-{digest[:16]}"
    # That of azurite guards what both may install: Node.js itself.
    with locked(CACHE / "servers" / "azurite.lock"):
        node, npm = node_and_npm()
        if not folder.exists():
            making = Path(tempfile.mkdtemp(dir=folder.parent))
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NODE / name, making)
            subprocess.run(
                [*npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"],
                cwd=making,
                env={**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"},
                check=True,
            )
            making.rename(folder)
    return node, folder / "node_modules"
