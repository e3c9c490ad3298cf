"""Which table a stream has at a destination, and the paths that follow from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from otel_audit.errors import Conflict
from otel_audit.store.base import Store
from otel_audit.store.layout import LogFile, StreamMarker, parse
from otel_audit.store.names import FileName, TableName


class Tables:
    """The tables of one destination, as far as their markers were seen. A table has one format for ever.

    Args:
        store: opens the destination, or gives what is open.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._seen: dict[tuple[str, str], TableName] = {}

    def likely(self, stream: str, form: str) -> TableName:
        """The table of a stream that has a format, without asking the destination: right, or the first."""
        return self._seen.get((stream, form), TableName(stream, 1))

    def settle(self, stream: str, form: str) -> TableName:
        """The table of a stream that has a format: the first whose marker says so or can be made.

        Raises:
            StoreError: the destination could not be asked.
        """
        edition = 1
        while (stream, form) not in self._seen:
            table = TableName(stream, edition)
            marker = {"format": form, "stream": stream, "table": f"log/{table}"}
            content = json.dumps(marker, sort_keys=True, separators=(",", ":")).encode()
            try:
                self._store().create(
                    StreamMarker(table).path, content, sha256=hashlib.sha256(content).hexdigest()
                )
            except Conflict:
                edition += 1
            else:
                self._seen[stream, form] = table
        return self._seen[stream, form]


def in_table(path: str, table: TableName) -> str:
    """The path of a log file in another table, or in the one that it is in."""
    place = log_file(path)
    return LogFile(table, place.partition, place.name).path


def beside(path: str) -> str:
    """The path next to a log file whose own is taken by a corrupted upload."""
    place = log_file(path)
    name = place.name
    revised = FileName(name.writer, name.commit, name.number, name.digest, name.extension, name.revision + 1)
    return LogFile(place.table, place.partition, revised).path


def log_file(path: str) -> LogFile:
    """A path of a plan, parsed."""
    place = parse(path)
    assert isinstance(place, LogFile)  # noqa: S101  plans hold nothing else
    return place
