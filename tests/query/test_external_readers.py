"""Engines that know nothing of us read a log's folders as tables, whichever format they have."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import jsonschema
import orjson
import pytest

from otel_audit.encode.options import EncodeOptions
from otel_audit.query.catalog import Catalog
from otel_audit.query.ddl import LogTable, bigquery_table, duckdb_view
from otel_audit.query.findings import Findings
from otel_audit.query.json_schema import record_schema
from otel_audit.query.request import Query
from otel_audit.query.scan import scan
from otel_audit.query.tables import find_tables
from otel_audit.record.record_lines import record_lines
from otel_audit.record.streams import STREAMS
from otel_audit.store.layout import TableName
from otel_audit.store.open import open_store
from query.written_log import DAY, EIGHTEEN, HOUR, SECOND, LogWriter, as_batch, record

EXAMPLES = Path(__file__).parents[2] / "examples"

FORMATS = {
    "parquet": EncodeOptions(),
    "ndjson.gz": EncodeOptions("ndjson", "gzip"),
    "ndjson.zst": EncodeOptions("ndjson", "zstd"),
}

CHAT = {
    "eventName": "gen_ai.chat",
    "action": "EXECUTE",
    "modelInfo": {
        "modelName": "gpt-4o-mini",
        "inputTokens": 31,
        "finishReasons": ["stop"],
        "pii": False,
        "extra": [("tier", "flex")],
    },
    "request": '{"messages":[{"role":"user","parts":[{"type":"text","content":"Grüße\\n\\u2028"}]}],"n":1.0}',
    "response": '[{"role":"assistant"}]',
    "requestHeaders": [("accept", ["text/html", "*/*"])],
    "masking": {"policy": "sha256:0", "fields": ["request"], "entities": [("EMAIL", 2)]},
    "events": [{"name": "e", "timestamp": "2026-11-21T18:00:00.000000001Z", "attributes": '{"a":1}'}],
    "sampled": True,
}


def write_log(root: Path, options: EncodeOptions) -> Path:
    """A log of two streams over two days; one record was delivered twice."""
    store = open_store(str(root))
    twice = record(EIGHTEEN + SECOND, outcome="failure")
    LogWriter(store, "platform", options).commit(
        [record(EIGHTEEN + place * HOUR, user={"id": f"u{place}"}) for place in range(8)] + [twice]
    )
    LogWriter(store, "platform", options).commit([twice, record(EIGHTEEN + DAY)])
    # What one file's records all lack, the other's have: no engine may take the first file's word for it.
    chats = [record(EIGHTEEN + HOUR + place, **CHAT) for place in range(3)]
    LogWriter(store, "model-io", options).commit([record(EIGHTEEN)])
    LogWriter(store, "model-io", options).commit(chats)
    return root


@pytest.fixture(scope="module", params=FORMATS, ids=FORMATS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("log"), FORMATS[request.param])


def by_day(folder: Path) -> list[str]:
    """What an example should print, by our own reader."""
    store, findings = open_store(str(folder)), Findings()
    tables = scan([Catalog(store, findings)], Query(), findings)
    counts = Counter(
        (row["stream"], row["timestamp"].strftime("%Y-%m-%d"), row["eventName"], row["outcome"])
        for table in tables
        for row in table.to_pylist()
    )
    return [" ".join((*key, str(count))) for key, count in sorted(counts.items())]


def run_example(engine: str, folder: Path) -> list[str]:
    script = EXAMPLES / f"read_with_{engine}.py"
    command = [sys.executable, "-W", "error", str(script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_the_example_of_each_engine_counts_what_we_count(folder: Path, engine: str) -> None:
    assert run_example(engine, folder) == by_day(folder)


def test_the_example_of_pyarrow_counts_what_we_count(tmp_path: Path) -> None:
    """Its datasets know no compressed NDJSON."""
    write_log(tmp_path, FORMATS["parquet"])
    assert run_example("pyarrow", tmp_path) == by_day(tmp_path)


@pytest.fixture
def database(folder: Path) -> duckdb.DuckDBPyConnection:
    """The views of the generated SQL."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in find_tables(open_store(str(folder)), STREAMS):
        connection.execute(duckdb_view(table))
    return connection


