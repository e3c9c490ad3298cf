"""A spool that refuses halfway: nothing is lost and nothing is numbered twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import SpoolError, SpoolFull
from otel_audit.pipeline.path import Pipeline
from otel_audit.spool import StreamWriter

pytestmark = pytest.mark.usefixtures("quiet_log")

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000


def both_streams():
    names = ("http_new.json", "genai_openai_span_only.json")
    return [span for name in names for export in read_file(str(CORPUS / name)) for span in export.spans]


@pytest.mark.parametrize("failing", ["append", "sync"])
@pytest.mark.parametrize("at_call", [1, 2])
def test_a_batch_that_is_given_again_is_numbered_once(tmp_path, monkeypatch, failing, at_call):
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    pipeline = Pipeline(pipeline_options(settings))
    real = getattr(StreamWriter, failing)
    calls = 0

    def refuse(self, *arguments, **options):
        nonlocal calls
        calls += 1
        if calls == at_call:
            raise SpoolFull("a bound is reached")
        return real(self, *arguments, **options)

    monkeypatch.setattr(StreamWriter, failing, refuse)
    prepared = pipeline.prepare(both_streams(), observed_unix_nano=OBSERVED)
    with pytest.raises(SpoolError):
        pipeline.append(prepared)
    assert prepared.durable_unix_nano == 0
    pipeline.append(prepared)
    assert prepared.durable_unix_nano > 0
    assert pipeline.close(60)
    files = list((tmp_path / "log").rglob("*.parquet"))
    ids = [
        row["recordId"]
        for file in files
        for row in pq.read_table(file, columns=["recordId"], partitioning=None).to_pylist()
    ]
    expected = both_streams()
    assert len(ids) == len(set(ids))
    assert 0 < len(ids) <= len(expected)
    assert len(ids) == written_once(tmp_path / "once")


def written_once(folder: Path) -> int:
    settings = load({"destination": str(folder / "log"), "spool": str(folder / "spool")}, environment={})
    pipeline = Pipeline(pipeline_options(settings))
    count = pipeline.write(both_streams(), observed_unix_nano=OBSERVED)
    pipeline.close(60)
    return count
