"""`otel-audit spool`: what waits, since when and why; and trying again what was refused."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from pathlib import Path

import pytest

from cli.conftest import CORPUS, Invoke
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import Blocked, Refused, StoreError
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.store.local import LocalStore

pytestmark = pytest.mark.usefixtures("quiet_log")

OBSERVED = 1_795_300_000_000_000_000


def pipeline(tmp_path: Path) -> Pipeline:
    settings = load({"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool")}, environment={})
    options = pipeline_options(settings, service="shop")
    at_once = ShippingOptions(refused_times=1, refused_over_s=0.0, idle_look_s=0.1)
    return Pipeline(dataclasses.replace(options, shipping=at_once))


def write(pipeline: Pipeline) -> int:
    spans = [span for export in read_file(str(CORPUS / "http_new.json")) for span in export.spans]
    return pipeline.write(spans, observed_unix_nano=OBSERVED)


def failing(monkeypatch: pytest.MonkeyPatch, error: StoreError, under: str) -> None:
    real = LocalStore.create

    def create(self, path, content, *, sha256):
        if path.startswith(under):
            raise type(error)(error.cause, path=path)
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(LocalStore, "create", create)


def rows(invoke: Invoke, exit_code: int = 0) -> list[dict[str, object]]:
    result = invoke("spool", "list", "--format", "json")
    assert result.exit_code == exit_code, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_nothing_waits(invoke: Invoke) -> None:
    result = invoke("spool", "list")
    assert result.exit_code == 0
    assert "nothing waits" in result.stderr
    assert rows(invoke) == []


def test_what_waits_for_a_destination_that_is_away_is_listed_with_its_cause(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    writing = pipeline(tmp_path)
    with monkeypatch.context() as patched:
        failing(patched, Blocked("http-403"), "")
        count = write(writing)
        (row,) = rows(invoke)
        assert (row["service"], row["slot"], row["what"]) == ("shop", "slot-0", "segments")
        assert not writing.flush(2)
        (row,) = rows(invoke)
        assert (row["what"], row["count"], row["records"]) == ("commits", 1, count)
        assert row["where"] == str(tmp_path / "log")
        assert str(row["why"]).startswith("http-403 since ")
        table = invoke("spool", "list").stdout
        assert "http-403" in table
        doctor = json.loads(invoke("doctor", "--format", "json").stdout)["spool"]
        assert any("http-403" in one["text"] and one["level"] == "warning" for one in doctor)
        csv = invoke("spool", "list", "--format", "csv").stdout
        assert csv.splitlines()[0].startswith('"service","slot"')
    assert writing.close(30)
    assert rows(invoke) == []


def test_what_was_refused_is_listed_and_can_be_tried_again(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    writing = pipeline(tmp_path)
    with monkeypatch.context() as patched:
        failing(patched, Refused("http-400"), "log/platform/")
        count = write(writing)
        writing.flush(5)
    (row,) = [row for row in rows(invoke, exit_code=1) if row["what"] == "refused"]
    assert row["records"] == count
    assert invoke("spool", "retry", "--writer", "other-20261121-00000000").exit_code == 1
    result = invoke("spool", "retry", "--destination", tmp_path / "log")
    assert result.exit_code == 0
    assert f"{count} records are tried again" in result.stderr
    pause, deadline = threading.Event(), time.monotonic() + 60
    while invoke("spool", "list").exit_code and time.monotonic() < deadline:
        pause.wait(0.05)
    assert [row for row in rows(invoke) if row["what"] == "refused"] == []
    assert writing.close(30)
    shown = invoke("query", "--format", "ndjson").stdout.splitlines()
    names = [json.loads(line)["eventName"] for line in shown]
    assert sum(name != "audit.gap" for name in names) == count


def test_help_is_complete_on_every_level(invoke: Invoke) -> None:
    assert "list" in invoke("spool", "--help").stdout
    for name in ("list", "retry"):
        assert "--spool" in invoke("spool", name, "--help").stdout
