"""Logs for tests of the read side, made of the parts that the write path is made of.

:func:`record` gives a plain record, :class:`LogWriter` commits records as the write path does: digests, one
file an hour, objects, manifest.
"""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.partitions import encode_partitions
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.canonical import digest
from otel_audit.record.notes import OBSERVED, PARTITIONED_BY
from otel_audit.record.schema import SCHEMA
from otel_audit.seal.manifest import Manifest, ManifestEntry, Opening, fingerprint, serialise
from otel_audit.seal.merkle import MerkleTree
from otel_audit.seal.times import timestamp
from otel_audit.store.base import Store
from otel_audit.store.layout import (
    FileName,
    LogFile,
    ManifestFile,
    Partition,
    PolicyFile,
    StreamMarker,
    TableName,
    WriterName,
)

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
EIGHTEEN = 1_795_284_000 * SECOND
"""2026-11-21T18:00:00Z"""

POLICY_CONTENT = MaskPolicy().content
POLICY = MaskPolicy().fingerprint

Record = dict[str, Any]


class Sink(io.BytesIO):
    """Keeps its bytes when it is closed."""

    content = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()

    def __enter__(self) -> Sink:
        return self


def record(at: int = EIGHTEEN, **fields: Any) -> Record:
    """A record whose id follows from what it says."""
    believed = not fields.pop("not_believed", False)
    observed = fields.pop("observed", at + SECOND)
    seed = json.dumps([at, fields], sort_keys=True, default=str)
    attributes = dict(fields.pop("attributes", {}))
    if not believed:
        attributes[PARTITIONED_BY] = OBSERVED
    made: Record = {
        "recordId": str(uuid.uuid5(uuid.NAMESPACE_OID, seed)),
        "schemaVersion": "1",
        "stream": "platform",
        "eventName": "http.server",
        "timeUnixNano": at,
        "observedTimeUnixNano": observed,
        "durationNs": 1_500_000,
        "tenant": "default",
        "user": {"id": "u1", "type": "user", "assurance": "claimed"},
        "action": "GET",
        "outcome": "success",
        "target": {"type": "route", "id": "/orders"},
        "returnCode": 200,
        "attributes": json.dumps(attributes, separators=(",", ":")) if attributes else None,
    } | fields
    made["timestamp"], made["observedTimestamp"] = at // 1000, observed // 1000
    return made


def as_batch(records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    columns = [pa.array([one.get(column.name) for one in records], column.type) for column in SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


@dataclass
class LogWriter:
    """One writer of one stream."""

    store: Store
    stream: str = "platform"
    options: EncodeOptions = field(default_factory=EncodeOptions)
    service: str = "shop"
    opened: date = date(2026, 11, 21)
    edition: int = 1

    def __post_init__(self) -> None:
        self.name = WriterName.new(self.service, self.opened)
        self.commits = 0
        self._previous: str | None = None
        self._sequence = 0
        marker = StreamMarker(TableName(self.stream, self.edition))
        create(self.store, marker.path, b'{"format":"%b"}' % self.options.format.encode())
        create(self.store, PolicyFile(POLICY.removeprefix("sha256:")).path, POLICY_CONTENT)

    def commit(self, records: Sequence[Record], *, leave_out_manifest: bool = False) -> list[str]:
        """Commit records; returns the paths of their files."""
        self.commits += 1
        first = self._sequence + 1
        self._sequence += len(records)
        numbered = [
            {"stream": self.stream, **one, "writer": str(self.name), "sequence": first + place}
            | {"stream": self.stream}
            for place, one in enumerate(records)
        ]
        salts = hashlib.shake_256(str(self.name).encode()).digest(32 * len(records))
        digested = digest(as_batch(numbered), salts)
        sinks: list[Sink] = []

        def open_sink(number: int) -> Sink:
            sinks.append(Sink())
            return sinks[number]

        rows = self.options.row_group_rows
        slices = [digested.records.slice(start, rows) for start in range(0, len(records), rows)]
        encoded = encode_partitions(
            slices,
            self.options.format,
            self.options.compression,
            open_sink=open_sink,
            options=self.options,
        )
        entries = []
        for number, (file, sink) in enumerate(zip(encoded, sinks, strict=True)):
            name = FileName(self.name, self.commits, number, file.sha256[:12], file.extension)
            path = LogFile(TableName(self.stream, self.edition), Partition(file.hours), name).path
            create(self.store, path, sink.content)
            entries.append(
                ManifestEntry(
                    path=path,
                    format=self.options.format,
                    compression=self.options.compression,
                    rows=file.rows,
                    bytes=file.size,
                    sha256=file.sha256,
                    min_timestamp=timestamp(file.min_time_unix_nano),
                    max_timestamp=timestamp(file.max_time_unix_nano),
                )
            )
        tree = MerkleTree()
        tree.extend(digested.record_hashes.to_pylist())
        content = serialise(
            Manifest(
                kind="commit",
                writer=str(self.name),
                commit=self.commits,
                previous=self._previous,
                stream=self.stream,
                first_sequence=first,
                last_sequence=self._sequence,
                records_root=tree.records_root,
                schema_version="1.0",
                masking_policy=POLICY,
                files=tuple(entries),
                opens=_OPENING if self.commits == 1 else None,
                created_at=timestamp(EIGHTEEN),
            )
        )
        self._previous = fingerprint(content)
        if not leave_out_manifest:
            create(self.store, self.manifest_path(self.commits), content)
        return [entry.path for entry in entries]

    def manifest_path(self, commit: int) -> str:
        return ManifestFile(self.name, commit).path


_OPENING = Opening(
    host="host",
    service="shop",
    versions={},
    delivery="blocking",
    config_fingerprint="sha256:" + "0" * 64,
    predecessor=None,
)


def create(store: Store, path: str, content: bytes) -> None:
    store.create(path, content, sha256=hashlib.sha256(content).hexdigest())
