"""Manifests: the commits of a log, one chain for each writer at each destination.

Rules, from ``docs/format.md``:

1. The bytes are RFC 8785 JSON (sorted keys, no white space, no line end) and never change. ``previous`` is
   the SHA-256 of the bytes of the manifest before; null in the first.
2. ``commit`` counts from 1. ``firstSequence`` follows the ``lastSequence`` before, and is 1 in the first: a
   hole is always loss or tampering.
3. ``commit`` has records and lists every file of them. ``gap`` says that none of its range can be read.
   ``heartbeat`` has an empty range: its ``lastSequence`` repeats the one before.
4. The first manifest has ``opens``, the last ``"closes":true``, and nothing follows it.
5. A reader refuses a ``manifestVersion``, ``kind`` or entry of ``requires`` that it does not know, and
   ignores other keys that it does not know.

This module does no I/O: one side reads or writes objects, the other judges them here.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal

import msgspec

from otel_audit.errors import InputError, IntegrityError
from otel_audit.seal import rules
from otel_audit.seal.times import unix_nano
from otel_audit.store.layout import LogFile, ManifestFile
from otel_audit.store.layout import parse as parse_path
from otel_audit.store.names import WriterName

__all__ = [
    "MANIFEST_VERSION",
    "Loss",
    "Manifest",
    "ManifestEntry",
    "Opening",
    "fingerprint",
    "parse",
    "serialise",
]

MANIFEST_VERSION: Final = 1

Kind = Literal["commit", "gap", "heartbeat"]
_KINDS: Final = ("commit", "gap", "heartbeat")

_UNDERSTOOD: Final[frozenset[str]] = frozenset()
"""Entries of ``requires`` that this version can honour: none is defined yet."""


class ManifestEntry(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A file of a commit.

    Attributes:
        path: object path, relative to the destination.
        format: ``parquet`` or ``ndjson``.
        compression: ``zstd`` or ``gzip``.
        rows: records in it.
        bytes: its size.
        sha256: of those bytes, 64 lower-case hex digits.
        min_timestamp: earliest event time in it, RFC 3339 with nine digits and ``Z``.
        max_timestamp: latest one.
    """

    path: str
    format: str
    compression: str
    rows: int
    bytes: int
    sha256: str
    min_timestamp: str
    max_timestamp: str

    @property
    def location(self) -> LogFile:
        """Its path, parsed.

        Raises:
            InputError: it is not the path of a log file; never so in a manifest that :func:`parse` gave.
        """
        place = parse_path(self.path)
        if not isinstance(place, LogFile):
            raise InputError("not the path of a log file", source=self.path)
        return place

    @property
    def min_unix_nano(self) -> int:
        """Earliest event time in it, nanoseconds since the epoch."""
        return unix_nano(self.min_timestamp)

    @property
    def max_unix_nano(self) -> int:
        """Latest one."""
        return unix_nano(self.max_timestamp)


