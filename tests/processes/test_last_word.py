"""What the log says at the end of a process is shipped with the rest, where clients work no more at exit itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from processes.running import BIN, environment
from servers.fake_gcs import FakeGcsServer

PROGRAM = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
import otel_audit
provider = TracerProvider(shutdown_on_exit=False)
installation = otel_audit.install(provider=provider)
def call(path):
    attributes = {"http.request.method": "GET", "url.path": path}
    provider.get_tracer("web").start_span("GET", kind=SpanKind.SERVER, attributes=attributes).end()
call("/1")
assert installation.flush(60)
"""


def test_a_process_that_returns_leaves_nothing_behind(tmp_path: Path, fake_gcs: FakeGcsServer) -> None:
    env = environment(
        tmp_path,
        STORAGE_EMULATOR_HOST=fake_gcs.endpoint,
        OTEL_AUDIT_DESTINATION=f"gs://{fake_gcs.new_bucket()}/log",
    )
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    query = [BIN / "otel-audit", "query", "--format", "json"]
    told = subprocess.run(
        query, env=env | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    records = sorted(json.loads(told.stdout), key=lambda record: record["sequence"])
    assert [record["eventName"] for record in records] == ["http.server", "audit.start", "audit.stop"]
    assert records[-1]["attributes"]["audit.stop.records.platform"] == 1
