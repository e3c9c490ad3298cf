"""Records of a query, in order of time, without copies.

How it goes: files come in the order of the first instant they may hold. From each only the columns that the
query is about are read, which gives *hits*: instant, file, row, record id. Hits before the next file's first
instant are final; they are sorted, copies are folded, and only then the columns asked for are read, for the
rows that are left. So memory holds the hits of files that overlap in time and a few decoded row groups, and a
limit stops the reading early.

Two records are copies if ``recordId`` and content tag are equal (FORMAT, "Canonical form"); the first stays.
Copies have the same timestamp, so they are found together. Only a record whose timestamp was not believed,
delivered twice and filed under two hours, is shown twice.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.errors import IntegrityError
from otel_audit.query.catalog import Catalog, CommittedFile
from otel_audit.query.columns import EVERY_COLUMN, projection
from otel_audit.query.findings import Findings
from otel_audit.query.request import RECORD_ID, Query
from otel_audit.query.rows import INSTANT, ROW, Rows, find_rows, take_rows
from otel_audit.query.units import OpenFiles
from otel_audit.record.canonical import content_tags
from otel_audit.record.schema import SCHEMA

CHUNK_ROWS: Final = 1_024
"""Rows handed on at once. A record has up to some MiB, and a column of strings at most 2 GiB."""

_FILE: Final = "file"
"""Column of hits: position of the file in the order in which files came."""


def scan(
    catalogs: Sequence[Catalog],
    query: Query,
    findings: Findings,
    *,
    columns: Iterable[str] = EVERY_COLUMN,
) -> Iterator[pa.Table]:
    """Read records.

    Args:
        catalogs: the destinations.
        query: which records.
        findings: takes what is wrong; the same that the catalogs have.
        columns: what of each record; children of structs as ``user.id``.

    Yields:
        Tables of at most :data:`CHUNK_ROWS` rows, with the part of the record's schema that ``columns`` name.

    Raises:
        IntegrityError: a committed file does not hold what its manifest promises, unless the findings keep
            going.
        StoreError: a destination cannot be read.
    """
    return _Scan(query, findings, projection(columns)).run(catalogs)


class _Scan:
    def __init__(self, query: Query, findings: Findings, schema: pa.Schema) -> None:
        self._query, self._findings, self._schema = query, findings, schema
        self._files = OpenFiles()
        self._numbered: list[CommittedFile] = []
        self._pending: list[pa.Table] = []
        self._left = query.limit

    def run(self, catalogs: Sequence[Catalog]) -> Iterator[pa.Table]:
        try:
            files = heapq.merge(*(catalog.files(self._query) for catalog in catalogs), key=self._edge)
            for file in files:
                yield from self._hand_on(before=file)
                if self._left == 0:
                    return
                self._find(file)
            yield from self._hand_on(before=None)
        finally:
            self._files.close()

    def _edge(self, file: CommittedFile) -> int:
        """What files are merged by."""
        return -file.last_unix_nano if self._query.newest_first else file.first_unix_nano

    def _find(self, file: CommittedFile) -> None:
        """Add the file's hits to what is pending."""
        number = len(self._numbered)
        self._numbered.append(file)
        try:
            for rows in find_rows(self._files.get(file), file, self._query):
                numbers = pa.repeat(pa.scalar(number, pa.int64()), rows.num_rows)
                self._pending.append(rows.append_column(_FILE, numbers))
        except IntegrityError as error:
            self._findings.problem(error)

    def _hand_on(self, before: CommittedFile | None) -> Iterator[pa.Table]:
        """Read and yield the pending records that no later file can precede, if they are worth it."""
        if not self._pending:
            return
        hits = pa.concat_tables(self._pending)
        if before is not None:
            instants = hits[INSTANT].to_numpy()
            newest_first = self._query.newest_first
            final = instants > before.last_unix_nano if newest_first else instants < before.first_unix_nano
            if np.count_nonzero(final) < min(CHUNK_ROWS, self._left or CHUNK_ROWS):
                self._pending = [hits]
                return
            self._pending = [hits.filter(pa.array(~final))]
            hits = hits.filter(pa.array(final))
        else:
            self._pending = []
        direction: Literal["ascending", "descending"] = (
            "descending" if self._query.newest_first else "ascending"
        )
        hits = hits.sort_by([(INSTANT, direction), (_FILE, "ascending"), (ROW, "ascending")])
        for chunk in self._folded(hits):
            table = self._fetch(chunk if self._left is None else chunk.slice(0, self._left), self._schema)[0]
            if self._left is not None:
                self._left -= table.num_rows
            if table.num_rows:
                yield table
            if self._left == 0:
                return

    def _folded(self, hits: pa.Table) -> Iterator[pa.Table]:
        """The hits in chunks, without copies."""
        counts: Any = pc.value_counts(hits[RECORD_ID].combine_chunks())
        repeated = counts.field("values").filter(pc.greater(counts.field("counts"), pa.scalar(1, pa.int64())))
        seen: set[tuple[object, object]] = set()
        for start in range(0, hits.num_rows, CHUNK_ROWS):
            chunk = hits.slice(start, CHUNK_ROWS)
            if len(repeated):
                suspects = np.flatnonzero(pc.is_in(chunk[RECORD_ID], value_set=repeated).to_numpy())
                chunk = self._without_copies(chunk, suspects, seen)
            yield chunk

    def _without_copies(self, chunk: pa.Table, suspects: Rows, seen: set[tuple[object, object]]) -> pa.Table:
        records, found = self._fetch(chunk.take(suspects), SCHEMA)
        ids = records[RECORD_ID].to_pylist()
        tags = content_tags(records.combine_chunks().to_batches()[0]).to_pylist() if ids else []
        keep = np.ones(chunk.num_rows, bool)
        for row, copy in zip(suspects[found], zip(ids, tags, strict=True), strict=True):
            keep[row] = copy not in seen
            seen.add(copy)
        return chunk.filter(pa.array(keep))

    def _fetch(self, hits: pa.Table, schema: pa.Schema) -> tuple[pa.Table, Rows]:
        """Columns of these rows, in their order, and which of the rows could be read."""
        files, rows = hits[_FILE].to_numpy(), hits[ROW].to_numpy()
        order = np.lexsort((rows, files))
        parts: list[pa.Table] = []
        places: list[Rows] = []
        for group in _runs(files[order]):
            positions = order[group]
            file = self._numbered[int(files[positions[0]])]
            try:
                for part, place in take_rows(self._files.get(file), rows[positions], schema):
                    parts.append(part)
                    places.append(positions[place])
            except IntegrityError as error:
                self._findings.problem(error)
        if not parts:
            return schema.empty_table(), np.empty(0, np.int64)
        positions = np.concatenate(places)
        sorting = np.argsort(positions)
        return pa.concat_tables(parts).take(sorting), positions[sorting]


def _runs(values: Rows) -> Iterator[slice]:
    """Slices of equal neighbours."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return (slice(start, end) for start, end in itertools.pairwise(edges) if end > start)
