"""Which files of a destination hold records that a reader wants.

Rules:

1. A file counts when its manifest, whose path its name tells, lists it with the size it has. How many rows it
   has is checked when it is opened; its SHA-256 is the business of verification.
2. A file that no manifest lists is about to be committed or never will be: it is skipped, silently for
   :data:`PATIENCE_S`, then with a warning.
3. A file that a manifest lists and that is not there, or has another size, is a broken promise.
4. Files are chosen by the first and last timestamp in their manifest. A record whose time was not believed is
   filed under the hour in which it was observed, so that a file's timestamps may lie outside its partition;
   such a file is chosen by its hour too.
5. The masking policy that a manifest names is there and is the one named. One that is missing is worth a word;
   another one in its place is a broken promise.

A log of up to :data:`~otel_audit.query.listing.READ_WHOLE` manifests is known whole before its first record
is read: every broken promise is found first, and every timestamp, however far from its partition. Of a longer
one the manifests of the files in the window's partitions are read, hour by hour, together with those of the
commits between them, which must not have lost all their files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from otel_audit.errors import IntegrityError, Missing
from otel_audit.query.findings import Findings
from otel_audit.query.listing import READ_WHOLE, Listing, list_destination
from otel_audit.query.manifests import ManifestReader
from otel_audit.query.request import Query
from otel_audit.record.streams import STREAMS
from otel_audit.seal.manifest import Manifest, ManifestEntry
from otel_audit.store.base import Store
from otel_audit.store.layout import LogFile, ManifestFile, WriterName

PATIENCE_S: Final = 24 * 3600
"""How long a file may wait for its manifest before it is worth a word: its writer may be cut off."""

NANOSECONDS_PER_HOUR: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CommittedFile:
    """A file that a manifest lists and that may hold wanted records. Itself, whatever another one holds.

    Attributes:
        store: where it is.
        location: its parsed path.
        entry: what its manifest says about it.
        first_unix_nano: no wanted record in it comes before this instant.
        last_unix_nano: nor after this one.
        strays: whether it has records whose timestamp lies outside the hour under which they are filed.
    """

    store: Store
    location: LogFile
    entry: ManifestEntry
    first_unix_nano: int
    last_unix_nano: int
    strays: bool

    @property
    def path(self) -> str:
        """Relative to the destination."""
        return self.location.path


class Catalog:
    """The committed files of one destination.

    Args:
        store: the destination.
        findings: takes what is wrong with it.
        streams: which streams are read here; a query's others are elsewhere.
        clock: nanoseconds since the epoch, now.
    """

    def __init__(
        self,
        store: Store,
        findings: Findings,
        *,
        streams: Sequence[str] = STREAMS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._findings, self._streams, self._clock = store, findings, streams, clock
        self._manifests = ManifestReader(store, findings, policies=True)

    def files(self, query: Query) -> Iterator[CommittedFile]:
        """Files that may hold records of the query, by ``first_unix_nano``; newest first by falling
        ``last_unix_nano``. In a long log those with strays may come late.

        Raises:
            IntegrityError: a broken promise, unless the findings keep going.
            StoreError: the destination cannot be read.
        """
        streams = tuple(stream for stream in query.streams if stream in self._streams)
        if not streams:
            return
        query = replace(query, streams=streams)
        listing = list_destination(self._store, query, self._findings, now_unix_nano=self._clock())
        if listing.manifests is not None:
            yield from self._whole(query, listing, listing.manifests)
        else:
            yield from self._hour_by_hour(query, listing)

    def _whole(
        self, query: Query, listing: Listing, known: frozenset[ManifestFile]
    ) -> Iterator[CommittedFile]:
        linked = {location.manifest for group in listing.files.values() for location in group}
        manifests = self._manifests.read(known | linked)
        found = [file for manifest in manifests.values() for file in self._chosen(query, listing, manifest)]
        for group in listing.files.values():
            self._warn_of_unlisted(group, manifests)
        yield from _in_order(found, query)

    def _hour_by_hour(self, query: Query, listing: Listing) -> Iterator[CommittedFile]:
        manifests: dict[ManifestFile, Manifest] = {}
        between = _between(location.manifest for group in listing.files.values() for location in group)
        for manifest in self._manifests.read(between).values():
            # They have no file in the window's partitions, so whatever they promise there is missing.
            list(self._chosen(query, listing, manifest))
        for partition in sorted(listing.files, reverse=query.newest_first):
            group = listing.files[partition]
            wanted = {location.manifest for location in group}
            manifests = {file: manifest for file, manifest in manifests.items() if file in wanted}
            manifests |= self._manifests.read(wanted - manifests.keys())
            self._warn_of_unlisted(group, manifests)
            found = [
                file
                for manifest in manifests.values()
                for file in self._chosen(query, listing, manifest)
                if file.location.partition == partition
            ]
            yield from _in_order(found, query)

    def _chosen(self, query: Query, listing: Listing, manifest: Manifest) -> Iterator[CommittedFile]:
        if manifest.stream not in query.streams:
            return
        for entry in manifest.files:
            file = _file(self._store, query, entry)
            if file is not None and self._is_there(listing, file):
                yield file

    def _is_there(self, listing: Listing, file: CommittedFile) -> bool:
        """Whether the object is there with the size promised; outside what was listed, opening it tells."""
        if not listing.covers(file.location.partition):
            return True
        info = listing.files.get(file.location.partition, {}).get(file.location)
        try:
            # What was created while names were listed may have been committed since.
            size = self._store.size(file.path) if info is None else info.size
        except Missing:
            reason = "its manifest lists it, but it is missing"
        else:
            if size == file.entry.bytes:
                return True
            reason = f"has {size} bytes, its manifest says {file.entry.bytes}"
        self._findings.problem(IntegrityError(reason, path=file.path))
        return False

    def _warn_of_unlisted(self, group: Iterable[LogFile], manifests: dict[ManifestFile, Manifest]) -> None:
        for location in group:
            manifest = manifests.get(location.manifest)
            if manifest is not None and any(entry.path == location.path for entry in manifest.files):
                continue
            age_s = (self._clock() - self._store.created(location.path)) / 1e9
            if age_s > PATIENCE_S:
                age = f"more than {PATIENCE_S // 3600} h old"
                self._findings.warn(f"{location.path} is in no manifest and {age}; its rows do not count")


def _file(store: Store, query: Query, entry: ManifestEntry) -> CommittedFile | None:
    """The file, if it may hold wanted records."""
    location = entry.location
    hour = location.partition.hours * NANOSECONDS_PER_HOUR
    filed = (hour, hour + NANOSECONDS_PER_HOUR - 1)
    stamped = (entry.min_unix_nano, entry.max_unix_nano)
    strays = stamped[0] < filed[0] or stamped[1] > filed[1]
    spans = [span for span in ((stamped, filed) if strays else (stamped,)) if query.overlaps(*span)]
    if not spans:
        return None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    if query.start_unix_nano is not None:
        first = max(first, query.start_unix_nano)
    if query.end_unix_nano is not None:
        last = min(last, query.end_unix_nano - 1)
    return CommittedFile(store, location, entry, first, last, strays)


def _in_order(files: Iterable[CommittedFile], query: Query) -> list[CommittedFile]:
    if query.newest_first:
        return sorted(files, key=lambda file: (-file.last_unix_nano, file.location))
    return sorted(files, key=lambda file: (file.first_unix_nano, file.location))


def _between(linked: Iterable[ManifestFile]) -> set[ManifestFile]:
    """Commits that lie between those named by files, and are not named by any."""
    chains: dict[WriterName, set[int]] = {}
    for file in linked:
        chains.setdefault(file.writer, set()).add(file.commit)
    missing = (
        ManifestFile(writer, commit)
        for writer, commits in chains.items()
        for commit in range(min(commits), max(commits))
        if commit not in commits
    )
    # History that was loaded in any order leaves holes that are none; there are not many otherwise.
    return set(islice(missing, READ_WHOLE))
