"""The log tells of its own life: who wrote it, under which settings, and who left it in order."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import SpoolFull
from otel_audit.pipeline.path import Pipeline
from otel_audit.spool import StreamWriter
from sdk.written import rows

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000
KEY = "correct horse battery staple, twice over"

Make = Callable[..., Pipeline]


def spans(name: str = "http_new.json") -> list[Any]:
    return [span for export in read_file(str(CORPUS / name)) for span in export.spans]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(**settings: object) -> Pipeline:
        given = {"destination": str(tmp_path / "log"), "spool": str(tmp_path / "spool"), **settings}
        return Pipeline(pipeline_options(load(given, environment={})))

    return build


def write(pipeline: Pipeline, *names: str) -> int:
    found = [span for name in names or ("http_new.json",) for span in spans(name)]
    return pipeline.write(found, observed_unix_nano=OBSERVED)


def told(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Name and attributes of what the log says of itself, in order."""
    found = rows({"destination": str(folder / "log")}, life=True)
    ours = [row for row in found if str(row["eventName"]).startswith("audit.")]
    assert all(row["stream"] == "platform" for row in ours)
    ours.sort(key=lambda row: (str(row["timestamp"]), row["sequence"]))
    return [(str(row["eventName"]), json.loads(str(row["attributes"]))) for row in ours]


def test_a_process_says_when_it_begins_and_how_many_records_it_leaves(make: Make, tmp_path: Path) -> None:
    pipeline = make(delivery="strict")
    calls = write(pipeline, "http_new.json")
    chats = write(pipeline, "genai_openai_span_only.json")
    assert pipeline.close(60)
    (begun, start), (ended, stop) = told(tmp_path)
    assert (begun, ended) == ("audit.start", "audit.stop")
    assert start["audit.start.delivery"] == "strict"
    assert start["audit.start.version.otel-audit"]
    assert start["audit.start.config"].startswith("sha256:")
    assert start["process.pid"] == stop["process.pid"] == os.getpid()
    assert stop["audit.stop.records.platform"] + stop["audit.stop.records.model-io"] == calls + chats
    assert stop["audit.stop.lost"] == 0
    (row,) = [
        row for row in rows({"destination": str(tmp_path / "log")}, life=True) if row["eventName"] == ended
    ]
    assert (row["action"], row["outcome"], row["user"]["type"]) == ("STOP", "success", "system")  # type: ignore[index]
    assert row["user"]["assurance"] == "verified"  # type: ignore[index]  # the log's own word of itself
    assert row["durationNs"] > 0  # type: ignore[operator]


def test_they_stand_in_the_sequence_behind_the_first_record_and_behind_the_last(
    make: Make, tmp_path: Path
) -> None:
    pipeline = make()
    count = write(pipeline) + write(pipeline)
    assert pipeline.close(60)
    places = {
        row["eventName"]: row["sequence"]
        for row in rows({"destination": str(tmp_path / "log")}, "eventName", "sequence", life=True)
    }
    assert places["audit.start"] == count // 2 + 1
    assert places["audit.stop"] == count + 2


def test_who_records_nothing_says_nothing(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    assert pipeline.write([], observed_unix_nano=OBSERVED) == 0
    assert pipeline.close(5)
    looking = make()
    looking.open()
    assert looking.finish(60)
    assert looking.close(60)
    assert told(tmp_path) == []


def test_a_change_of_settings_is_told_by_name(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASK_KEY", KEY)
    before = {"rotation": {"max_age": "5m"}, "tenant": "acme"}
    after = {"rotation": {"max_age": "7m"}, "tenant": "acme", "mask": {"key": "env:MASK_KEY"}}
    for settings in (before, before, after, after):
        pipeline = make(**settings)
        write(pipeline)
        assert pipeline.close(60)
    found = told(tmp_path)
    names = [name for name, _ in found]
    assert (names.count("audit.start"), names.count("audit.stop")) == (4, 4)
    (config,) = [said for name, said in found if name == "audit.config"]
    assert config["audit.config.changed"] == ["mask.key", "rotation.max_age"]
    assert config["audit.config.before"] != config["audit.config.after"]
    (policy,) = [said for name, said in found if name == "audit.policy"]
    policies = {row["masking"]["policy"] for row in rows({"destination": str(tmp_path / "log")})}  # type: ignore[index]
    assert {policy["audit.policy.before"], policy["audit.policy.after"]} == policies
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_a_process_that_is_killed_says_no_end_and_the_next_tells_of_the_gap(
    make: Make, tmp_path: Path
) -> None:
    if (child := os.fork()) == 0:
        write(make())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    pipeline = make()
    write(pipeline)
    assert pipeline.close(60)
    found = told(tmp_path)
    assert sorted(name for name, _ in found) == ["audit.gap", "audit.start", "audit.start", "audit.stop"]
    killed, survivor = [said["process.pid"] for name, said in found if name == "audit.start"]
    assert (killed, survivor) == (child, os.getpid())


def test_a_forked_child_that_records_has_a_life_of_its_own(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    write(pipeline)
    children = []
    for records in (True, False):
        if (child := os.fork()) == 0:
            if records:
                write(pipeline)
            os._exit(0 if pipeline.close(60) else 1)
        children.append(child)
        assert os.waitpid(child, 0)[1] == 0
    assert pipeline.close(60)
    found = [(name, said["process.pid"]) for name, said in told(tmp_path)]
    expected = [(name, pid) for name in ("audit.start", "audit.stop") for pid in (children[0], os.getpid())]
    assert sorted(found) == sorted(expected)


def test_an_end_is_told_again_only_if_something_was_written_since(make: Make, tmp_path: Path) -> None:
    pipeline = make()
    count = write(pipeline)
    assert pipeline.finish(60)
    assert pipeline.finish(60)
    assert [name for name, _ in told(tmp_path)] == ["audit.start", "audit.stop"]
    write(pipeline)
    assert pipeline.close(60)
    assert [said["audit.stop.records.platform"] for name, said in told(tmp_path) if name == "audit.stop"] == [
        count,
        2 * count,
    ]


def test_what_cannot_be_told_at_first_is_told_later_and_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make()
    real = StreamWriter.append

    def refuse(self: StreamWriter, masked: Any, *, use_reserve: bool = False) -> Any:
        if use_reserve:
            raise SpoolFull("a bound is reached")
        return real(self, masked)

    with monkeypatch.context() as patched:
        patched.setattr(StreamWriter, "append", refuse)
        write(pipeline)
    assert not list((tmp_path / "spool").glob("*/slot-0/settings"))
    write(pipeline)
    assert pipeline.close(60)
    assert [name for name, _ in told(tmp_path)] == ["audit.start", "audit.stop"]
    assert list((tmp_path / "spool").glob("*/slot-0/settings"))


def test_settings_that_cannot_be_read_hold_nothing_up(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for content in (b"{", b'{"policy":1}'):
        pipeline = make()
        write(pipeline)
        assert pipeline.close(60)
        (settings,) = (tmp_path / "spool").glob("*/slot-0/settings")
        settings.write_bytes(content)
    pipeline = make()
    write(pipeline)
    assert pipeline.close(60)
    assert {name for name, _ in told(tmp_path)} == {"audit.start", "audit.stop"}
    assert "cannot be read" in caplog.text
