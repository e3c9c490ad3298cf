"""SQL that makes a log's folders tables of an engine.

DuckDB reads the folders through views; BigQuery through external tables
(https://cloud.google.com/bigquery/docs/hive-partitioned-queries). Both see ``date`` and ``hour`` as columns
and skip the folders that a query's conditions on them exclude. Such a table knows no manifests: it sees every
committed record at least once. ``otel-audit files`` lists exactly the committed files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from otel_audit.errors import ConfigurationError
from otel_audit.record.schema import EXACT_TIMES, JSON_COLUMNS, SCHEMA
from otel_audit.store.layout import TableName, log_prefix

DIALECTS: Final = ("duckdb", "bigquery")

_LARGEST_RECORD_BYTES: Final = 64 * 2**20
"""DuckDB refuses longer lines than it is told to expect; the largest record allowed stays far below."""


@dataclass(frozen=True, slots=True)
class LogTable:
    """One table of a log.

    Attributes:
        url: destination, without a slash at its end.
        name: folder under ``log/``.
        extension: of its first file: ``parquet``, ``ndjson.gz`` or ``ndjson.zst``; a table has one format,
            and NDJSON of both compressions.
    """

    url: str
    name: TableName
    extension: str

    @property
    def identifier(self) -> str:
        """What the table is called in SQL."""
        return str(self.name).replace("-", "_")

    @property
    def folder(self) -> str:
        """Where its partitions are."""
        return f"{self.url}/{log_prefix(self.name)}".rstrip("/")


def duckdb_view(table: LogTable) -> str:
    """``CREATE VIEW`` over the table's files.

    DuckDB needs for ``gs://`` httpfs and an HMAC key, for ``abfs://`` its azure extension and a secret.
    """
    names = "*.parquet" if table.extension == "parquet" else "*.ndjson.*"
    pattern = _quoted(f"{_without_globs(_duckdb_url(table.folder))}/**/{names}")
    options = ["hive_partitioning = true", "hive_types = {'date': DATE, 'hour': INTEGER}"]
    if table.extension == "parquet":
        source = _call("read_parquet", [pattern, *options, "union_by_name = true"])
    else:
        columns = ",\n".join(f"      {_duckdb_column(field)}" for field in SCHEMA if _in_ndjson(field))
        source = _call(
            "read_json",
            [
                pattern,
                "format = 'newline_delimited'",
                *options,
                f"maximum_object_size = {_LARGEST_RECORD_BYTES}",
                f"columns = {{\n{columns}\n    }}",
            ],
        )
    # Nothing in it comes from outside unquoted.
    return f"CREATE OR REPLACE VIEW {table.identifier} AS\n  SELECT * FROM {source};\n"  # noqa: S608


def _duckdb_url(url: str) -> str:
    """The URL as DuckDB has it: it knows Azure's blobs as ``az://``, with account and container as in their own
    URL (https://duckdb.org/docs/extensions/azure)."""
    scheme, _, rest = url.partition("://")
    if scheme != "abfs":
        return url
    host, _, path = rest.partition("/")
    container, _, account = host.partition("@")
    called = "/".join(filter(None, (account.replace(".dfs.", ".blob.", 1), container, path)))
    return f"az://{called}"


def bigquery_table(table: LogTable, dataset: str) -> str:
    """``CREATE EXTERNAL TABLE`` over the table's files.

    Args:
        table: its URL should be a ``gs://`` one.
        dataset: ``dataset`` or ``project.dataset``.

    Raises:
        ConfigurationError: BigQuery cannot read the table's format.
    """
    if table.extension == "ndjson.zst":
        raise ConfigurationError(
            'BigQuery reads NDJSON files plain or gzip, not zstd: set compression = "gzip"'
        )
    options = [f"uris = [{_bigquery_text(table.folder + '/*')}]"]
    columns = ""
    if table.extension == "parquet":
        options += ["format = 'PARQUET'", "enable_list_inference = true"]
    else:
        columns = " (\n" + ",\n".join(f"  {_bigquery_column(f)}" for f in SCHEMA if _in_ndjson(f)) + "\n)"
        options += [
            "format = 'NEWLINE_DELIMITED_JSON'",
            "compression = 'GZIP'",
            "ignore_unknown_values = true",
        ]
    options += [
        f"hive_partition_uri_prefix = {_bigquery_text(table.folder)}",
        "require_hive_partition_filter = false",
    ]
    listed = ",\n".join(f"  {option}" for option in options)
    return (
        f"CREATE OR REPLACE EXTERNAL TABLE `{dataset}.{table.identifier}`{columns}\n"
        f"WITH PARTITION COLUMNS (`date` DATE, `hour` INT64)\nOPTIONS (\n{listed}\n);\n"
    )


def _call(function: str, arguments: Sequence[str]) -> str:
    return f"{function}(\n" + ",\n".join(f"    {argument}" for argument in arguments) + "\n  )"


def _in_ndjson(field: pa.Field[Any]) -> bool:
    return field.name not in EXACT_TIMES.values()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _bigquery_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _without_globs(folder: str) -> str:
    """The folder with DuckDB's wildcards taken literally."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in folder)


def _duckdb_column(field: pa.Field[Any]) -> str:
    kind = "JSON" if field.name in JSON_COLUMNS else _duckdb_type(field.type)
    return f'"{field.name}": {_quoted(kind)}'


def _duckdb_type(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "VARCHAR"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_int32(kind):
        return "INTEGER"
    if pa.types.is_int64(kind):
        return "BIGINT"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_map(kind):
        return f"MAP({_duckdb_type(kind.key_type)}, {_duckdb_type(kind.item_type)})"
    if pa.types.is_list(kind):
        return f"{_duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        children = (f'"{child.name}" {_duckdb_type(child.type)}' for child in kind)
        return f"STRUCT({', '.join(children)})"
    raise TypeError(f"no DuckDB type for {kind}")


def _bigquery_column(field: pa.Field[Any]) -> str:
    # Maps have no type of their own in BigQuery; in NDJSON they are objects of any keys.
    kind = "JSON" if field.name in JSON_COLUMNS else _bigquery_type(field.type)
    return f"`{field.name}` {kind}"


def _bigquery_type(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "STRING"
    if pa.types.is_boolean(kind):
        return "BOOL"
    if pa.types.is_integer(kind):
        return "INT64"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP"
    if pa.types.is_map(kind):
        return "JSON"
    if pa.types.is_list(kind):
        return f"ARRAY<{_bigquery_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'`{child.name}` {_bigquery_type(child.type)}' for child in kind)}>"
    raise TypeError(f"no BigQuery type for {kind}")
