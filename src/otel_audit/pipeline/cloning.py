"""A writer that somebody else goes on with, since the spool was copied: a snapshot restored, a volume cloned.

It shows when a manifest exists with other bytes. Up to where both say the same, what the other side has committed
is ours too: the same records, under the same numbers, proved by the same root. From there on the chain is theirs,
and what they have not committed gets new numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pyarrow as pa
from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_NAME

from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.errors import InputError, IntegrityError
from otel_audit.record.canonical import record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.seal.manifest import Manifest, parse
from otel_audit.store.base import Store

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
        return LogData(
            name=CONFLICT_EVENT,
            time_unix_nano=self.at_unix_nano,
            observed_unix_nano=self.at_unix_nano,
            trace_id="",
            span_id="",
            body=None,
            attributes={
                "audit.action": "FORK",
                "audit.outcome": "failure",
                "audit.actor.id": service,
                "audit.actor.type": "system",
                "audit.conflict.kind": "writer",
                "audit.conflict.writer": self.writer,
                "audit.conflict.stream": self.stream,
                "audit.conflict.commit": self.commit,
            },
            resource=ResourceData({SERVICE_NAME: service}),
            is_own=True,
        )


@dataclass(frozen=True, slots=True)
class Contest:
    """A chain at a destination that is somebody else's from one commit on.

    Attributes:
        theirs: their manifest under that number; None if it cannot be read.
    """

    theirs: Manifest | None


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
