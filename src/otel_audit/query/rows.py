"""Rows of one file: which are wanted, and the columns of some."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from otel_audit.query.catalog import NANOSECONDS_PER_HOUR, CommittedFile
from otel_audit.query.columns import projection
from otel_audit.query.conditions import Mask, conditions
from otel_audit.query.request import OBSERVED, RECORD_ID, TIME, Query
from otel_audit.query.units import Units

INSTANT: Final = "instant"
"""Column of hits: the instant that a record is ordered and chosen by."""

ROW: Final = "row"
"""Column of hits: position in the file."""

Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def find_rows(units: Units, file: CommittedFile, query: Query) -> Iterator[pa.Table]:
    """Wanted rows of a file: columns :data:`INSTANT`, :data:`ROW` and ``recordId``, a table a unit.

    Raises:
        IntegrityError: a unit cannot be decoded.
        StoreError: the destination cannot be read.
    """
    asked = conditions(query)
    two_clocks = file.strays and query.bounded
    about = {column for condition in asked for column in condition.columns}
    schema = projection((TIME, RECORD_ID, *about, *((OBSERVED,) if two_clocks else ())))
    # What a unit's statistics say of timestamps says nothing about a row that counts by another clock.
    window = None if two_clocks else (query.start_unix_nano, query.end_unix_nano)
    starts = np.cumsum([0, *units.sizes])
    for unit in units.candidates(asked, window):
        table = units.read(unit, schema)
        instants = _instants(table, file, query) if two_clocks else table[TIME].to_numpy()
        wanted = _between(instants, query.start_unix_nano, query.end_unix_nano)
        for condition in asked:
            wanted &= condition.holds(table)
        rows = np.flatnonzero(wanted)
        if len(rows):
            yield pa.table(
                {INSTANT: instants[rows], ROW: rows + starts[unit], RECORD_ID: table[RECORD_ID].take(rows)}
            )


def take_rows(units: Units, rows: Rows, schema: pa.Schema) -> Iterator[tuple[pa.Table, slice]]:
    """Columns of rows given in rising order: a table a unit, with the slice of ``rows`` that it answers.

    Raises:
        IntegrityError: a unit cannot be decoded.
        StoreError: the destination cannot be read.
    """
    starts = np.cumsum([0, *units.sizes])
    edges = np.searchsorted(rows, starts)
    for unit, (start, end) in enumerate(itertools.pairwise(edges.tolist())):
        if end > start:
            table = units.read(unit, schema)
            yield table.take(rows[start:end] - starts[unit]), slice(start, end)


def _instants(table: pa.Table, file: CommittedFile, query: Query) -> Rows:
    """When each record counts: at its timestamp, if the window holds it or the record is filed under it; else
    its timestamp was not believed, and it counts when it was observed."""
    stamped = table[TIME].to_numpy()
    hour = file.location.partition.hours * NANOSECONDS_PER_HOUR
    believed = _between(stamped, hour, hour + NANOSECONDS_PER_HOUR)
    asked_for = _between(stamped, query.start_unix_nano, query.end_unix_nano)
    instants: Rows = np.where(believed | asked_for, stamped, table[OBSERVED].to_numpy())
    return instants


def _between(instants: Rows, start: int | None, end: int | None) -> Mask:
    inside = np.ones(len(instants), bool)
    if start is not None:
        inside &= instants >= start
    if end is not None:
        inside &= instants < end
    return inside
