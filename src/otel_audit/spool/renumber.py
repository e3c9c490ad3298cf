"""Records under new numbers: those that a destination refused, and those of a writer that was cloned.

The new writer is made beside the others under a name that is none, complete with its segments and its close,
and comes into being by one rename. Its identity says where its records come from; whatever is left there goes
afterwards, now or when the slot is next taken. So each record is in one place to be shipped from, always.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from otel_audit.errors import InputError, SpoolCorrupt
from otel_audit.record.canonical import record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.spool.files import Files
from otel_audit.spool.frame import NumberedBatch, encode
from otel_audit.spool.open_segment import OpenSegment
from otel_audit.spool.plan import Plan
from otel_audit.spool.premises import Premises
from otel_audit.spool.writer_state import Origin, WriterState
from otel_audit.spool.writers import Writers
from otel_audit.store.names import WriterName

__all__ = ["records_of", "renumber"]

_SEGMENT_BYTES: Final = 128 << 20
"""A commit of such a writer is as large as others: frames are not compressed."""

_FRAME_BYTES: Final = 8 << 20


def records_of(files: Files, folder: Path, plan: Plan) -> Iterator[NumberedBatch]:
    """The records of a planned commit, from its encoded files.

    Args:
        files: the file system.
        folder: where the files are.
        plan: of the commit.

    Raises:
        SpoolCorrupt: a file is gone or not what was encoded.
        OSError: the disk refused.
    """
    for file in plan.files:
        path = folder / file.local
        try:
            content = files.read(path)
        except FileNotFoundError as error:
            raise SpoolCorrupt("the file is gone", path=str(path)) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise SpoolCorrupt("is not what was encoded", path=str(path))
        try:
            is_parquet = file.format == "parquet"
            for batch in read_parquet(content) if is_parquet else read_ndjson(content, file.compression):
                yield NumberedBatch(batch, record_hashes(batch).cast(pa.binary(32)))
        except InputError as error:
            raise SpoolCorrupt("cannot be read", path=str(path)) from error


def renumber(
    premises: Premises,
    writers: Writers,
    batches: Iterable[NumberedBatch],
    *,
    stream: str,
    origin: Origin,
    opens: Mapping[str, Any],
) -> WriterState | None:
    """Give records new numbers: a new, closed writer for the destination that they come from.

    Args:
        premises: the slot.
        writers: its writers.
        batches: the records; their old writer and sequence are not kept.
        stream: which stream they are of.
        origin: where they come from; the caller frees it.
        opens: what the first manifest of the new writer says of its opening.

    Returns:
        The writer, durable with all records; None if there were none.

    Raises:
        OSError: nothing has changed; what was begun is removed when the slot is next taken.
        SpoolCorrupt: likewise.
    """
    files, now = premises.files, premises.clock_unix_nano()
    name = WriterName.new(premises.service, datetime.fromtimestamp(now // 10**9, UTC).date())
    staged = writers.stage(
        name,
        stream=stream,
        origin=origin,
        opened_at_unix_nano=now,
        opens={**opens, "predecessor": origin.writer},
    )
    _write(files, staged, batches)
    if staged.next_sequence == 1:
        files.remove_tree(staged.folder)
        return None
    admitted = writers.admit(staged)
    premises.budget.add(sum(each.size for each in admitted.segments))
    return admitted


def _write(files: Files, staged: WriterState, batches: Iterable[NumberedBatch]) -> None:
    """Write records to segments of a staged writer: durable on return."""
    segment: OpenSegment | None = None
    try:
        for batch in batches:
            if segment is None or segment.size >= _SEGMENT_BYTES:
                _finish(segment)
                segment = OpenSegment(
                    files, staged.folder, ordinal=staged.next_ordinal, first_sequence=staged.next_sequence
                )
                staged.next_ordinal += 1
            first = staged.next_sequence
            frames = encode(batch, writer=str(staged.name), first_sequence=first, max_bytes=_FRAME_BYTES)
            segment.append(list(frames))
            staged.next_sequence += len(batch)
        _finish(segment)
    finally:
        if segment is not None:
            segment.close()


def _finish(segment: OpenSegment | None) -> None:
    if segment is not None:
        segment.sync()
        segment.close()
