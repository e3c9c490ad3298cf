"""`otel-audit query` on real logs."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Invoke
from otel_audit.store.open import open_store
from query.written_log import EIGHTEEN, SECOND, LogWriter, record

HOSTILE = "ev\x1b[2J\u202eil\u200b"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two users, two streams, one value that an attacker chose."""
    root = tmp_path / "small"
    store = open_store(str(root))
    LogWriter(store).commit(
        [
            record(EIGHTEEN + place * SECOND, user={"id": user}, outcome=outcome, spanName=f"={place}")
            for place, (user, outcome) in enumerate(
                [("u1", "success"), ("u2", "failure"), (HOSTILE, "success"), ("u1", "failure")]
            )
        ]
    )
    LogWriter(store, "model-io").commit(
        [record(EIGHTEEN + 10 * SECOND, action="EXECUTE", modelInfo={"modelName": "gpt-4o-mini"})]
    )
    return root


def records(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


class TestFilters:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ("", 5),
            ("--user u1", 3),
            ("--user u1 --user u2", 4),
            ("--user u* --outcome failure", 2),
            ("--action execute", 1),
            ("--model GPT-4o*", 1),
            ("--stream platform", 4),
            ("--stream platform --stream model-io", 5),
            ("--from 2026-11-21T18:00:02Z", 3),
            ("--to 2026-11-21T18:00:02Z", 2),
            ("--from 2026-11-21T18:00:01Z --to 2026-11-21T18:00:03Z", 2),
            ("--from 2026-11-21 --to 2026-11-22", 5),
            ("--from 2026-11-22", 0),
            ("--limit 2", 2),
        ],
    )
    def test_they_narrow(self, invoke: Invoke, small: Path, options: str, expected: int) -> None:
        assert len(records(invoke("query", "-d", small, "--format", "json", *options.split()))) == expected

    def test_newest_first(self, invoke: Invoke, small: Path) -> None:
        found = records(invoke("query", "-d", small, "--format", "json", "--newest-first", "--limit", 2))
        assert [one["timestamp"][17:19] for one in found] == ["10", "03"]

    def test_the_destination_may_be_configured(
        self, invoke: Invoke, small: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_AUDIT_DESTINATION", str(small))
        assert len(records(invoke("query", "--format", "json"))) == 5

    def test_each_stream_is_read_at_its_own_destination(
        self, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        LogWriter(open_store(str(tmp_path / "one"))).commit([record(spanName="one")])
        LogWriter(open_store(str(tmp_path / "one")), "model-io").commit([record(spanName="elsewhere")])
        LogWriter(open_store(str(tmp_path / "two")), "model-io").commit([record(spanName="two")])
        config = tmp_path / "audit.toml"
        config.write_text(
            f'[log]\ndestination = "{tmp_path}/one"\n'
            f'[[streams.model-io.destinations]]\nurl = "{tmp_path}/two"\n'
        )
        monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(config))

        found = records(invoke("query", "--format", "json"))

        assert sorted(one["spanName"] for one in found) == ["one", "two"]


class TestFormats:
    def test_json_is_the_record_as_it_is(self, invoke: Invoke, small: Path) -> None:
        (one,) = records(invoke("query", "-d", small, "--format", "json", "--user", "ev*"))
        assert one["user"]["id"] == HOSTILE

    def test_ndjson_is_a_record_a_line(self, invoke: Invoke, small: Path) -> None:
        lines = invoke("query", "-d", small, "--format", "ndjson").stdout.splitlines()
        assert [json.loads(line)["stream"] for line in lines] == ["platform"] * 4 + ["model-io"]

    def test_an_empty_answer_is_still_json(self, invoke: Invoke, small: Path) -> None:
        assert records(invoke("query", "-d", small, "--format", "json", "--user", "nobody")) == []

    def test_csv_has_every_field_and_computes_nothing(self, invoke: Invoke, small: Path) -> None:
        result = invoke("query", "-d", small, "--format", "csv")
        head, *rows = csv.reader(io.StringIO(result.stdout))
        assert {"recordId", "user.id", "modelInfo.modelName", "request", "timestamp", "sequence"} <= set(head)
        assert {len(row) for row in rows} == {len(head)}
        assert [row[head.index("spanName")] for row in rows[:4]] == ["'=0", "'=1", "'=2", "'=3"]
        assert rows[0][head.index("timestamp")] == "2026-11-21T18:00:00.000000000Z"
        for line in result.stdout.splitlines():
            assert line.startswith('"')
            assert line.endswith('"')

    def test_a_table_shows_what_is_hidden(self, invoke: Invoke, small: Path) -> None:
        shown = invoke("query", "-d", small).stdout
        assert r"ev\x1b[2J\u202eil\u200b" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown

    def test_a_table_in_a_pipe_is_not_cut(self, invoke: Invoke, small: Path) -> None:
        shown = invoke("query", "-d", small).stdout
        (identifier,) = [
            one["recordId"]
            for one in records(invoke("query", "-d", small, "--format", "json", "--user", "u2"))
        ]
        assert identifier in shown

    def test_a_long_table_says_that_it_goes_on(self, invoke: Invoke, tmp_path: Path) -> None:
        LogWriter(open_store(str(tmp_path))).commit([record(EIGHTEEN + place) for place in range(150)])

        result = invoke("query", "-d", tmp_path)

        assert result.stdout.count("http.server") == 100
        assert "--limit" in result.stderr
        assert invoke("query", "-d", tmp_path, "--limit", 150).stdout.count("http.server") == 150
        assert len(records(invoke("query", "-d", tmp_path, "--format", "json"))) == 150

    def test_nothing_found_is_said(self, invoke: Invoke, small: Path) -> None:
        result = invoke("query", "-d", small, "--user", "nobody")
        assert result.exit_code == 0
        assert "no record matches" in result.stderr

    def test_a_destination_without_a_log_is_said(self, invoke: Invoke, tmp_path: Path) -> None:
        result = invoke("query", "-d", tmp_path / "mistyped")
        assert result.exit_code == 0
        assert "holds no log" in result.stderr


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--from", "soon"], "RFC 3339"),
            (["--from", "2026-11-21", "--to", "2026-11-21"], "window is empty"),
            (["--limit", "0"], "0"),
            (["--outcome", "fine"], "success"),
            (["--stream", "other"], "model-io"),
            (["--format", "xml"], "csv"),
        ],
    )
    def test_it_ends_with_2_and_says_what_is_accepted(
        self, invoke: Invoke, small: Path, options: list[str], said: str
    ) -> None:
        result = invoke("query", "-d", small, *options)
        assert result.exit_code == 2
        assert said in result.stderr

    def test_without_a_destination(self, invoke: Invoke) -> None:
        result = invoke("query")
        assert result.exit_code == 2
        assert "OTEL_AUDIT_DESTINATION" in result.stderr

    def test_a_credential_in_a_url_is_not_shown(self, invoke: Invoke) -> None:
        result = invoke("query", "-d", "gs://bob:hunter2@bucket/log")
        assert result.exit_code == 2
        assert "hunter2" not in result.output
        assert "user name or password" in result.stderr