class Loss(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Records that are known to be lost.

    Attributes:
        cause: short name from a closed set.
        count: how many; null where that is not known.
        from_: not before this time, RFC 3339 with nine digits and ``Z``; ``from`` in JSON.
        to: not after this one.
    """

    cause: str
    count: int | None
    from_: str = msgspec.field(name="from")
    to: str


class Opening(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How a writer was opened.

    Attributes:
        host: name of the machine.
        service: name of the service.
        versions: of the product and of what it stands on, by name.
        delivery: ``best-effort``, ``blocking`` or ``strict``.
        config_fingerprint: of the effective settings, ``sha256:<hex>``.
        predecessor: the writer that it succeeds; None for the first.
        fork_of: the writer whose numbers it had to give up, since a copy of it went on elsewhere.
    """

    host: str
    service: str
    versions: dict[str, str]
    delivery: str
    config_fingerprint: str
    predecessor: str | None
    fork_of: str | None = None


class Manifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One commit of a chain.

    Attributes:
        kind: ``commit``, ``gap`` or ``heartbeat``.
        writer: whose records.
        commit: number in the chain, from 1.
        previous: :func:`fingerprint` of the manifest before; None in the first.
        stream: ``platform`` or ``model-io``.
        first_sequence: first of the range.
        last_sequence: last of the range; ``first_sequence - 1`` for a heartbeat.
        records_root: Merkle root over the record hashes in sequence order, ``sha256:<hex>``; commits only.
        schema_version: of the records, with the minor number.
        masking_policy: fingerprint of the policy of its records, ``sha256:<hex>``; commits only.
        files: all files of the commit.
        losses: what is known to be lost.
        created_at: when it was written, RFC 3339 with nine digits and ``Z``.
        opens: in the first manifest of a writer.
        closes: true in the last one.
        manifest_version: of this form.
        requires: what a reader must understand beyond it.
    """

    kind: Kind
    writer: str
    commit: int
    previous: str | None
    stream: str
    first_sequence: int
    last_sequence: int
    schema_version: str
    files: tuple[ManifestEntry, ...]
    created_at: str
    losses: tuple[Loss, ...] = ()
    records_root: str | None = None
    masking_policy: str | None = None
    opens: Opening | None = None
    closes: bool = False
    manifest_version: int = MANIFEST_VERSION
    requires: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """Sequences in the range."""
        return self.last_sequence - self.first_sequence + 1

    @property
    def path(self) -> str:
        """Where it is, relative to the destination."""
        return ManifestFile(WriterName.parse(self.writer), self.commit).path


class _Preamble(msgspec.Struct, rename="camel"):
    """What decides whether a manifest can be read at all."""

    manifest_version: int
    kind: str
    requires: tuple[str, ...]


# Readers parse many at a time. Two threads that meet a type for the first time, and let msgspec look into it at the
# same moment, can crash the process; so it has looked into these before there are any.
_PREAMBLE: Final = msgspec.json.Decoder(_Preamble)
_MANIFEST: Final = msgspec.json.Decoder(Manifest)


def fingerprint(content: bytes) -> str:
    """``sha256:<hex>`` of some bytes: of a manifest, the ``previous`` of the next."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def serialise(manifest: Manifest) -> bytes:
    """The bytes of a manifest: the same for the same value, on every machine and in every version.

    Raises:
        ValueError: it breaks a rule of this module.
    """
    rules.check(manifest)
    content: dict[str, Any] = msgspec.to_builtins(manifest)
    for name in ("recordsRoot", "maskingPolicy", "opens"):
        if content[name] is None:
            del content[name]
    if not manifest.closes:
        del content["closes"]
    if manifest.opens is not None and manifest.opens.fork_of is None:
        del content["opens"]["forkOf"]
    return msgspec.json.encode(content, order="sorted")


def parse(content: bytes, *, path: str) -> Manifest:
    """Read a manifest and judge it by itself; :class:`~otel_audit.seal.chain.Chain` judges it in its chain.

    Args:
        content: its bytes.
        path: where they were, relative to the destination.

    Raises:
        InputError: a newer version wrote it, or something else that this one must not guess at.
        IntegrityError: it is no manifest, breaks a rule of this module, or belongs elsewhere.
    """
    try:
        preamble = _PREAMBLE.decode(content)
        if preamble.manifest_version != MANIFEST_VERSION:
            raise InputError(f"manifestVersion {preamble.manifest_version} is not known", source=path)
        if preamble.kind not in _KINDS:
            raise InputError("its kind is not known", source=path)
        if not _UNDERSTOOD.issuperset(preamble.requires):
            raise InputError("it requires what this version does not know", source=path)
        manifest = _MANIFEST.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError("not a manifest", path=path) from error
    try:
        rules.check(manifest)
    except ValueError as error:
        raise IntegrityError(str(error), path=path) from error
    if manifest.path != path:
        raise IntegrityError(f"the manifest of {manifest.path} lies here", path=path)
    return manifest
