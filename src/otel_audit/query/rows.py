"""Rows of one file: which are wanted, and the columns of some."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.query.catalog import NANOSECONDS_PER_HOUR, CommittedFile
from otel_audit.query.columns import projection
from otel_audit.query.request import (
    OBSERVED,
    RECORD_ID,
    TIME,
    Query,
    content_expression,
    filter_columns,
    window_expression,
)
from otel_audit.query.units import Units

INSTANT: Final = "instant"
"""Column of hits: the instant that a record is ordered and chosen by."""

ROW: Final = "row"
"""Column of hits: position in the file."""

Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Column: TypeAlias = "pa.ChunkedArray[Any]"

_kernels: Final[Any] = pc
"""The stubs know arrays of one type only where the kernels take any."""


def find_rows(units: Units, file: CommittedFile, query: Query) -> Iterator[pa.Table]:
    """Wanted rows of a file: columns :data:`INSTANT`, :data:`ROW` and ``recordId``, a table a unit.

    Raises:
        IntegrityError: a unit cannot be decoded.
        StoreError: the destination cannot be read.
    """
    content, window = content_expression(query), window_expression(query)
    two_clocks = file.strays and window is not None
    schema = projection((TIME, RECORD_ID, *filter_columns(query), *((OBSERVED,) if two_clocks else ())))
    # What a unit's statistics say of timestamps says nothing about a row that counts by another clock.
    candidates = units.candidates(_both(content, None if two_clocks else window))
    starts = np.cumsum([0, *units.sizes])
    in_window = window_expression(query, INSTANT)
    for unit in candidates:
        table = units.read(unit, schema)
        instants = _instants(table, file, query) if two_clocks else table[TIME]
        rows = pa.array(np.arange(starts[unit], starts[unit] + table.num_rows))
        table = table.append_column(INSTANT, instants).append_column(ROW, rows)
        wanted = _both(content, in_window)
        if wanted is not None:
            table = table.filter(wanted)
        if table.num_rows:
            yield table.select([INSTANT, ROW, RECORD_ID])


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


def _instants(table: pa.Table, file: CommittedFile, query: Query) -> Column:
    """When each record counts: at its timestamp, if the window holds it or the record is filed under it; else
    its timestamp was not believed, and it counts when it was observed."""
    stamped = table[TIME]
    hour = file.location.partition.hours * NANOSECONDS_PER_HOUR
    believed = _between(stamped, hour, hour + NANOSECONDS_PER_HOUR)
    asked_for = _between(stamped, query.start_unix_nano, query.end_unix_nano)
    instants: Column = _kernels.if_else(_kernels.or_(believed, asked_for), stamped, table[OBSERVED])
    return instants


def _between(instants: Column, start: int | None, end: int | None) -> Column:
    result: Column = _kernels.is_valid(instants)
    if start is not None:
        result = _kernels.and_(result, _kernels.greater_equal(instants, pa.scalar(start, pa.int64())))
    if end is not None:
        result = _kernels.and_(result, _kernels.less(instants, pa.scalar(end, pa.int64())))
    return result


def _both(one: pc.Expression | None, other: pc.Expression | None) -> pc.Expression | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
