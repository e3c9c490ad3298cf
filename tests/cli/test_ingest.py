"""`otel-audit ingest`: OTLP files become records, what is broken is named."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cli.conftest import CORPUS, Invoke
from otel_audit.cli import joining
from sdk.written import LIFE

SPANS = CORPUS / "genai_openai_event_only.json"
EVENTS = CORPUS / "genai_openai_event_only.logs.json"


def records(invoke: Invoke, destination: Path, *options: object) -> list[dict[str, Any]]:
    result = invoke("query", "-d", destination, "--format", "json", *options)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return [record for record in found if record["eventName"] not in LIFE]


def with_content(found: list[dict[str, Any]]) -> int:
    return sum("request" in one for one in found if one["eventName"] == "gen_ai.chat")


def test_a_file_becomes_records(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("ingest", "-d", tmp_path / "log", CORPUS / "http_new.json")
    assert result.exit_code == 0
    found = records(invoke, tmp_path / "log")
    assert f"wrote {len(found)} records" in result.stderr
    assert Counter(one["eventName"] for one in found).keys() == {"http.server", "http.client"}


@pytest.mark.parametrize("order", [(SPANS, EVENTS), (EVENTS, SPANS)], ids=["spans first", "events first"])
@pytest.mark.parametrize("held", [20_000, 3], ids=["in memory", "read twice"])
def test_events_join_spans_of_other_files(
    invoke: Invoke,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[Path, Path],
    held: int,
) -> None:
    monkeypatch.setattr(joining, "HELD_SPANS", held)
    assert invoke("ingest", "-d", tmp_path / "alone", SPANS).exit_code == 0
    assert invoke("ingest", "-d", tmp_path / "both", *order).exit_code == 0

    alone, both = records(invoke, tmp_path / "alone"), records(invoke, tmp_path / "both")

    assert with_content(alone) == 0
    assert with_content(both) > 10
    assert {one["recordId"] for one in alone} <= {one["recordId"] for one in both}
    assert sum("joined" in one for one in both) >= with_content(both)


def test_events_without_their_span_are_records_of_their_own(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("ingest", "-d", tmp_path / "log", EVENTS).exit_code == 0
    assert records(invoke, tmp_path / "log")


@pytest.mark.parametrize("suffix", ["gz", "zst", "other"])
def test_compression_is_told_by_content(invoke: Invoke, tmp_path: Path, suffix: str) -> None:
    content = SPANS.read_bytes()
    file = tmp_path / f"spans.{suffix}"
    compress = {"gz": gzip.compress, "zst": zstandard.compress, "other": bytes}[suffix]
    file.write_bytes(compress(content))
    assert invoke("ingest", "-d", tmp_path / "log", file).exit_code == 0
    assert records(invoke, tmp_path / "log")


def test_history_is_filed_under_its_own_time(invoke: Invoke, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    # The corpus is of November 2026: the same spans, ten years before.
    text = (CORPUS / "http_new.json").read_text()
    spans = json.loads(text)
    stamp = spans["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"]
    old.write_text(text.replace(str(stamp)[:4], "1479"))

    assert invoke("ingest", "-d", tmp_path / "log", old).exit_code == 0

    today, then = sorted(
        (path.name for path in (tmp_path / "log" / "log" / "platform").iterdir()), reverse=True
    )
    assert then.startswith("date=2016-")
    assert not today.startswith("date=2016-"), "the ingestion itself happened now"
    assert records(invoke, tmp_path / "log", "--to", "2017-01-01")


@pytest.mark.usefixtures("quiet_log")
def test_a_file_ingested_twice_is_read_once(invoke: Invoke, tmp_path: Path) -> None:
    for _ in range(2):
        assert invoke("ingest", "-d", tmp_path / "log", CORPUS / "http_new.json").exit_code == 0
    found = records(invoke, tmp_path / "log")
    assert len({one["recordId"] for one in found}) == len(found)
    files = json.loads(invoke("files", "-d", tmp_path / "log", "--format", "json").stdout)
    assert sum(file["rows"] for file in files) == 2 * len(found)


class TestBrokenInput:
    @pytest.mark.parametrize(
        ("content", "place"),
        [
            (b"not OTLP at all", ""),
            (b'{"resourceSpans": [', ""),
            (b"\x1f\x8b broken", "compression"),
            (b'{"resourceSpans": 7}', "resourceSpans"),
        ],
    )
    def test_it_is_named_with_its_place(
        self, invoke: Invoke, tmp_path: Path, content: bytes, place: str
    ) -> None:
        file = tmp_path / "broken.json"
        file.write_bytes(content)
        result = invoke("ingest", "-d", tmp_path / "log", file)
        assert result.exit_code == 1
        assert str(file) in result.stderr
        assert place in result.stderr
        assert "Traceback" not in result.stderr

    def test_what_can_be_read_is_written(self, invoke: Invoke, tmp_path: Path) -> None:
        good = json.dumps(json.loads((CORPUS / "http_new.json").read_text()))
        other = json.dumps(json.loads((CORPUS / "http_dup.json").read_text()))
        file = tmp_path / "lines.jsonl"
        file.write_text(f"{good}\n{{broken\n{other}\n")
        broken = tmp_path / "broken.pb"
        broken.write_bytes(b"\xff" * 40)

        result = invoke("ingest", "-d", tmp_path / "log", broken, file)

        assert result.exit_code == 1
        assert f"{file}: line 2" in result.stderr
        assert str(broken) in result.stderr
        invoke("ingest", "-d", tmp_path / "whole", CORPUS / "http_new.json", CORPUS / "http_dup.json")
        assert len(records(invoke, tmp_path / "log")) == len(records(invoke, tmp_path / "whole")) > 0

    def test_many_problems_are_counted(self, invoke: Invoke, tmp_path: Path) -> None:
        file = tmp_path / "lines.jsonl"
        good = json.dumps(json.loads((CORPUS / "http_new.json").read_text()))
        file.write_text(good + "\n" + "{broken\n" * 50)
        result = invoke("ingest", "-d", tmp_path / "log", file)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 22
        assert "30 more parts" in result.stderr

    def test_a_file_that_is_not_there_is_wrong_usage(self, invoke: Invoke, tmp_path: Path) -> None:
        result = invoke("ingest", "-d", tmp_path / "log", tmp_path / "none.json")
        assert result.exit_code == 2
        assert not (tmp_path / "log").exists()

    def test_no_file_is_wrong_usage(self, invoke: Invoke, tmp_path: Path) -> None:
        assert invoke("ingest", "-d", tmp_path / "log").exit_code == 2


def test_the_destination_on_the_command_line_is_meant_for_every_stream(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "audit.toml"
    config.write_text(f'[[streams.model-io.destinations]]\nurl = "{tmp_path}/configured"\n')
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(config))

    assert invoke("ingest", "-d", tmp_path / "given", SPANS).exit_code == 0

    assert records(invoke, tmp_path / "given", "--stream", "model-io")
    assert not (tmp_path / "configured").exists()


def test_formats_are_as_configured(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_STREAMS_MODEL_IO_FORMAT", "ndjson")
    monkeypatch.setenv("OTEL_AUDIT_STREAMS_MODEL_IO_COMPRESSION", "zstd")
    monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(tmp_path / "log"))
    assert invoke("ingest", SPANS, CORPUS / "http_new.json").exit_code == 0
    assert list((tmp_path / "log").glob("log/model-io/*/*/*.ndjson.zst"))
    assert list((tmp_path / "log").glob("log/platform/*/*/*.parquet"))
    assert len(records(invoke, tmp_path / "log")) > 20
    shutil.rmtree(tmp_path / "spool")


def test_a_destination_that_takes_nothing_is_said_at_once(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = invoke("ingest", "-d", tmp_path / "file" / "log", SPANS)
    assert result.exit_code == 1
    assert "a file is in the way" in result.stderr
    assert not (tmp_path / "spool").exists()
