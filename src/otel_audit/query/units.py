"""What a file is read in: the row groups of Parquet, the whole of an NDJSON file.

Anything that cannot be read, or is not what the manifest says, is an IntegrityError with the file's path:
the file is committed, so it is the log that is broken and not the reader's input.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from otel_audit.errors import InputError, IntegrityError, Missing
from otel_audit.query.catalog import CommittedFile
from otel_audit.query.conditions import Condition
from otel_audit.query.request import TIME
from otel_audit.record.files import conform, leaf_names, read_ndjson

CACHE_BYTES: Final = 256 * 2**20
"""Decoded units that wait for their next rows: rows in order of time come from few units at a time."""

Window: TypeAlias = "tuple[int | None, int | None]"
"""First instant wanted and first one not wanted any more, nanoseconds since the epoch; None for no bound."""

_GROUPS_KEPT: Final = 2
"""Row groups of one file that stay decoded: its rows in order of time come from neighbours."""


class Units(Protocol):
    """A committed file, open."""

    @property
    def sizes(self) -> list[int]:
        """Rows of each unit."""

    def candidates(self, asked: Sequence[Condition], window: Window | None) -> list[int]:
        """Units that may hold rows for which all conditions hold, in this window if there is one."""

    def read(self, unit: int, schema: pa.Schema) -> pa.Table:
        """The schema's columns of one unit.

        Raises:
            IntegrityError: it cannot be decoded.
            StoreError: the destination cannot be read.
        """

    @property
    def held_bytes(self) -> int:
        """Memory of what was decoded and is kept."""

    def close(self) -> None:
        """Give the file back."""


def open_units(file: CommittedFile) -> Units:
    """Open a committed file.

    Raises:
        IntegrityError: it is not there, is not of its format, or has another number of rows than its manifest
            says. Of NDJSON only reading tells the latter.
        StoreError: the destination cannot be read.
    """
    return ParquetUnits(file) if file.entry.format == "parquet" else NdjsonUnits(file)


@contextmanager
def readable(file: CommittedFile) -> Iterator[None]:
    """Whatever a decoder raises inside becomes an IntegrityError; a store's own errors pass."""
    try:
        yield
    except Missing as error:
        raise IntegrityError("its manifest lists it, but it is missing", path=file.path) from error
    except (pa.ArrowException, InputError, OSError) as error:
        # The decoder's sentence may quote data: it stays in the cause.
        raise IntegrityError(f"cannot be read as {file.entry.format}", path=file.path) from error


class ParquetUnits:
    """Row groups; of a remote file only the byte ranges of the columns asked for are fetched."""

    def __init__(self, file: CommittedFile) -> None:
        self._file = file
        with readable(file):
            self._input = file.store.open_input(file.path)
            # Reads that lie near each other become one request.
            self._parquet = pq.ParquetFile(self._input, pre_buffer=True)
        metadata = self._parquet.metadata
        _check_rows(file, metadata.num_rows)
        self.sizes = [metadata.row_group(unit).num_rows for unit in range(metadata.num_row_groups)]
        self._decoded = _Decoded(_GROUPS_KEPT)

    @property
    def held_bytes(self) -> int:
        return self._decoded.bytes

    def candidates(self, asked: Sequence[Condition], window: Window | None) -> list[int]:
        kept = []
        for unit in range(len(self.sizes)):
            extremes = _Statistics(self._parquet.metadata.row_group(unit))
            times = extremes(TIME)
            inside = (
                window is None
                or times is None
                or (
                    (window[0] is None or times[1] >= window[0])
                    and (window[1] is None or times[0] < window[1])
                )
            )
            if inside and all(condition.may_hold(extremes) for condition in asked):
                kept.append(unit)
        return kept

    def read(self, unit: int, schema: pa.Schema) -> pa.Table:
        table = self._decoded.get(unit, schema)
        if table is None:
            with readable(self._file):
                table = self._decoded.put(unit, schema, self._read_group(unit, schema))
        return table

    def _read_group(self, unit: int, schema: pa.Schema) -> pa.Table:
        leaves = [leaf for field in schema for leaf in leaf_names(field)]
        batches = self._parquet.iter_batches(self.sizes[unit], row_groups=[unit], columns=leaves)
        return pa.Table.from_batches([conform(batch, schema) for batch in batches], schema)

    def close(self) -> None:
        self._decoded.clear()
        self._parquet.close(force=True)


