"""From a planned commit to its manifest."""

from __future__ import annotations

import time

from otel_audit.seal.manifest import Loss, Manifest, ManifestEntry, Opening
from otel_audit.seal.times import timestamp
from otel_audit.spool import Commit


def manifest_of(commit: Commit) -> Manifest:
    """What a commit's manifest says, written now.

    Raises:
        SpoolError: the commit before it is not done.
    """
    plan = commit.plan
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
        opens=None if plan.opens is None else Opening(**plan.opens),
        closes=plan.closes,
        created_at=timestamp(time.time_ns()),
    )
