"""The corpus goes the whole way, and nothing planted in it can be read in any byte on the way or at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaks.artefacts import rows
from leaks.decodings import texts_of_value
from leaks.oracle import Oracle
from leaks.written import FORMATS, Written, everything_logged, write
from otel_audit.convert.otlp_files import read_file
from otel_audit.convert.spans import LogData, SpanData

_TESTS = Path(__file__).parents[1]
_SOURCES = sorted([*(_TESTS / "corpus").glob("*.json"), *(_TESTS / "fixtures" / "dialects").glob("*.json")])

_RESPONSE_ID = "resp_abc123"
"""An answer's id in the corpus happens to hold what a session cookie is planted as; ids of answers are kept."""

_IN_THE_CORPUS = {
    "e-mail", "card", "phone", "ssn", "iban", "password", "token", "session", "x-api-key", "bearer", "basic"
}  # fmt: skip


def batches() -> Iterator[tuple[list[SpanData], list[LogData]]]:
    """Spans and log events of each run of the corpus, together."""
    runs: dict[str, list[Path]] = {}
    for path in _SOURCES:
        runs.setdefault(path.name.partition(".")[0], []).append(path)
    for paths in runs.values():
        spans: list[SpanData] = []
        logs: list[LogData] = []
        for path in paths:
            for export in read_file(path):
                spans += export.spans
                logs += export.logs
        yield spans, logs


@pytest.fixture(scope="module", params=FORMATS, ids=" ".join)
def written(request, tmp_path_factory) -> tuple[Written, list[str]]:
    with everything_logged() as said:
        return write(tmp_path_factory.mktemp("corpus"), batches(), request.param), said


def test_the_oracle_reads_what_is_planted_in_the_corpus() -> None:
    oracle = Oracle()
    found: set[str] = set()
    for path in _SOURCES:
        texts = texts_of_value(json.loads(path.read_bytes()))
        found |= {leak.planted for leak in oracle.leaks((path.name, text) for text in texts)}
        if found == _IN_THE_CORPUS:
            return
    assert found == _IN_THE_CORPUS


def test_nothing_planted_is_in_any_byte(written) -> None:
    on_disk, said = written
    assert [str(leak) for leak in on_disk.leaks([_RESPONSE_ID])] == []
    assert [str(leak) for leak in Oracle().leaks(("log", line) for line in said)] == []


def test_it_is_the_records_that_were_read(written) -> None:
    on_disk, _ = written
    for moment in (on_disk.spooled, on_disk.shipped):
        found = [row for content in moment.values() for row in rows(content)]
        told = [row for row in found if not row["eventName"].startswith("audit.")]  # less the log's own life
        assert len(told) == on_disk.records > 400
    assert any(name.endswith(".seg") for name in on_disk.spooled)
    assert any("/_audit/manifests/" in name for name in on_disk.shipped)
    assert any("/_audit/policies/" in name for name in on_disk.shipped)
