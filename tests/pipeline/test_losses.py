"""What is lost is told by the log, whoever lives to tell it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import SpoolError, SpoolFull
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.path import Pipeline
from otel_audit.spool import StreamWriter
from otel_audit.spool.bequest import Bequest

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000


def spans():
    return [span for export in read_file(str(CORPUS / "http_new.json")) for span in export.spans]


def pipeline_in(folder: Path) -> Pipeline:
    settings = load({"destination": str(folder / "log"), "spool": str(folder / "spool")}, environment={})
    return Pipeline(pipeline_options(settings))


def gaps(folder: Path) -> list[dict[str, object]]:
    """Attributes of the gap records of a log, whose chains are all at their end."""
    rows = [
        row
        for file in (folder / "log").glob("log/platform/*/*/*.parquet")
        for row in pq.read_table(file, partitioning=None).to_pylist()
    ]
    return [json.loads(row["attributes"]) for row in rows if row["eventName"] == "audit.gap"]


def test_a_process_that_was_killed_is_an_interval_of_unknown_count(tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from pipeline.test_losses import OBSERVED, pipeline_in, spans\n"
        "pipeline = pipeline_in(Path(sys.argv[1]))\n"
        "pipeline.write(spans(), observed_unix_nano=OBSERVED)\n"
        "print('durable', flush=True)\nsys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"durable\n"
        child.send_signal(signal.SIGKILL)
    pipeline = pipeline_in(tmp_path)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.close(60)
    (gap,) = gaps(tmp_path)
    assert gap["audit.gap.cause"] == "unclean-end"
    assert "audit.gap.count" not in gap
    assert gap["audit.gap.from"] < gap["audit.gap.to"]


def test_a_clean_end_is_no_gap(tmp_path):
    for _ in range(2):
        pipeline = pipeline_in(tmp_path)
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert pipeline.close(60)
    assert gaps(tmp_path) == []


def test_losses_that_could_not_be_told_are_told_by_the_next(tmp_path, monkeypatch):
    pipeline = pipeline_in(tmp_path)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    pipeline.losses.add("queue-full", 5)
    with monkeypatch.context() as patched:
        real = StreamWriter.append

        def refuse(self, masked, *, use_reserve=False):
            if use_reserve:
                raise SpoolFull("a bound is reached")
            return real(self, masked)

        patched.setattr(StreamWriter, "append", refuse)
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert pipeline.close(60)
    assert gaps(tmp_path) == []
    successor = pipeline_in(tmp_path)
    successor.write(spans(), observed_unix_nano=OBSERVED)
    assert successor.close(60)
    (gap,) = gaps(tmp_path)
    assert (gap["audit.gap.cause"], gap["audit.gap.count"]) == ("queue-full", 5)
    last = pipeline_in(tmp_path)
    last.write(spans(), observed_unix_nano=OBSERVED)
    assert last.close(60)
    assert len(gaps(tmp_path)) == 1, "told once"


def test_a_ledger_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, caplog):
    def refuse(self, losses, *, at_once=False):
        raise SpoolError("the spool cannot write its ledger: EIO")

    monkeypatch.setattr(Bequest, "note_losses", refuse)
    pipeline = pipeline_in(tmp_path)
    pipeline.losses.add("queue-full", 1)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.close(60)
    assert len(gaps(tmp_path)) == 1
    assert "in memory alone" in caplog.text


def test_counting_never_waits_for_whoever_was_interrupted():
    losses = Losses()
    with losses._lock:
        losses.add("queue-full", 2)
    losses.add("queue-full", 3)
    assert losses.total == {"queue-full": 5}
    (owed,) = losses.take()
    assert owed.count == 5
    assert losses, "until it is told"
    losses.told()
    assert not losses


@pytest.mark.parametrize("first", [None, 2])
def test_an_unknown_count_stays_unknown(first):
    losses = Losses()
    losses.add("unclean-end", 3)
    (known,) = losses.take()
    losses.told()
    losses.owe([type(known)("unclean-end", first, 10, 20)])
    losses.owe([type(known)("unclean-end", None, 5, 15)])
    (owed,) = losses.owed()
    assert (owed.count, owed.from_unix_nano, owed.to_unix_nano) == (None, 5, 20)


def test_what_is_given_back_is_owed_as_before():
    losses = Losses()
    losses.add("queue-full", 2)
    losses.take()
    losses.add("queue-full", 3)
    assert sum(loss.count for loss in losses.owed()) == 5, "also while it is on its way"
    losses.give_back()
    (owed,) = losses.take()
    assert owed.count == 5
