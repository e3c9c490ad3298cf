"""The plan of a commit: what will be created at a destination, fixed before the first object is.

A plan is written once its files are encoded and durable. After it nothing is encoded again, since gzip and
Parquet bytes are not reproducible over versions: whoever takes the work up later creates the same bytes under
the same names.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from otel_audit.shapes import ready_to_read

__all__ = ["PLAN_VERSION", "Kind", "Loss", "Plan", "PlannedFile"]

PLAN_VERSION: Final = 1

Kind = Literal["commit", "gap", "heartbeat"]
"""What a manifest says: records, that records are lost, or that there is nothing new."""


class PlannedFile(msgspec.Struct, frozen=True, rename="camel"):
    """One encoded file of a commit.

    Attributes:
        path: object path, relative to the destination.
        local: its name in the commit's folder of the outbox.
        format: ``parquet`` or ``ndjson``.
        compression: ``zstd`` or ``gzip``.
        rows: records in it.
        size: bytes.
        sha256: of those bytes, 64 lower-case hex digits.
        min_time_unix_nano: earliest ``timeUnixNano`` in it.
        max_time_unix_nano: latest one.
    """

    path: str
    local: str
    format: str
    compression: str
    rows: int
    size: int
    sha256: str
    min_time_unix_nano: int
    max_time_unix_nano: int


class Loss(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Records that are known to be lost.

    Attributes:
        cause: short name from a closed set.
        count: how many; None where that is not known.
        from_unix_nano: not before this instant, nanoseconds since the epoch.
        to_unix_nano: not after this one.
        destination: its URL, where others have the records; None, and not written, where they are lost to all or
            who lost them is plain.
    """

    cause: str
    count: int | None
    from_unix_nano: int
    to_unix_nano: int
    destination: str | None = None

    def plus(self, other: Loss) -> Loss:
        """Both as one loss of this cause and destination."""
        return Loss(
            self.cause,
            None if self.count is None or other.count is None else self.count + other.count,
            min(self.from_unix_nano, other.from_unix_nano),
            max(self.to_unix_nano, other.to_unix_nano),
            self.destination,
        )


@ready_to_read
class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """What one manifest will say, but ``previous`` and ``createdAt``.

    Attributes:
        kind: ``commit``; ``gap`` when none of the range could be read; ``heartbeat`` without a range.
        writer: whose records.
        stream: which stream they are of.
        commit: number in the chain of this writer at this destination, from 1.
        first_sequence: first of the range.
        last_sequence: last of the range; ``first_sequence - 1`` for a heartbeat.
        records_root: Merkle root of the record hashes, ``sha256:<hex>``; None without records.
        schema_version: minor version of the record schema.
        masking_policy: fingerprint, ``sha256:<hex>``; None without records.
        files: what is to be created before the manifest.
        losses: what the manifest says is lost.
        opens: how the writer was opened; in its first commit only.
        closes: whether it is the writer's last commit.
        plan_version: of this file's form.
    """

    kind: Kind
    writer: str
    stream: str
    commit: int
    first_sequence: int
    last_sequence: int
    records_root: str | None
    schema_version: str
    masking_policy: str | None
    files: tuple[PlannedFile, ...]
    losses: tuple[Loss, ...]
    opens: dict[str, Any] | None
    closes: bool
    plan_version: int = PLAN_VERSION

    @property
    def records(self) -> int:
        """Sequences in the range."""
        return self.last_sequence - self.first_sequence + 1

    def as_gap(self, cause: str) -> Plan:
        """The same place in the chain, which says that its records are lost."""
        begin = min((file.min_time_unix_nano for file in self.files), default=0)
        end = max((file.max_time_unix_nano for file in self.files), default=begin)
        return msgspec.structs.replace(
            self,
            kind="gap",
            records_root=None,
            masking_policy=None,
            files=(),
            losses=(*self.losses, Loss(cause, self.records, begin, end)),
        )
