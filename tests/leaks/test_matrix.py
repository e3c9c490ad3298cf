"""Some thousands of cases (``matrix.py``) through each door, and everything that can be read of them afterwards: files,
what the application and the sink say at DEBUG, metrics, and what the commands show.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from leaks.artefacts import files, ids, rows, texts_of_row
from leaks.matrix import PATHS, cases, end_spans
from leaks.oracle import Harmless, Oracle, Text
from leaks.samples import SAMPLES
from leaks.spans import ATTRIBUTES
from otel_audit.cli.main import cli
from receive.conftest import SinkProcess
from sdk.written import LIFE

_BATCH = 512
_PROTOBUF = {"content-type": "application/x-protobuf"}
_PLANTED = [sample.planted for sample in SAMPLES]


@dataclass
class Log:
    """A log, and what was said while it was written.

    Attributes:
        folder: with spool and destination.
        count: spans and events of the application.
        said: all that was said.
    """

    folder: Path
    count: int
    said: str

    def oracle(self) -> Oracle:
        known = [value for content in files(self.folder).values() for value in ids(content)]
        return Oracle(_PLANTED, Harmless(known, ("PRIVATE_KEY",)))


def by_the_sdk(folder: Path) -> Log:
    """Through a program of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "leaks.matrix_program", str(folder)],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[done.stderr.find("Traceback") :][:2000]
    # Seconds that a call took have as many digits as an id.
    said = re.sub(r'"(?:sum|min|max)": [0-9.e-]+', '""', done.stderr + done.stdout)
    return Log(folder, int(done.stdout.splitlines()[-1]), said)


class _Kept(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def by_otlp(folder: Path) -> Log:
    """Through a sink, with requests that it must refuse in between."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    kept = _Kept()
    provider.add_span_processor(kept)
    count = end_spans(provider, 1)
    sink = SinkProcess(folder)
    said = []
    try:
        for start in range(0, count, _BATCH):
            body = encode_spans(kept.spans[start : start + _BATCH]).SerializeToString()
            answer = requests.post(f"{sink.http}/v1/traces", body, headers=_PROTOBUF, timeout=60)
            assert answer.status_code == 200
            said.append(answer.text)
            for bad in (body[:-7], body + b"\xff\xff", body.replace(b"\x0a", b"\x0f", 3)):
                said.append(requests.post(f"{sink.http}/v1/traces", bad, headers=_PROTOBUF, timeout=60).text)
        for sample in SAMPLES:
            for path, content in (
                (f"/v1/traces?{sample.text}", b"{}"),
                ("/v1/traces", json.dumps({"resourceSpans": sample.text}).encode()),
                (f"/{sample.value}", b""),
            ):
                headers = {"content-type": "application/json", "x-note": "a"}
                answer = requests.post(sink.http + path, content, headers=headers, timeout=60)
                said.append(answer.text + answer.reason + str(answer.headers))
    finally:
        code, stderr = sink.stop()
    assert code == 0
    return Log(folder, count, "\n".join([*said, stderr]))


def test_the_cases_are_thousands_and_none_is_hidden_from_the_oracle() -> None:
    every = [*cases(0), *cases(1)]
    texts = 2  # at the place, and where the path puts one
    assert len(every) * texts > 5_000
    assert len(set(every)) > 0.95 * len(every)
    assert {case.place for case in every} == set(ATTRIBUTES)
    assert {case.path for case in every} == set(PATHS)
    assert len({(case.sample, case.place) for case in every}) > 0.9 * len(SAMPLES) * len(ATTRIBUTES)
    assert {(case.disguise, case.path) for case in every} >= {
        (one.disguise, path) for one in every for path in PATHS
    }
    # Every disguise is one that the oracle undoes (test_disguises.py): here only that the cases hold their values.
    assert all(case.sample.can_be_read_in(case.text) for case in every[:: len(every) // 100])


_COMMANDS = (
    ("doctor",),
    ("doctor", "--format", "json"),
    ("query", "--limit", "200"),
    ("query", "--format", "ndjson", "--limit", "500"),
    ("query", "--outcome", "failure", "--format", "csv", "--limit", "100"),
    ("spool", "list", "--format", "json"),
    ("files", "--format", "json"),
)


# One test a door: making a log takes seconds, and tests of one module may run in several processes.
@pytest.mark.parametrize("write", [by_the_sdk, by_otlp], ids=lambda write: write.__name__)
def test_nothing_can_be_read(
    write: Callable[[Path], Log], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write(tmp_path)
    oracle = log.oracle()
    leaks, records = [], 0
    for name, content in files(tmp_path / "log").items():
        for row in rows(content):
            records += row["eventName"] not in LIFE
            leaks += oracle.leaks(texts_of_row(name, row))
    # Requests that were refused may have brought records before the place where they are broken.
    assert records >= log.count
    leaks += oracle.leaks(Text("said", line) for line in dict.fromkeys(log.said.splitlines()))
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    for command in _COMMANDS:
        shown = CliRunner().invoke(cli, command)
        assert shown.exit_code == 0, shown.output
        lines = dict.fromkeys([*shown.stdout.splitlines(), *shown.stderr.splitlines()])
        leaks += oracle.leaks(Text(" ".join(command), line, is_raw=True) for line in lines)
    assert [str(leak) for leak in leaks] == []
    if write is by_the_sdk:
        assert '"audit.masked"' in log.said
        assert "DEBUG" in log.said
