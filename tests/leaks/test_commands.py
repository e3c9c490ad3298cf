"""What the commands show and say: records, complaints about damaged files, settings; never a planted value."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leaks.artefacts import files, ids, rows, texts_of_files
from leaks.oracle import Harmless, Leak, Oracle, Text
from leaks.planted import PASSWORD, TOKEN
from leaks.sentences import SENTENCES
from leaks.written import everything_logged
from otel_audit.cli.main import cli

_CORPUS = Path(__file__).parents[1] / "corpus"
_RESPONSE_ID = "resp_abc123"  # an answer's id, which is kept; see test_corpus.py

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command with no settings but a spool and a destination, and remembers what was logged."""
    folder = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch, everything_logged() as said:
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            patch.delenv(name)
        patch.setenv("OTEL_AUDIT_SPOOL", str(folder / "spool"))
        patch.setenv("OTEL_AUDIT_DESTINATION", str(folder / "log"))

        def run(*arguments: object, environment: dict[str, str] | None = None) -> Result:
            result = CliRunner(env=environment).invoke(cli, [str(argument) for argument in arguments])
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            return result

        run.folder, run.said = folder, said  # type: ignore[attr-defined]
        yield run


@pytest.fixture(scope="module")
def ingested(run: Run) -> Result:
    return run("ingest", *sorted(_CORPUS.glob("*.json")))


def oracle_of(contents: dict[str, bytes]) -> Oracle:
    return Oracle(
        harmless=Harmless([value for content in contents.values() for value in ids(content)], (_RESPONSE_ID,))
    )


@pytest.fixture(scope="module")
def oracle(run: Run, ingested: Result) -> Oracle:
    """Knows the ids of the records that the commands are asked about; what was clean once is not read again."""
    return oracle_of(files(run.folder / "log"))  # type: ignore[attr-defined]


def leaks_of(oracle: Oracle, run: Run, *results: Result) -> list[str]:
    """What can be read in results and in everything logged so far."""
    return [str(leak) for leak in _leaks(oracle, run, results)]


def _leaks(oracle: Oracle, run: Run, results: tuple[Result, ...]) -> Iterator[Leak]:
    for result in results:
        for name, output in (("stdout", result.stdout), ("stderr", result.stderr)):
            yield from oracle.leaks(Text(name, line) for line in output.splitlines())
            yield from oracle.leaks([Text(f"{name} in one", " ".join(output.split()), is_raw=True)])
    yield from oracle.leaks(Text("log", line) for line in dict.fromkeys(run.said))  # type: ignore[attr-defined]


def leaks_on_disk(folder: Path) -> list[str]:
    contents = files(folder)
    return [str(leak) for leak in oracle_of(contents).leaks(texts_of_files(contents))]


def test_ingest(run: Run, ingested: Result, oracle: Oracle) -> None:
    assert ingested.exit_code == 0
    assert leaks_of(oracle, run, ingested) == []
    assert leaks_on_disk(run.folder) == []


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv"])
def test_query(run: Run, oracle: Oracle, form: str) -> None:
    result = run("query", "--format", form, "--limit", "2000")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 250
    assert leaks_of(oracle, run, result) == []
    if form == "csv":
        cells = [cell for line in csv.reader(io.StringIO(result.stdout)) for cell in line]
        assert [str(leak) for leak in oracle.leaks(("a cell", cell) for cell in cells)] == []