class TestDamage:
    @pytest.fixture
    def damaged(self, small: Path) -> str:
        """The path of a committed file that is gone."""
        (file,) = small.glob("log/model-io/*/*/*.parquet")
        file.unlink()
        return str(file.relative_to(small))

    def test_it_ends_with_1_and_names_the_file(self, invoke: Invoke, small: Path, damaged: str) -> None:
        result = invoke("query", "-d", small, "--format", "json")
        assert result.exit_code == 1
        assert damaged in result.stderr
        assert "Traceback" not in result.stderr

    def test_keep_going_gives_the_rest_and_still_ends_with_1(
        self, invoke: Invoke, small: Path, damaged: str
    ) -> None:
        result = invoke("query", "-d", small, "--format", "json", "--keep-going")
        assert result.exit_code == 1
        assert damaged in result.stderr
        assert len(json.loads(result.stdout)) == 4

    def test_the_other_stream_is_fine(self, invoke: Invoke, small: Path, damaged: str) -> None:
        result = invoke("query", "-d", small, "--format", "json", "--stream", "platform")
        assert result.exit_code == 0
        assert damaged not in result.stderr

    def test_a_foreign_file_is_a_warning_that_cannot_move_the_cursor(
        self, invoke: Invoke, small: Path
    ) -> None:
        (small / "log" / "platform" / "x\x1b[2J.parquet").touch()
        result = invoke("query", "-d", small, "--format", "json")
        assert result.exit_code == 0
        assert r"warning: log/platform/x\x1b[2J.parquet" in result.stderr


def test_what_real_instrumentations_emitted_comes_back(invoke: Invoke, ingested: Path) -> None:
    found = records(invoke("query", "-d", ingested, "--format", "json"))
    events = Counter(one["eventName"] for one in found)
    assert min(events["http.server"], events["http.client"], events["gen_ai.chat"]) > 10
    times = [one["timestamp"] for one in found]
    assert times == sorted(times)
    assert len({one["recordId"] for one in found}) == len(found)


def test_as_a_process_of_its_own(ingested: Path) -> None:
    """Once as the shell runs it: installed command, real streams, real exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [Path(sys.executable).with_name("otel-audit"), "query", "-d", ingested]
    done = subprocess.run(
        [*command, "--outcome", "failure", "--format", "ndjson", "--limit", "3"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["failure"] * 3

    wrong = subprocess.run(
        [*command, "--from", "soon"], capture_output=True, text=True, check=False, env=environment
    )
    assert wrong.returncode == 2
    assert wrong.stdout == ""


def test_a_reader_that_leaves_early_is_no_error(ingested: Path) -> None:
    """As in `otel-audit query … | head -1`."""
    command = [Path(sys.executable).with_name("otel-audit"), "query", "-d", ingested, "--format", "ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        assert process.stderr.read() == ""