class TestDuckDb:
    def test_rows_are_all_there(self, database: duckdb.DuckDBPyConnection) -> None:
        platform = database.execute("SELECT count(*), count(DISTINCT recordId) FROM platform").fetchone()
        models = database.execute("SELECT count(*), count(DISTINCT recordId) FROM model_io").fetchone()
        assert (platform, models) == ((11, 10), (4, 4))

    def test_partitions_are_columns(self, database: duckdb.DuckDBPyConnection) -> None:
        rows = database.execute(
            "SELECT DISTINCT date, hour FROM platform WHERE date = DATE '2026-11-22' AND hour < 5 ORDER BY 2"
        ).fetchall()
        assert [hour for _, hour in rows] == [0, 1]

    def test_every_format_has_the_same_types_but_those_of_json_texts(
        self, database: duckdb.DuckDBPyConnection
    ) -> None:
        described = {name: kind for name, kind, *_ in database.execute("DESCRIBE model_io").fetchall()}
        assert described["timestamp"] == "TIMESTAMP WITH TIME ZONE"
        assert described["durationNs"] == "BIGINT"
        assert described["returnCode"] == "INTEGER"
        assert described["requestHeaders"] == "MAP(VARCHAR, VARCHAR[])"
        assert described["user"].startswith("STRUCT(id VARCHAR")
        assert described["date"] == "DATE"
        assert described["request"] in ("VARCHAR", "JSON")

    def test_nested_values_are_reached_by_name(self, database: duckdb.DuckDBPyConnection) -> None:
        row = database.execute(
            "SELECT modelInfo.modelName, modelInfo.inputTokens, modelInfo.\"extra\"['tier'], "
            "requestHeaders['accept'], masking.entities['EMAIL'], events[1].attributes, sampled, "
            "request::JSON ->> '$.messages[0].role', epoch_us(timestamp) "
            "FROM model_io WHERE eventName = 'gen_ai.chat' ORDER BY sequence LIMIT 1"
        ).fetchone()
        assert row == (
            "gpt-4o-mini",
            31,
            "flex",
            ["text/html", "*/*"],
            2,
            '{"a":1}',
            True,
            "user",
            (EIGHTEEN + HOUR) // 1000,
        )

    def test_a_folder_whose_name_looks_like_a_pattern_is_read(self, tmp_path: Path) -> None:
        root = tmp_path / "it's [a] *log*"
        store = open_store(str(root))
        LogWriter(store).commit([record()])
        connection = duckdb.connect()
        (table, _) = find_tables(store, STREAMS)[::-1]
        connection.execute(duckdb_view(table))
        assert connection.execute("SELECT count(*) FROM platform").fetchone() == (1,)


class TestBigQuery:
    """No BigQuery can be had here: what the statement must hold is taken from its reference."""

    def test_parquet(self) -> None:
        table = LogTable("gs://acme/prod", TableName("model-io"), "parquet")
        assert bigquery_table(table, "acme.audit") == (
            "CREATE OR REPLACE EXTERNAL TABLE `acme.audit.model_io`\n"
            "WITH PARTITION COLUMNS (`date` DATE, `hour` INT64)\n"
            "OPTIONS (\n"
            "  uris = ['gs://acme/prod/log/model-io/*'],\n"
            "  format = 'PARQUET',\n"
            "  enable_list_inference = true,\n"
            "  hive_partition_uri_prefix = 'gs://acme/prod/log/model-io',\n"
            "  require_hive_partition_filter = false\n"
            ");\n"
        )

    def test_ndjson_names_every_column(self) -> None:
        statement = bigquery_table(LogTable("gs://acme", TableName("platform", 2), "ndjson.gz"), "audit")
        assert "`audit.platform_2` (\n  `recordId` STRING,\n" in statement
        assert "  `timestamp` TIMESTAMP,\n" in statement
        assert "  `request` JSON,\n" in statement
        assert "  `requestHeaders` JSON,\n" in statement
        assert "`finishReasons` ARRAY<STRING>" in statement
        assert "timeUnixNano" not in statement
        assert "format = 'NEWLINE_DELIMITED_JSON'" in statement


def test_every_line_keeps_to_the_json_schema() -> None:
    validator = jsonschema.Draft202012Validator(
        record_schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.check_schema(record_schema())
    lines = bytes(record_lines(as_batch([record(**CHAT), record(), record(-1)]))).splitlines()
    assert len(lines) == 3
    for line in lines:
        validator.validate(orjson.loads(line))
    for broken in ({"stream": "other"}, {"timestamp": "2026-11-21T18:00:00Z"}, {"user": {"nick": "x"}}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(orjson.loads(lines[0]) | broken)


@pytest.mark.parametrize(
    ("destination", "source"),
    [
        (
            "abfs://logs@acme.dfs.core.windows.net/audit",
            "az://acme.blob.core.windows.net/logs/audit/log/platform/**/*.parquet",
        ),
        ("abfs://logs", "az://logs/log/platform/**/*.parquet"),
        ("gs://logs/audit", "gs://logs/audit/log/platform/**/*.parquet"),
    ],
)
def test_duckdb_is_given_urls_that_it_knows(destination: str, source: str) -> None:
    view = duckdb_view(LogTable(destination, TableName("platform"), "parquet"))
    assert f"'{source}'" in view
