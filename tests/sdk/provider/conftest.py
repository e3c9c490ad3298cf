"""Sinks that answer as they are told, and real ones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from otel_audit import OTLPAuditExporter, RetryPolicy
from receive.conftest import start_sink  # noqa: F401  (a fixture)

QUICK = RetryPolicy(max_retries=3, first_backoff_s=0.01, export_timeout_s=2.0)

WHO = {"actor_id": "u8472", "outcome": "success", "action": "LOGIN"}

Answer = Callable[[list[dict[str, Any]]], tuple[int, Any]]


def receipts(records: list[dict[str, Any]]) -> tuple[int, Any]:
    """What a sink says that takes everything."""
    answers = {
        id_of(record): {
            "record_id": id_of(record),
            "status": "verified_queued",
            "integrity_hash": "sha256:" + "0" * 64,
            "sink_timestamp": time.time_ns(),
        }
        for record in records
    }
    if len(answers) == 1:
        return 200, next(iter(answers.values()))
    return 200, {"batch_id": "b", "status": "verified_queued", "record_status_map": answers}


def id_of(record: dict[str, Any]) -> str:
    return next(
        item["value"]["stringValue"] for item in record["attributes"] if item["key"] == "audit.record.id"
    )


class ScriptedSink:
    """A server that answers as a list says, and takes everything at its end.

    Attributes:
        script: what is answered next: a status and a body, or a function of the records.
        taken: records by request that was answered 200, each as OTLP/JSON.
        asked: records by request.
        at_once: the most requests that were here at a time.
    """

    def __init__(self) -> None:
        self.script: list[Answer | tuple[int, Any]] = []
        self.taken: list[list[dict[str, Any]]] = []
        self.asked: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.at_once = self._now = 0
        self._exporters: list[OTLPAuditExporter] = []
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, told = sink._answer(body, dict(self.headers), self.path)
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A client that gives up is what some tests are about.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/audit"

    def exporter(self, **arguments: Any) -> OTLPAuditExporter:
        """An exporter to this sink, whose connection ends with it."""
        self._exporters.append(OTLPAuditExporter(self.url, **arguments))
        return self._exporters[-1]

    def ids(self) -> list[str]:
        """Ids of what was taken, in order."""
        return [id_of(record) for records in self.taken for record in records]

    def close(self) -> None:
        for exporter in self._exporters:
            exporter.shutdown(0)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, body: dict[str, Any], headers: dict[str, str], path: str) -> tuple[int, Any]:
        records = [
            record
            for group in body["resourceLogs"]
            for leaf in group["scopeLogs"]
            for record in leaf["logRecords"]
        ]
        with self._lock:
            self.headers.append({name.lower(): value for name, value in headers.items()} | {":path": path})
            self.bodies.append(body)
            self.asked.append(records)
            self._now += 1
            self.at_once = max(self.at_once, self._now)
            step = self.script.pop(0) if self.script else receipts
        status, told = step(records) if callable(step) else step
        with self._lock:
            self._now -= 1
            if status == 200 and step is receipts:
                self.taken.append(records)
        return status, told


@pytest.fixture
def scripted() -> Iterator[ScriptedSink]:
    sink = ScriptedSink()
    yield sink
    sink.close()
