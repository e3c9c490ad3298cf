"""Which tables a log has, and what its files are."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.errors import InputError
from otel_audit.query.ddl import LogTable
from otel_audit.store.base import Store
from otel_audit.store.layout import LogFile, StreamMarker, TableName, log_prefix, parse


def stream_tables(store: Store, streams: Sequence[str]) -> list[TableName]:
    """Tables of these streams: the first of each, and every one that a marker names.

    Raises:
        StoreError: the destination cannot be listed.
    """
    tables = {TableName(stream) for stream in streams}
    for info in store.list("_audit/streams/"):
        try:
            marker = parse(info.path)
        except InputError:
            # Foreign objects are a matter of whoever lists data.
            continue
        if isinstance(marker, StreamMarker) and marker.table.stream in streams:
            tables.add(marker.table)
    return sorted(tables)


def find_tables(store: Store, streams: Sequence[str]) -> list[LogTable]:
    """The same with the kind of their files: that of the first file found, Parquet where there is none yet.

    Raises:
        StoreError: the destination cannot be listed.
    """
    return [LogTable(store.url, table, _extension(store, table)) for table in stream_tables(store, streams)]


def _extension(store: Store, table: TableName) -> str:
    for info in store.list(log_prefix(table)):
        try:
            found = parse(info.path)
        except InputError:
            continue
        if isinstance(found, LogFile):
            return found.name.extension
    return "parquet"
