"""Step 3 of a commit: a draft becomes files in the outbox and a plan. Needs no network."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.encode.options import EncodeOptions
from otel_audit.encode.partitions import encode_partitions
from otel_audit.seal.merkle import MerkleTree
from otel_audit.spool import Draft, PlannedFile
from otel_audit.spool.explain import explain
from otel_audit.store.layout import LogFile
from otel_audit.store.names import FileName, Partition, TableName


def encode(draft: Draft, form: EncodeOptions, table: TableName) -> None:
    """Encode a draft, one file for each hour that it touches, and plan it.

    Args:
        draft: what is encoded.
        form: how.
        table: the table that the paths name.

    Raises:
        SpoolCorrupt: a frame cannot be read back; the next draft is what is good.
        SpoolError: the disk refused; the draft is offered again.
    """
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
