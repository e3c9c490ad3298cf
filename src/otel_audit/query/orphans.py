"""Data files that no commit will ever list: what a crash between an upload and its manifest can leave.

A file is an orphan when no manifest lists it, its chain has gone past its commit or its writer is closed, and
it is older than 24 h. Its rows count nowhere. Whoever may delete can remove it; the log never does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from otel_audit.errors import InputError
from otel_audit.query.findings import Findings
from otel_audit.query.manifests import ManifestReader
from otel_audit.seal.manifest import Manifest
from otel_audit.store.base import ObjectInfo, Store
from otel_audit.store.layout import LogFile, ManifestFile, WriterName, parse

__all__ = ["PATIENCE_S", "Orphan", "find_orphans"]

PATIENCE_S: Final = 24 * 3600

_MANIFESTS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Orphan:
    """One such file.

    Attributes:
        path: relative to the destination.
        size: bytes.
        age_s: seconds since it was created.
        reason: ``commit lists another file``, ``chain has gone past`` or ``writer is closed``.
    """

    path: str
    size: int
    age_s: float
    reason: str


def find_orphans(
    store: Store, *, clock: Callable[[], int] = time.time_ns, patience_s: float = PATIENCE_S
) -> Iterator[Orphan]:
    """Look at every data file and every manifest of a destination.

    Args:
        store: the destination.
        clock: nanoseconds since the epoch, now.
        patience_s: age from which a file counts, seconds.

    Raises:
        IntegrityError: a manifest cannot be read.
        StoreError: the destination cannot be listed or read.
    """
    files: dict[ManifestFile, list[tuple[LogFile, ObjectInfo]]] = {}
    chains: dict[WriterName, int] = {}
    for info in store.list(""):
        try:
            place = parse(info.path)
        except InputError:
            continue
        if isinstance(place, LogFile):
            files.setdefault(place.manifest, []).append((place, info))
        elif isinstance(place, ManifestFile):
            chains[place.writer] = max(place.commit, chains.get(place.writer, 0))
    reader = ManifestReader(store, Findings())
    last = reader.read(ManifestFile(writer, commit) for writer, commit in chains.items())
    closed = {file.writer for file, manifest in last.items() if manifest.closes}
    wanted = sorted(files)
    for start in range(0, len(wanted), _MANIFESTS_AT_ONCE):
        some = wanted[start : start + _MANIFESTS_AT_ONCE]
        manifests = reader.read(some)
        for commit in some:
            reason = _reason(commit, manifests.get(commit), chains, closed)
            listed = {entry.path for entry in manifests[commit].files} if commit in manifests else set()
            for place, info in files[commit]:
                if reason is None or place.path in listed:
                    continue
                age_s = (clock() - store.created(place.path)) / 1e9
                if age_s > patience_s:
                    yield Orphan(place.path, info.size, age_s, reason)


def _reason(
    commit: ManifestFile, manifest: Manifest | None, chains: dict[WriterName, int], closed: set[WriterName]
) -> str | None:
    """Why a file of this commit that is not listed never will be; None if it may be yet."""
    if manifest is not None:
        return "its commit lists another file"
    if commit.commit < chains.get(commit.writer, 0):
        return "its chain has gone past"
    if commit.writer in closed:
        return "its writer is closed"
    return None
