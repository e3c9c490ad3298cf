"""The names in a destination, as far as a query needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from otel_audit.errors import InputError
from otel_audit.query.findings import Findings
from otel_audit.query.request import Query
from otel_audit.query.tables import stream_tables
from otel_audit.store.base import ObjectInfo, Store
from otel_audit.store.layout import (
    LogFile,
    ManifestFile,
    Partition,
    log_prefix,
    manifests_prefix,
    parse,
)

READ_WHOLE: Final = 1_000
"""Up to so many manifests a log is known whole before its first record is read: some seconds on a bucket."""

_DAYS_LISTED_ONE_BY_ONE: Final = 62
"""A longer window lists the whole table: a request a day would cost more than the names it spares."""

_FOREIGN_NAMED: Final = 20
"""Foreign objects that are named one by one; the rest is counted."""

_NANOSECONDS_PER_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """Names of a destination.

    Attributes:
        files: data files of the wanted streams by partition, in the order of partitions.
        days: first and last day whose partitions were listed; None: all were.
        manifests: every manifest; None: there are more than :data:`READ_WHOLE`.
    """

    files: dict[Partition, dict[LogFile, ObjectInfo]]
    days: tuple[date, date] | None
    manifests: frozenset[ManifestFile] | None

    def covers(self, partition: Partition) -> bool:
        """Whether a file of that partition would be in ``files`` if it were there."""
        return self.days is None or self.days[0] <= partition.day <= self.days[1]


def list_destination(store: Store, query: Query, findings: Findings, *, now_unix_nano: int) -> Listing:
    """List what a query needs; foreign objects met on the way become warnings.

    A window of days lists those days' partitions; any other query lists the whole destination.

    Raises:
        StoreError: the destination cannot be listed.
    """
    days = _days(query, now_unix_nano)
    files: list[tuple[LogFile, ObjectInfo]] = []
    manifests: set[ManifestFile] = set()
    foreign: list[str] = []
    for info in store.list("") if days is None else _window(store, query, days):
        try:
            location = parse(info.path)
        except InputError:
            foreign.append(info.path)
            continue
        if isinstance(location, LogFile) and location.table.stream in query.streams:
            files.append((location, info))
        elif isinstance(location, ManifestFile) and len(manifests) <= READ_WHOLE:
            manifests.add(location)
    _warn_of_foreign(foreign, findings)
    grouped: dict[Partition, dict[LogFile, ObjectInfo]] = {}
    for location, info in sorted(files, key=lambda found: found[0].partition):
        grouped.setdefault(location.partition, {})[location] = info
    return Listing(grouped, days, frozenset(manifests) if len(manifests) <= READ_WHOLE else None)


def _days(query: Query, now_unix_nano: int) -> tuple[date, date] | None:
    """First and last day to list; None: all of them."""
    if query.start_unix_nano is None:
        return None
    # Nothing but history that was loaded on purpose is filed further ahead than an hour.
    end = now_unix_nano + 86_400 * _NANOSECONDS_PER_SECOND
    if query.end_unix_nano is not None:
        end = query.end_unix_nano - 1
    first, last = _day(query.start_unix_nano), _day(max(end, query.start_unix_nano))
    return (first, last) if (last - first).days < _DAYS_LISTED_ONE_BY_ONE else None


def _day(unix_nano: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_nano // _NANOSECONDS_PER_SECOND)).date()


def _window(store: Store, query: Query, days: tuple[date, date]) -> Iterator[ObjectInfo]:
    for table in stream_tables(store, query.streams):
        day = days[0]
        while day <= days[1]:
            yield from store.list(log_prefix(table, day))
            day += timedelta(days=1)
    for count, info in enumerate(store.list(manifests_prefix())):
        yield info
        if count > READ_WHOLE:
            return


def _warn_of_foreign(paths: list[str], findings: Findings) -> None:
    for path in paths[:_FOREIGN_NAMED]:
        findings.warn(f"{path} is not part of the log; left alone")
    if len(paths) > _FOREIGN_NAMED:
        findings.warn(f"{len(paths) - _FOREIGN_NAMED} more objects are not part of the log")