class _Statistics:
    """Least and greatest value of each leaf of a row group."""

    def __init__(self, group: pq.RowGroupMetaData) -> None:
        self._group = group
        self._places = {group.column(place).path_in_schema: place for place in range(group.num_columns)}

    def __call__(self, leaf: str) -> tuple[Any, Any] | None:
        """None where the file says nothing about the leaf."""
        place = self._places.get(leaf)
        statistics = None if place is None else self._group.column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        return statistics.min, statistics.max


class NdjsonUnits:
    """The whole file: a compressed stream of lines has no part that could be read by itself."""

    def __init__(self, file: CommittedFile) -> None:
        self._file = file
        self.sizes = [file.entry.rows]
        self._decoded = _Decoded(1)

    @property
    def held_bytes(self) -> int:
        return self._decoded.bytes

    def candidates(self, asked: Sequence[Condition], window: Window | None) -> list[int]:
        return [0]

    def read(self, unit: int, schema: pa.Schema) -> pa.Table:
        table = self._decoded.get(unit, schema)
        if table is None:
            with readable(self._file):
                content = self._file.store.read(self._file.path)
                batches = list(read_ndjson(content, self._file.entry.compression, schema=schema))
            table = self._decoded.put(unit, schema, pa.Table.from_batches(batches, schema))
            _check_rows(self._file, table.num_rows)
        return table

    def close(self) -> None:
        self._decoded.clear()


def _check_rows(file: CommittedFile, rows: int) -> None:
    if rows != file.entry.rows:
        raise IntegrityError(f"has {rows} rows, its manifest says {file.entry.rows}", path=file.path)


class _Decoded:
    """The units of a file that were decoded last.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self.bytes = most, 0
        self._tables: OrderedDict[tuple[int, pa.Schema], pa.Table] = OrderedDict()

    def get(self, unit: int, schema: pa.Schema) -> pa.Table | None:
        """These columns of the unit, if they are still there."""
        if (unit, schema) in self._tables:
            self._tables.move_to_end((unit, schema))
        return self._tables.get((unit, schema))

    def put(self, unit: int, schema: pa.Schema, table: pa.Table) -> pa.Table:
        """Keep a table, and return it."""
        self._tables[unit, schema] = table
        self.bytes += table.nbytes
        while len(self._tables) > self._most:
            self.bytes -= self._tables.popitem(last=False)[1].nbytes
        return table

    def clear(self) -> None:
        """Give up everything."""
        self._tables.clear()
        self.bytes = 0


class OpenFiles:
    """Committed files that are open, with what was decoded of them; the one longest unused is closed first.

    Args:
        max_files: how many stay open.
        max_bytes: how much decoded data stays; the file used last stays whatever its size.
    """

    def __init__(self, max_files: int = 32, max_bytes: int = CACHE_BYTES) -> None:
        self._max_files, self._max_bytes = max_files, max_bytes
        self._open: OrderedDict[CommittedFile, Units] = OrderedDict()

    def get(self, file: CommittedFile) -> Units:
        """The file, opened if it is not open. Raises as :func:`open_units` does."""
        units = self._open.pop(file, None) or open_units(file)
        self._open[file] = units
        while len(self._open) > 1 and self._is_over():
            self._open.popitem(last=False)[1].close()
        return units

    def _is_over(self) -> bool:
        held = sum(units.held_bytes for units in self._open.values())
        return len(self._open) > self._max_files or held > self._max_bytes

    def close(self) -> None:
        """Close every file."""
        while self._open:
            self._open.popitem()[1].close()