def test_show(run: Run, oracle: Oracle) -> None:
    written = [row for content in files(run.folder / "log").values() for row in rows(content)]
    masked = [row["recordId"] for row in written if (row["masking"] or {}).get("fields")]
    for record_id in masked[:: len(masked) // 6]:
        for form in ("text", "json"):
            result = run("show", record_id, "--format", form)
            assert result.exit_code == 0
            assert leaks_of(oracle, run, result) == []


@pytest.mark.parametrize("command", [("doctor",), ("files",), ("schema", "--format", "sql")], ids=" ".join)
def test_the_rest(run: Run, oracle: Oracle, command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.stdout
    assert leaks_of(oracle, run, result) == []


def damaged() -> Iterator[tuple[str, bytes]]:
    """Files that end, or go wrong, in the middle of each planted value."""
    method = {"key": "http.request.method", "value": {"stringValue": "GET"}}
    span = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "GET",
        "kind": 2,
        "startTimeUnixNano": "1795294811960411142",
        "endTimeUnixNano": "1795294811961411142",
    }

    def export(*attributes: object, **fields: object) -> str:
        whole = {**span, "attributes": [method, *attributes], **fields}
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]})

    for planted, text in SENTENCES.items():
        whole = export({"key": "note", "value": {"stringValue": text}})
        yield f"{planted.name} cut", whole[: whole.index(text) + len(text) - 2].encode()
        yield f"{planted.name} cut behind", whole[: whole.index(text) + len(text)].encode()
        yield (
            f"{planted.name} no UTF-8",
            whole.encode().replace(text[:1].encode(), b"\xff" + text[:1].encode()),
        )
        yield f"{planted.name} for a time", export(startTimeUnixNano=text).encode()
        yield f"{planted.name} for a kind", export(kind=text).encode()
        yield f"{planted.name} for an id", export(traceId=text, spanId=text, parentSpanId=text).encode()
        yield f"{planted.name} for a status", export(status={"code": text, "message": text}).encode()
        yield (
            f"{planted.name} for events",
            export(events=[{"name": text, "timeUnixNano": text}, text]).encode(),
        )
        yield f"{planted.name} for links", export(links=[{"traceId": text, "spanId": text}]).encode()
        yield f"{planted.name} for a state", export(traceState=text, flags=text).encode()
        yield f"{planted.name} for attributes", export(attributes=text).encode()
        yield f"{planted.name} for a value", export({"key": "a", "value": text}).encode()
        yield (
            f"{planted.name} for an integer",
            export({"key": "a", "value": {"intValue": text}}).encode(),
        )
        yield f"{planted.name} unknown", export(**{text: 1}).encode()
        yield f"{planted.name} alone", text.encode()
        yield f"{planted.name} in a list", json.dumps([text]).encode()
        yield f"{planted.name} for spans", json.dumps({"resourceSpans": text}).encode()
        yield f"{planted.name} in bytes", b"\x0a\x80\x01" + text.encode()


def test_complaints_about_damaged_files(run: Run, oracle: Oracle, tmp_path: Path) -> None:
    paths = []
    for number, (_, content) in enumerate(damaged()):
        paths.append(tmp_path / f"file-{number}.json")
        paths[-1].write_bytes(content)
    results = [run("ingest", "--destination", tmp_path / "log", path) for path in paths[::9]]
    results.append(run("ingest", "--destination", tmp_path / "log", *paths))
    assert results[-1].exit_code == 1
    assert leaks_of(oracle, run, *results) == []
    assert leaks_on_disk(tmp_path / "log") == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_AUDIT_DESTINATION", f"gs://bob:{PASSWORD.text}@bucket/x"),
        ("OTEL_AUDIT_DESTINATION", f"gs://bucket/x?token={TOKEN.text}"),
        ("OTEL_AUDIT_DESTINATION", f"ftp://bob:{PASSWORD.text}@host/x"),
        ("OTEL_AUDIT_MASK_KEY", PASSWORD.text),
        ("OTEL_AUDIT_MASK_KEYS", PASSWORD.text),
        ("OTEL_AUDIT_MASKKEY", PASSWORD.text),
    ],
)
def test_complaints_about_settings(run: Run, oracle: Oracle, variable: str, value: str) -> None:
    for command in (("doctor",), ("query",), ("files",)):
        result = run(*command, environment={variable: value})
        assert result.stdout + result.stderr
        assert leaks_of(oracle, run, result) == []
