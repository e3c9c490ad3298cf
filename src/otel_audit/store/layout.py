"""Where things are in a destination: the sole builder and parser of object paths.

::

    log/<table>/date=<day>/hour=<hh>/<writer>-<commit>-<n>-<12 hex>[.r<k>].<ext>   LogFile
    compact/<table>/date=<day>/<writer>-<commit>-<n>-<12 hex>[.r<k>].<ext>         CompactedFile
    _audit/manifests/date=<day the writer opened>/<writer>/<commit>.json           ManifestFile
    _audit/streams/<table>.json                                                    StreamMarker
    _audit/policies/<64 hex>.json                                                  PolicyFile
    _audit/models/<number>.json                                                    RegistryFile
    _audit/probe/<16 hex>                                                          ProbeFile

- Every value is made of checked parts, so a path has one spelling: ``parse(value.path) == value`` and
  ``parse(path).path == path``.
- :func:`parse` accepts these seven and nothing else: no traversal, no empty part, no upper-case hex, no
  second spelling of a number or a date.
- Paths are relative to the destination, ASCII, joined with ``/``, at most 255 bytes a part. Commits have
  ten digits, so that manifests listed in order of path are in order of commit.
- Days and hours are UTC. ``hour=`` is a Hive partition of event time; neither key is a column of a file.
- A log file's name tells its manifest's path (:attr:`LogFile.manifest`), so a reader that listed one
  partition can check which of its files are committed without listing any chain.

The layout is described for users in ``docs/format.md``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from otel_audit.errors import InputError
from otel_audit.store.names import (
    FileName,
    Partition,
    TableName,
    WriterName,
    check,
    check_number,
    day_of,
)

__all__ = [
    "REGISTRY_PREFIX",
    "CompactedFile",
    "FileName",
    "LogFile",
    "ManifestFile",
    "ObjectPath",
    "Partition",
    "PolicyFile",
    "ProbeFile",
    "RegistryFile",
    "StreamMarker",
    "TableName",
    "WriterName",
    "log_prefix",
    "manifests_prefix",
    "parse",
]

REGISTRY_PREFIX: Final = "_audit/models/"


@dataclass(frozen=True, slots=True, order=True)
class ManifestFile:
    """One commit of one writer.

    Attributes:
        writer: whose chain it is in.
        commit: position in that chain, from 1.
    """

    writer: WriterName
    commit: int

    def __post_init__(self) -> None:
        check_number(self.commit, 10, "a commit")

    @property
    def path(self) -> str:
        return f"{manifests_prefix(self.writer)}{self.commit:010d}.json"


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """A file of live data."""

    table: TableName
    partition: Partition
    name: FileName

    @property
    def path(self) -> str:
        return f"{log_prefix(self.table, self.partition)}{self.name}"

    @property
    def manifest(self) -> ManifestFile:
        """The manifest that must list this file before any of its rows counts."""
        return ManifestFile(self.name.writer, self.name.commit)


@dataclass(frozen=True, slots=True, order=True)
class CompactedFile:
    """A file that replaces smaller ones of the same day."""

    table: TableName
    day: date
    name: FileName

    @property
    def path(self) -> str:
        return f"compact/{self.table}/date={self.day.isoformat()}/{self.name}"

    @property
    def manifest(self) -> ManifestFile:
        """The manifest that must list this file, in the maintenance writer's own chain."""
        return ManifestFile(self.name.writer, self.name.commit)


@dataclass(frozen=True, slots=True, order=True)
class StreamMarker:
    """Says which format a table has."""

    table: TableName

    @property
    def path(self) -> str:
        return f"_audit/streams/{self.table}.json"


@dataclass(frozen=True, slots=True, order=True)
class PolicyFile:
    """A masking policy, without keys.

    Attributes:
        fingerprint: SHA-256 of the policy, 64 lower-case hex digits, without the ``sha256:`` of manifests.
    """

    fingerprint: str

    def __post_init__(self) -> None:
        check(r"[0-9a-f]{64}", self.fingerprint, "64 hex digits")

    @property
    def path(self) -> str:
        return f"_audit/policies/{self.fingerprint}.json"


