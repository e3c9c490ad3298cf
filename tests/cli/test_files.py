"""`otel-audit files`: exactly the committed files, for any engine."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from cli.conftest import Invoke
from otel_audit.store.open import open_store
from query.written_log import DAY, EIGHTEEN, LogWriter, record


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Three days, and a file that nobody committed."""
    writer = LogWriter(open_store(str(tmp_path)))
    for day in range(3):
        writer.commit([record(EIGHTEEN + day * DAY)])
    writer.commit([record(EIGHTEEN, spanName="not committed")], leave_out_manifest=True)
    LogWriter(open_store(str(tmp_path)), "model-io").commit([record(EIGHTEEN + DAY)])
    return tmp_path


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ("", [21, 22, 22, 23]),
        ("--stream platform", [21, 22, 23]),
        ("--from 2026-11-22", [22, 22, 23]),
        ("--from 2026-11-22 --to 2026-11-23", [22, 22]),
        ("--to 2026-11-21", []),
    ],
)
def test_one_url_a_line_oldest_first(invoke: Invoke, log: Path, options: str, days: list[int]) -> None:
    lines = invoke("files", "-d", log, *options.split()).stdout.splitlines()
    assert [line.split("date=2026-11-")[1][:2] for line in lines] == [str(day) for day in days]
    for line in lines:
        assert Path(line).is_file()


def test_an_engine_takes_the_list(invoke: Invoke, log: Path) -> None:
    files = invoke("files", "-d", log, "--stream", "platform").stdout.splitlines()
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchone() == (3,)


def test_json_and_csv_add_what_the_manifest_says(invoke: Invoke, log: Path) -> None:
    listed = json.loads(invoke("files", "-d", log, "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(invoke("files", "-d", log, "--format", "csv").stdout)))
    assert [{name: str(value) for name, value in one.items()} for one in listed] == rows
    for one in listed:
        assert Path(one["url"]).stat().st_size == one["bytes"]
        assert one["rows"] == 1
        assert one["sha256"][:12] in one["url"]
        assert one["minTimestamp"] == one["maxTimestamp"]


def test_a_table_for_a_person(invoke: Invoke, log: Path) -> None:
    shown = invoke("files", "-d", log, "--format", "table").stdout
    assert "maxTimestamp" in shown
    assert shown.count(".parquet") == 4


def test_a_missing_file_is_an_error(invoke: Invoke, log: Path) -> None:
    first, *others = invoke("files", "-d", log).stdout.splitlines()
    Path(first).unlink()
    result = invoke("files", "-d", log)
    assert result.exit_code == 1
    assert Path(first).name in result.stderr
    going = invoke("files", "-d", log, "--keep-going")
    assert going.exit_code == 1
    assert going.stdout.splitlines() == others
