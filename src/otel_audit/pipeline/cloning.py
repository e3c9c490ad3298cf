"""A writer that somebody else goes on with, since the spool was copied: a snapshot restored, a volume cloned.

It shows when a manifest exists with other bytes. Up to where both say the same, what the other side has committed
is ours too: the same records, under the same numbers, proved by the same root. From there on the chain is theirs,
and what they have not committed gets new numbers.
"""

from __future__ import annotations

import io
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from otel_audit.convert.own_events import own_word
from otel_audit.convert.spans import Attributes, LogData
from otel_audit.errors import Conflict, InputError, IntegrityError
from otel_audit.record.canonical import record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.seal.manifest import Manifest, parse
from otel_audit.spool import Commit, Slot
from otel_audit.store.base import Store

_log = logging.getLogger(__name__)

CONFLICT_EVENT = "audit.conflict"


@dataclass(frozen=True, slots=True)
class Cloned:
    """A writer of which a copy numbers records too.

    Attributes:
        writer: its name.
        stream: which stream it numbers.
        commit: the first commit that both made.
        at_unix_nano: when that was seen.
    """

    writer: str
    stream: str
    commit: int
    at_unix_nano: int

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        said: Attributes = {
            "audit.conflict.kind": "writer",
            "audit.conflict.writer": self.writer,
            "audit.conflict.stream": self.stream,
            "audit.conflict.commit": self.commit,
        }
        return own_word(CONFLICT_EVENT, "FORK", said, service=service, at_unix_nano=self.at_unix_nano)


@dataclass(frozen=True, slots=True)
class Contest:
    """A chain at a destination that is somebody else's from one commit on.

    Attributes:
        theirs: their manifest under that number; None if it cannot be read.
    """

    theirs: Manifest | None


class Clones:
    """What one destination tells of copied spools. One thread compares, another settles.

    Args:
        destination: id of the destination.
        store: opens it, or gives what is open.
    """

    def __init__(self, destination: str, store: Callable[[], Store]) -> None:
        self._destination, self._store = destination, store
        self._news: deque[Cloned] = deque()
        self._contests: dict[str, Contest] = {}

    def __bool__(self) -> bool:
        return bool(self._news or self._contests)

    @property
    def has_contests(self) -> bool:
        """Whether some chain waits for :meth:`settle`."""
        return bool(self._contests)

    def is_contested(self, writer: str) -> bool:
        """Whether a writer's chain is somebody else's from its next commit on."""
        return writer in self._contests

    def compare(self, commit: Commit, ours: bytes, *, path: str) -> None:
        """Take over a manifest that is there and says the same as ours.

        Args:
            commit: whose manifest could not be created.
            ours: its bytes.
            path: where the other is.

        Raises:
            Conflict: it says something else; :meth:`settle` has to act.
            StoreError: it could not be read.
        """
        theirs = self._store().read(path)
        plan = commit.plan
        self._news.append(Cloned(plan.writer, plan.stream, plan.commit, time.time_ns()))
        found = contest(ours, theirs, path=path)
        if found is not None:
            self._contests[plan.writer] = found
            raise Conflict("a copy of this writer goes on with its chain", path=path)
        commit.adopt_manifest(theirs)

    def settle(self, slot: Slot, opens: Mapping[str, Any]) -> list[Cloned]:
        """Stop writers of which a copy goes on elsewhere, and number anew what only we have.

        For the thread that encodes.

        Args:
            slot: whose writers.
            opens: what the first manifests of new ones say.

        Returns:
            Those that nobody knew of yet.

        Raises:
            StoreError: what the other side has committed could not be read.
            SpoolError: the disk refused. Calling again takes it up where it stopped.
        """
        unknown = []
        while self._news:
            if slot.stop(self._news[0].writer):
                unknown.append(self._news[0])
            self._news.popleft()
        for writer, found in tuple(self._contests.items()):
            theirs = {} if found.theirs is None else committed(self._store(), found.theirs)
            records = slot.moves.fork(opens, destination=self._destination, writer=writer, committed=theirs)
            _log.error("%s was copied; %d records got new numbers at %s", writer, records, self._store().url)
            del self._contests[writer]
        return unknown


def contest(ours: bytes, theirs: bytes, *, path: str) -> Contest | None:
    """Judge two manifests of one number.

    Args:
        ours: bytes of the one that we were to create.
        theirs: bytes of the one that is there.
        path: where.

    Returns:
        None if both say the same of the same records.
    """
    mine = parse(ours, path=path)
    try:
        other = parse(theirs, path=path)
    except (InputError, IntegrityError):
        return Contest(None)
    return None if _said(mine) == _said(other) else Contest(other)


def committed(store: Store, manifest: Manifest) -> dict[int, bytes]:
    """Record hash by sequence of the records of a commit.

    Raises:
        StoreError: a file could not be read.
        InputError: a file is broken.
    """
    hashes: dict[int, bytes] = {}
    for file in manifest.files:
        content = store.read(file.path)
        batches = (
            read_parquet(io.BytesIO(content))
            if file.format == "parquet"
            else read_ndjson(content, file.compression)
        )
        for batch in batches:
            hashes |= _by_sequence(batch)
    return hashes


def _by_sequence(batch: pa.RecordBatch) -> dict[int, bytes]:
    sequences: list[int] = batch.column("sequence").to_pylist()  # type: ignore[assignment]  # never null
    hashes: list[bytes] = record_hashes(batch).to_pylist()  # type: ignore[assignment]  # never null
    return dict(zip(sequences, hashes, strict=True))


def _said(manifest: Manifest) -> tuple[object, ...]:
    """What a manifest says of records, without how and when they were written."""
    return (
        manifest.kind,
        manifest.previous,
        manifest.first_sequence,
        manifest.last_sequence,
        manifest.records_root,
        manifest.closes,
    )