@dataclass(frozen=True, slots=True, order=True)
class RegistryFile:
    """One create-only version of the registry of models.

    Attributes:
        number: from 1, without holes.
    """

    number: int

    def __post_init__(self) -> None:
        check_number(self.number, 10, "a version")

    @property
    def path(self) -> str:
        return f"{REGISTRY_PREFIX}{self.number:010d}.json"


@dataclass(frozen=True, slots=True, order=True)
class ProbeFile:
    """A small object that tells whether a destination takes objects at all.

    Attributes:
        token: 16 hex digits.
    """

    token: str

    def __post_init__(self) -> None:
        check(r"[0-9a-f]{16}", self.token, "16 hex digits")

    @classmethod
    def new(cls) -> Self:
        """A probe that nobody has made."""
        return cls(secrets.token_hex(8))

    @property
    def path(self) -> str:
        return f"_audit/probe/{self.token}"


ObjectPath = LogFile | CompactedFile | ManifestFile | StreamMarker | PolicyFile | RegistryFile | ProbeFile
"""Everything that a destination may hold."""


def log_prefix(table: TableName, partition: Partition | date | None = None) -> str:
    """Prefix of a table's files, of one day's or of one hour's; ends in ``/``."""
    if partition is None:
        return f"log/{table}/"
    if isinstance(partition, Partition):
        return f"log/{table}/{partition.path}/"
    return f"log/{table}/date={partition.isoformat()}/"


def manifests_prefix(of: WriterName | date | None = None) -> str:
    """Prefix of all manifests, of those of writers opened on one day, or of one writer's; ends in ``/``."""
    if of is None:
        return "_audit/manifests/"
    if isinstance(of, WriterName):
        return f"_audit/manifests/date={of.opened.isoformat()}/{of}/"
    return f"_audit/manifests/date={of.isoformat()}/"


def parse(path: str) -> ObjectPath:
    """What an object is, by its path.

    Raises:
        InputError: the path is not one that this module builds. The object is foreign: a reader names it
            in a warning and leaves it alone.
    """
    parts = path.split("/")
    try:
        value = _parse_parts(parts)
    except (InputError, ValueError) as error:
        raise InputError("not a path of this layout", source=path) from error
    if value is None or value.path != path:
        raise InputError("not a path of this layout", source=path)
    return value


def _parse_parts(parts: Sequence[str]) -> ObjectPath | None:
    """Read each part leniently; :func:`parse` compares the spelling as a whole."""
    match parts:
        case ["log", table, day, hour, name]:
            partition = Partition.of(day_of(_after("date=", day)), _number(_after("hour=", hour)))
            return LogFile(TableName.parse(table), partition, FileName.parse(name))
        case ["compact", table, day, name]:
            return CompactedFile(TableName.parse(table), day_of(_after("date=", day)), FileName.parse(name))
        case ["_audit", "manifests", _, writer, commit]:
            return ManifestFile(WriterName.parse(writer), _number(commit.removesuffix(".json")))
        case ["_audit", "streams", table]:
            return StreamMarker(TableName.parse(table.removesuffix(".json")))
        case ["_audit", "policies", fingerprint]:
            return PolicyFile(fingerprint.removesuffix(".json"))
        case ["_audit", "models", number]:
            return RegistryFile(_number(number.removesuffix(".json")))
        case ["_audit", "probe", token]:
            return ProbeFile(token)
        case _:
            return None


def _after(prefix: str, part: str) -> str:
    if not part.startswith(prefix):
        raise ValueError(f"{part!r} does not start with {prefix}")
    return part.removeprefix(prefix)


def _number(text: str) -> int:
    # Bounded before int(): a long foreign text would be slow and, past 4,300 digits, an error of its own.
    check(r"[0-9]{1,10}", text, "a number")
    return int(text)
