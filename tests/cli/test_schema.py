"""`otel-audit schema`."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import jsonschema
import pytest

from cli.conftest import Invoke
from otel_audit.encode.options import EncodeOptions
from otel_audit.record.schema import SCHEMA
from otel_audit.store.open import open_store
from query.written_log import LogWriter, record


def test_json_is_a_schema_that_every_stored_record_keeps_to(invoke: Invoke, ingested: Path) -> None:
    schema = json.loads(invoke("schema", "--format", "json").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    lines = invoke("query", "-d", ingested, "--format", "ndjson").stdout.splitlines()
    assert len(lines) > 200
    for line in lines:
        validator.validate(json.loads(line))


def test_arrow_names_every_column(invoke: Invoke) -> None:
    shown = invoke("schema", "--format", "arrow").stdout
    for field in SCHEMA:
        assert f"{field.name}: " in shown


@pytest.mark.parametrize(("form", "compression"), [("parquet", "zstd"), ("ndjson", "gzip")])
def test_sql_for_duckdb_runs(invoke: Invoke, tmp_path: Path, form: str, compression: str) -> None:
    options = EncodeOptions(form, compression)
    for stream in ("platform", "model-io"):
        LogWriter(open_store(str(tmp_path)), stream, options).commit([record(), record(spanName="b")])

    statements = invoke("schema", "--format", "sql", "--dialect", "duckdb", "-d", tmp_path).stdout

    connection = duckdb.connect()
    connection.execute(statements)
    for view in ("platform", "model_io"):
        assert connection.execute(f"SELECT count(*) FROM {view}").fetchone() == (2,)


def test_sql_is_for_both_engines_unless_said(invoke: Invoke, tmp_path: Path) -> None:
    shown = invoke("schema", "--format", "sql", "-d", tmp_path, "--dataset", "acme.audit").stdout
    assert "-- DuckDB\nCREATE OR REPLACE VIEW" in shown
    assert "-- BigQuery\nCREATE OR REPLACE EXTERNAL TABLE `acme.audit." in shown
    assert "union_by_name = true" in shown
    assert str(tmp_path) in shown


def test_without_a_destination_there_is_a_placeholder(invoke: Invoke) -> None:
    shown = invoke("schema", "--format", "sql").stdout
    assert "gs://BUCKET/PREFIX/log/model-io" in shown


def test_bigquery_cannot_read_every_format(invoke: Invoke, tmp_path: Path) -> None:
    LogWriter(open_store(str(tmp_path)), options=EncodeOptions("ndjson", "zstd")).commit([record()])
    sql = ("schema", "--format", "sql", "-d", tmp_path, "--stream", "platform")
    asked = invoke(*sql, "--dialect", "bigquery")
    assert asked.exit_code == 2
    assert "gzip" in asked.stderr
    both = invoke(*sql)
    assert both.exit_code == 0
    assert "gzip" in both.stderr
    assert "read_json" in both.stdout
