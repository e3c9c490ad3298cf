"""The last steps of the path, for one destination: encode, plan, create the objects, create the manifest.

Each step can be taken up again after a crash; ``docs/format.md`` numbers them. Two more objects are made before
the first commit that needs them: the marker that says which format a table has, and the masking policy that
manifests name by its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.partitions import encode_partitions
from otel_audit.errors import Conflict
from otel_audit.mask.policy import MaskPolicy
from otel_audit.seal.manifest import Loss, Manifest, ManifestEntry, Opening, serialise
from otel_audit.seal.merkle import MerkleTree
from otel_audit.seal.times import timestamp
from otel_audit.spool import Commit, Draft, PlannedFile, Slot
from otel_audit.spool.files import explain
from otel_audit.store.base import Store
from otel_audit.store.layout import LogFile, ManifestFile, PolicyFile, StreamMarker
from otel_audit.store.layout import parse as parse_path
from otel_audit.store.names import FileName, Partition, TableName, WriterName
from otel_audit.store.open import open_store
from otel_audit.store.url import parse_url

_log = logging.getLogger(__name__)

_REVISIONS: Final = 99
"""Corrupted uploads of one file that are stepped around before somebody has to look."""


class Destination:
    """One place where streams are written, and the steps that bring commits there. Not thread-safe.

    Args:
        url: folder or URL.
        formats: how the files of each stream are written here.
        policy: the masking policy in force, to be kept beside the records.
    """

    def __init__(self, url: str, formats: Mapping[str, EncodeOptions], policy: MaskPolicy) -> None:
        self._where = parse_url(url)
        self.url = str(self._where)
        self.id = destination_id(url)
        self._formats = formats
        self._policy = policy
        self._store: Store | None = None
        self._tables: dict[str, TableName] = {}
        self._policy_is_there = False

    def ship(self, slot: Slot) -> int:
        """Bring everything sealed to the destination. Returns how many commits were made.

        Raises:
            StoreError: a step did not go through; calling again takes it up where it stopped.
            SpoolError: the disk refused, likewise.
        """
        outbox = slot.outbox(self.id)
        made = 0
        for draft in outbox.drafts():
            self._encode(draft)
        for commit in outbox.commits():
            self._commit(commit)
            made += 1
        return made

    def close(self) -> None:
        """Give back connections."""
        if self._store is not None:
            self._store.close()

    def _encode(self, draft: Draft) -> None:
        """Step 3: one file for each hour, then the plan."""
        form = self._formats[draft.stream]
        table = self._table(draft.stream, form)
        hashes = MerkleTree()
        policy = ""

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal policy
            for batch in draft.batches():
                hashes.extend(batch.record_hashes.to_pylist())  # type: ignore[arg-type]  # none is null
                policy = policy or pc.struct_field(batch.records.column("masking"), "policy")[0].as_py()
                yield batch.records

        with explain("encode a segment"):
            encoded = encode_partitions(
                batches(),
                form.format,
                form.compression,
                open_sink=lambda number: draft.create_file(f"{number:04d}"),
            )
        files = [
            PlannedFile(
                path=LogFile(
                    table,
                    Partition(file.hours),
                    FileName(draft.writer, draft.commit, number, file.sha256[:12], file.extension),
                ).path,
                local=f"{number:04d}",
                format=form.format,
                compression=form.compression,
                rows=file.rows,
                size=file.size,
                sha256=file.sha256,
                min_time_unix_nano=file.min_time_unix_nano,
                max_time_unix_nano=file.max_time_unix_nano,
            )
            for number, file in enumerate(encoded)
        ]
        draft.plan(files, records_root=hashes.records_root, masking_policy=policy)

    def _commit(self, commit: Commit) -> None:
        """Steps 4 to 6: the objects, then the manifest."""
        self._keep_policy()
        for file in commit.files:
            self._create(commit, file)
        if commit.manifest is None:
            commit.write_manifest(serialise(_manifest(commit)))
        content = commit.manifest
        assert content is not None  # noqa: S101  written above
        path = ManifestFile(WriterName.parse(commit.plan.writer), commit.plan.commit).path
        self._store_now().create(path, content, sha256=hashlib.sha256(content).hexdigest())
        commit.done()

    def _create(self, commit: Commit, file: PlannedFile) -> None:
        """Create one data object; beside a corrupted upload if one is in its place."""
        for _ in range(_REVISIONS):
            try:
                self._store_now().create(file.path, commit.local_path(file), sha256=file.sha256)
            except Conflict:
                _log.error("an object of another content is in the place of a file; writing beside it")
                file = commit.replace_path(file, _beside(file.path))
            else:
                return
        raise Conflict("every revision of a file is taken", path=file.path)

    def _table(self, stream: str, form: EncodeOptions) -> TableName:
        """The table of a stream that has our format: the first whose marker is ours or can be made."""
        if stream not in self._tables:
            edition = 1
            while True:
                table = TableName(stream, edition)
                try:
                    self._create_json(
                        StreamMarker(table).path,
                        {"format": form.format, "stream": stream, "table": f"log/{table}"},
                    )
                except Conflict:
                    edition += 1
                else:
                    break
            self._tables[stream] = table
        return self._tables[stream]

    def _keep_policy(self) -> None:
        if not self._policy_is_there:
            path = PolicyFile(self._policy.fingerprint.removeprefix("sha256:")).path
            self._store_now().create(
                path, self._policy.content, sha256=hashlib.sha256(self._policy.content).hexdigest()
            )
            self._policy_is_there = True

    def _create_json(self, path: str, value: Mapping[str, Any]) -> None:
        content = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        self._store_now().create(path, content, sha256=hashlib.sha256(content).hexdigest())

    def _store_now(self) -> Store:
        # The client is loaded at the first upload, in the shipper's thread: it brings ssl and half a second.
        if self._store is None:
            self._store = open_store(self._where)
        return self._store


def destination_id(url: str) -> str:
    """The name of a destination's outbox: the same for the same place, and safe in a path."""
    where = parse_url(url)
    return f"{where.scheme.value}-{hashlib.sha256(str(where).encode()).hexdigest()[:16]}"


def _beside(path: str) -> str:
    place = parse_path(path)
    assert isinstance(place, LogFile)  # noqa: S101  plans hold nothing else
    name = place.name
    revised = FileName(name.writer, name.commit, name.number, name.digest, name.extension, name.revision + 1)
    return LogFile(place.table, place.partition, revised).path


def _manifest(commit: Commit) -> Manifest:
    plan = commit.plan
    opens = plan.opens
    return Manifest(
        kind=plan.kind,
        writer=plan.writer,
        commit=plan.commit,
        previous=commit.previous,
        stream=plan.stream,
        first_sequence=plan.first_sequence,
        last_sequence=plan.last_sequence,
        records_root=plan.records_root,
        schema_version=plan.schema_version,
        masking_policy=plan.masking_policy,
        files=tuple(
            ManifestEntry(
                path=file.path,
                format=file.format,
                compression=file.compression,
                rows=file.rows,
                bytes=file.size,
                sha256=file.sha256,
                min_timestamp=timestamp(file.min_time_unix_nano),
                max_timestamp=timestamp(file.max_time_unix_nano),
            )
            for file in plan.files
        ),
        losses=tuple(
            Loss(
                cause=loss.cause,
                count=loss.count,
                from_=timestamp(loss.from_unix_nano),
                to=timestamp(loss.to_unix_nano),
            )
            for loss in plan.losses
        ),
        opens=None if opens is None else Opening(**opens),
        closes=plan.closes,
        created_at=timestamp(time.time_ns()),
    )
