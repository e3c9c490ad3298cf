"""``ingest --watch``: everything that comes is taken, once, whatever happens to files and processes meanwhile."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from cli.conftest import Invoke
from otel_audit.cli.ingest.sources import open_source
from otel_audit.cli.ingest.taken import Taken
from otel_audit.cli.ingest.watch import Watch
from otel_audit.convert.exports import Export
from otel_audit.errors import InputError, StoreError
from receive.conftest import export_of
from sdk.written import rows
from servers.fake_gcs import FakeGcsServer


def line(*names: str) -> bytes:
    """An export as the file exporter writes it."""
    now = time.time_ns()
    spans = [
        {
            "traceId": os.urandom(16).hex(),
            "spanId": os.urandom(8).hex(),
            "name": name,
            "kind": 2,
            "startTimeUnixNano": str(now - 5_000_000),
            "endTimeUnixNano": str(now),
            "attributes": [
                {"key": "http.request.method", "value": {"stringValue": "GET"}},
                {"key": "http.route", "value": {"stringValue": "/carts/{id}"}},
                {"key": "http.response.status_code", "value": {"intValue": "200"}},
            ],
        }
        for name in names
    ]
    export = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}
    return json.dumps(export, separators=(",", ":")).encode() + b"\n"


def message(*names: str) -> bytes:
    """An export with its length, as the file exporter writes protobuf."""
    body = TracesData.FromString(export_of(*names).SerializeToString()).SerializeToString()
    return len(body).to_bytes(4, "big") + body


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def settle(path: Path) -> None:
    """As if nobody had written to it for a minute."""
    os.utime(path, (time.time() - 60, time.time() - 60))


class Watched:
    """Watches in one process after another, and what they handed on."""

    def __init__(self, state: Path, *places: str) -> None:
        self._state, self._places = state, places
        self.exports: list[list[str]] = []
        self.problems: list[str] = []
        self.dies_before: int | None = None
        self.start()

    def start(self) -> None:
        self._sources = [open_source(place) for place in self._places]
        self._taken = Taken(self._state, [source.name for source in self._sources])
        self._watch = Watch(self._sources, self._taken, self._write, self._report)

    def close(self) -> None:
        self._taken.close()
        for source in self._sources:
            source.close()

    def restart(self) -> None:
        self.close()
        self.start()
        self._watch.finish_planned()

    def look(self) -> list[str]:
        """Names of the spans of one look, and of those that follow at once."""
        before = len(self.exports)
        while self._watch.look():
            pass
        return sorted(name for export in self.exports[before:] for name in export)

    def _write(self, export: Export) -> None:
        if self.dies_before == len(self.exports):
            raise KeyboardInterrupt
        self.exports.append(sorted(span.name for span in export.spans))

    def _report(self, problem: InputError | StoreError) -> None:
        self.problems.append(str(problem))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "state", str(folder))
    yield made
    made.close()


def test_lines_are_taken_as_they_become_complete(watched: Watched, folder: Path) -> None:
    file, second = folder / "traces.jsonl", line("c", "d")
    append(file, line("a", "b") + second[:100])
    assert watched.look() == ["a", "b"]
    assert watched.look() == []
    append(file, second[100:])
    assert watched.look() == ["c", "d"]
    append(file, line("e"))
    watched.restart()
    assert watched.look() == ["e"]
    assert watched.problems == []


def test_messages_are_taken_as_they_become_complete(watched: Watched, folder: Path) -> None:
    file, second = folder / "traces.pb", message("c", "d")
    append(file, message("a", "b") + second[:40])
    assert watched.look() == ["a", "b"]
    append(file, second[40:])
    assert watched.look() == ["c", "d"]
    assert watched.look() == []
    assert watched.problems == []


def test_a_file_is_the_same_under_another_name_and_another_under_the_same(
    watched: Watched, folder: Path
) -> None:
    file, rotated = folder / "traces.jsonl", folder / "traces-2026-11-22T05-00-00.000.jsonl"
    append(file, line("a"))
    assert watched.look() == ["a"]
    append(file, line("b"))
    file.rename(rotated)
    append(file, line("c"))
    assert watched.look() == ["b", "c"]
    append(file, line("d"))
    watched.restart()
    assert watched.look() == ["d"]
    (folder / "copy.jsonl").write_bytes(rotated.read_bytes())
    assert watched.look() == []
    file.write_bytes(line("e"))
    assert watched.look() == ["e"]
    assert watched.problems == []


def test_files_that_begin_alike_are_two(watched: Watched, folder: Path) -> None:
    first = line(*(f"span {number}" for number in range(30)))
    append(folder / "one.jsonl", first + line("a"))
    assert "a" in watched.look()
    append(folder / "two.jsonl", first + line("b") + line("c"))
    assert {"b", "c"} <= set(watched.look())


def test_what_a_killed_writer_left_is_told_from_what_follows(watched: Watched, folder: Path) -> None:
    file = folder / "traces.jsonl"
    append(file, line("a") + line("lost")[:80] + line("b") + line("c").rstrip() + line("d"))
    assert watched.look() == ["a", "b", "c", "d"]
    (problem,) = watched.problems
    assert f"{file}: byte " in problem
    assert watched.look() == []
    assert len(watched.problems) == 1


def test_an_end_without_a_newline_counts_once_nobody_writes(watched: Watched, folder: Path) -> None:
    file, torn = folder / "traces.jsonl", folder / "torn.jsonl"
    append(file, line("a") + line("b").rstrip())
    append(torn, line("c") + line("d")[:80])
    assert watched.look() == ["a", "c"]
    settle(file)
    settle(torn)
    assert watched.look() == ["b"]
    assert watched.look() == []
    (problem,) = watched.problems
    assert "torn.jsonl: byte" in problem
    assert "ends in the middle of an export" in problem


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: gzip.compress(line("a") + line("b")), id="compressed"),
        pytest.param(
            lambda: json.dumps([json.loads(line(name)) for name in "ab"], indent=2).encode(), id="laid out"
        ),
        pytest.param(lambda: export_of("a", "b").SerializeToString(), id="one message"),
    ],
)
def test_what_is_complete_only_at_its_end_is_taken_then(
    watched: Watched, folder: Path, content: Callable[[], bytes]
) -> None:
    file = folder / "whole"
    file.write_bytes(content())
    assert watched.look() == []
    settle(file)
    assert watched.look() == ["a", "b"]
    assert watched.look() == []
    watched.restart()
    assert watched.look() == []
    assert watched.problems == []


def test_a_round_that_may_not_have_ended_is_done_again_as_it_was(watched: Watched, folder: Path) -> None:
    append(folder / "one.jsonl", line("a"))
    append(folder / "two.jsonl", line("b"))
    watched.dies_before = 0
    with pytest.raises(KeyboardInterrupt):
        watched.look()
    append(folder / "one.jsonl", line("c"))
    (folder / "two.jsonl").rename(folder / "three.jsonl")
    watched.dies_before = None
    watched.restart()
    assert watched.exports == [["a", "b"]]
    assert watched.look() == ["c"]


def test_a_line_larger_than_a_round(watched: Watched, folder: Path) -> None:
    names = [f"{number} {'x' * 2_000}" for number in range(4_000)]
    append(folder / "traces.jsonl", line(*names) + line("last"))
    assert watched.look() == sorted([*names, "last"])


def test_what_is_no_otlp_is_told_once(watched: Watched, folder: Path) -> None:
    (folder / "notes.txt").write_text("hello\nworld\n")
    (folder / ".hidden").write_text("hello\n")
    (folder / "empty.jsonl").touch()
    settle(folder / "notes.txt")
    append(folder / "traces.jsonl", line("a"))
    assert watched.look() == ["a"]
    watched.restart()
    assert watched.look() == []
    (problem,) = watched.problems
    assert "notes.txt" in problem


def test_what_cannot_be_looked_at_holds_nobody_up(watched: Watched, folder: Path) -> None:
    (folder / "a loop").symlink_to(folder / "a loop")
    append(folder / "traces.jsonl", line("a"))
    assert watched.look() == ["a"]
    append(folder / "traces.jsonl", line("b"))
    assert watched.look() == ["b"]
    (problem,) = watched.problems
    assert "a loop" in problem


def test_objects_of_a_bucket(
    tmp_path: Path, fake_gcs: FakeGcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    bucket = fake_gcs.new_bucket()
    watched = Watched(tmp_path / "state", f"gs://{bucket}/files")
    assert watched.look() == []
    fake_gcs.put(bucket, "files/node-1/traces.jsonl", line("a") + line("b"))
    fake_gcs.put(bucket, "files/node-2/traces.jsonl.gz", gzip.compress(line("c")))
    fake_gcs.put(bucket, "elsewhere/traces.jsonl", line("z"))
    assert watched.look() == ["a", "b", "c"]
    # As `rsync` brings a file that was renamed when it was full.
    full = fake_gcs.get(bucket, "files/node-1/traces.jsonl") + line("d")
    fake_gcs.put(bucket, "files/node-1/traces-2026.jsonl", full)
    fake_gcs.put(bucket, "files/node-1/traces.jsonl", line("e"))
    watched.restart()
    assert watched.look() == ["d", "e"]
    assert watched.problems == []
    watched.close()


def test_one_watch_at_a_time(watched: Watched) -> None:
    with pytest.raises(Exception, match="another process watches the same places"):
        watched.start()


@pytest.fixture
def watch(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Starts the command on ``tmp_path/files``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {
        "OTEL_AUDIT_SPOOL": str(tmp_path / "spool"),
        "OTEL_AUDIT_DESTINATION": str(tmp_path / "log"),
        "OTEL_AUDIT_ROTATION_MAX_AGE": "1s",
    }

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", "from otel_audit.cli.main import main; main()", "ingest",
             "--watch", "--every", "0.1", str(tmp_path / "files")],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        assert "watching" in process.stderr.readline()
        return process

    return start


def test_kills_and_restarts_leave_out_nothing_and_write_nothing_twice(
    tmp_path: Path, folder: Path, watch: Callable[[], subprocess.Popen[str]]
) -> None:
    written: list[str] = []
    pause = threading.Event()

    def write(count: int) -> None:
        for _ in range(count):
            names = [f"span {len(written) + part}" for part in range(20)]
            append(folder / "traces.jsonl", line(*names))
            written.extend(names)
            if len(written) % 600 == 0:
                (folder / "traces.jsonl").rename(folder / f"traces-{len(written)}.jsonl")
            pause.wait(0.002)

    write(10)
    for _ in range(2):
        process = watch()
        write(100)
        process.kill()
        process.communicate(timeout=60)
    process = watch()
    write(10)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    process = watch()
    _until(lambda: len(names_in(tmp_path)) >= len(written))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert Counter(names_in(tmp_path)) == Counter(written)


def names_in(folder: Path) -> Sequence[str]:
    """Span names in the files of the log, as a plain reader sees them."""
    found = rows({"destination": str(folder / "log")}, "spanName", "eventName")
    return [str(row["spanName"]) for row in found if not str(row["eventName"]).startswith("audit.")]


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(300):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("it does not hold within half a minute")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["{}/files"], "directory"),
        (["--watch", "{}/nowhere"], "no such folder or file"),
        (["--watch", "{}"], "the log or its spool is in it"),
        (["--watch", "{}/log/log"], "the log or its spool is in it, or it is in them"),
        (["--watch", "ftp://host/files"], "ftp: is not a known kind"),
    ],
)
def test_what_cannot_be_watched_is_refused(
    invoke: Invoke, tmp_path: Path, folder: Path, arguments: list[str], why: str
) -> None:
    (tmp_path / "log" / "log").mkdir(parents=True)
    result = invoke("ingest", "-d", tmp_path / "log", *(one.format(tmp_path) for one in arguments))
    assert result.exit_code == 2
    assert why in result.stderr
