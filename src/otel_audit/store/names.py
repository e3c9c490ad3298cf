"""The parts that object paths are made of: slugs, writers, tables, partitions and file names.

Each is checked when it is built, so whatever holds one of these values can be put into a path as it is.
Text from outside becomes a slug first. :mod:`otel_audit.store.layout` puts the parts together.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Self

from otel_audit.errors import InputError
from otel_audit.record.streams import STREAMS

EXTENSIONS: Final = ("parquet", "ndjson.gz", "ndjson.zst")

SLUG: Final = r"[a-z0-9][a-z0-9-]{0,39}"
NUMBER: Final = r"[1-9][0-9]{0,8}"
"""A number from 1 in its only spelling."""

_HOURS_PER_DAY: Final = 24
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()

_SLUG_PATTERN: Final = re.compile(SLUG)
_WRITER: Final = rf"(?P<service>{SLUG})-(?P<opened>[0-9]{{8}})-(?P<token>[0-9a-f]{{8}})"
_WRITER_PATTERN: Final = re.compile(_WRITER)
_TABLE_PATTERN: Final = re.compile(rf"(?P<stream>{'|'.join(STREAMS)})(?:-(?P<edition>{NUMBER}))?")
_FILE_PATTERN: Final = re.compile(
    rf"(?P<writer>{_WRITER})-(?P<commit>[0-9]{{10}})-(?P<number>0|{NUMBER})-(?P<digest>[0-9a-f]{{12}})"
    rf"(?:\.r(?P<revision>{NUMBER}))?\.(?P<extension>{'|'.join(map(re.escape, EXTENSIONS))})"
)


def slug(text: str) -> str:
    """A name that may be part of a path, the same for the same text on every machine.

    Text that is a slug already (``[a-z0-9][a-z0-9-]{0,39}``) stays as it is. Any other is folded into one
    and gets ``-`` and 8 hex digits of its SHA-256, so that two names that fold alike stay apart.

    Args:
        text: any text from outside, such as ``service.name``; lone surrogates are allowed.
    """
    if _SLUG_PATTERN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    folded = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31].rstrip("-") or "unnamed"
    return f"{folded}-{digest}"


def check(pattern: str, text: str, what: str) -> None:
    """Raise ValueError unless all of ``text`` matches; ``what`` names the rule in the message."""
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{text!r} is not {what}")


def check_number(number: int, digits: int, what: str) -> None:
    """Raise ValueError unless ``number`` is from 1 and has at most ``digits`` digits."""
    if not 1 <= number < 10**digits:
        raise ValueError(f"{what} is from 1 to {10**digits - 1}, not {number}")


def day_of(text: str) -> date:
    """Read ``2026-11-21``; ValueError for a day that is not in the calendar."""
    check(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, "a day")
    return date.fromisoformat(text)


@dataclass(frozen=True, slots=True, order=True)
class WriterName:
    """The identity under which one stream's records are numbered: ``shop-20261121-5f2c91ab``.

    Attributes:
        service: slug of the service's name.
        opened: UTC day on which the writer was opened; its manifests are kept under it.
        token: 8 random hex digits.
    """

    service: str
    opened: date
    token: str

    def __post_init__(self) -> None:
        check(SLUG, self.service, "a service slug")
        check(r"[0-9a-f]{8}", self.token, "8 hex digits")

    @classmethod
    def new(cls, service_name: str, opened: date) -> Self:
        """A name that no writer has had; ``service_name`` may be any text."""
        return cls(slug(service_name), opened, secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``str(writer)`` back; InputError when ``text`` is not a writer's name."""
        match = _WRITER_PATTERN.fullmatch(text)
        if match is None:
            raise InputError("not the name of a writer", source=text)
        try:
            return cls(match["service"], _compact_day(match["opened"]), match["token"])
        except ValueError as error:
            raise InputError("not the name of a writer: no such day", source=text) from error

    def __str__(self) -> str:
        return f"{self.service}-{self.opened.isoformat().replace('-', '')}-{self.token}"


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """The folder of a stream's files: one table, one format.

    Attributes:
        stream: ``platform`` or ``model-io``.
        edition: 1, and one more each time the stream changes its format (``platform-2``).
    """

    stream: str
    edition: int = 1

    def __post_init__(self) -> None:
        if self.stream not in STREAMS:
            raise ValueError(f"{self.stream!r} is not one of {', '.join(STREAMS)}")
        check_number(self.edition, 9, "an edition")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``str(table)`` back; InputError when ``text`` is not a table's name."""
        match = _TABLE_PATTERN.fullmatch(text)
        if match is None or match["edition"] == "1":
            raise InputError("not the name of a table", source=text)
        return cls(match["stream"], int(match["edition"] or 1))

    def __str__(self) -> str:
        return self.stream if self.edition == 1 else f"{self.stream}-{self.edition}"


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One hour of event time, the unit in which files are cut.

    Attributes:
        hours: hours since 1970-01-01T00:00Z, as ``record/partition.py`` gives them; may be negative.
    """

    hours: int

    def __post_init__(self) -> None:
        try:
            date.fromordinal(_EPOCH_ORDINAL + self.hours // _HOURS_PER_DAY)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"hour {self.hours} is outside the years 1 to 9999") from error

    @classmethod
    def of(cls, day: date, hour: int) -> Self:
        """The partition of ``day`` (UTC) and ``hour`` (0 to 23)."""
        if not 0 <= hour < _HOURS_PER_DAY:
            raise ValueError(f"an hour is from 0 to 23, not {hour}")
        return cls((day.toordinal() - _EPOCH_ORDINAL) * _HOURS_PER_DAY + hour)

    @classmethod
    def at(cls, moment: datetime) -> Self:
        """The partition that holds ``moment``, which must have a time zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment without a time zone is in no partition")
        utc = moment.astimezone(UTC)
        return cls.of(utc.date(), utc.hour)

    @property
    def day(self) -> date:
        """Day in UTC."""
        return date.fromordinal(_EPOCH_ORDINAL + self.hours // _HOURS_PER_DAY)

    @property
    def hour(self) -> int:
        """Hour of the day in UTC, 0 to 23."""
        return self.hours % _HOURS_PER_DAY

    @property
    def path(self) -> str:
        """``date=2026-11-21/hour=18``."""
        return f"date={self.day.isoformat()}/hour={self.hour:02d}"


@dataclass(frozen=True, slots=True, order=True)
class FileName:
    """The last part of a data file's path.

    Attributes:
        writer: who wrote it.
        commit: the commit that it belongs to, from 1.
        number: position within the commit, from 0.
        digest: first 12 hex digits of the SHA-256 of the file's bytes.
        extension: one of :data:`EXTENSIONS`.
        revision: 0, or ``k`` for the ``k``-th copy beside a corrupted upload, which is never overwritten.
            It stands before the extension, so that ``*.parquet`` finds the copy too.
    """

    writer: WriterName
    commit: int
    number: int
    digest: str
    extension: str
    revision: int = 0

    def __post_init__(self) -> None:
        check_number(self.commit, 10, "a commit")
        if not 0 <= self.number < 10**9:
            raise ValueError(f"a file's number is from 0 to {10**9 - 1}, not {self.number}")
        check(r"[0-9a-f]{12}", self.digest, "12 hex digits")
        if self.extension not in EXTENSIONS:
            raise ValueError(f"{self.extension!r} is not one of {', '.join(EXTENSIONS)}")
        if self.revision:
            check_number(self.revision, 9, "a revision")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``str(name)`` back; InputError when ``text`` is not a data file's name."""
        match = _FILE_PATTERN.fullmatch(text)
        if match is None:
            raise InputError("not the name of a data file", source=text)
        try:
            return cls(
                WriterName(match["service"], _compact_day(match["opened"]), match["token"]),
                int(match["commit"]),
                int(match["number"]),
                match["digest"],
                match["extension"],
                int(match["revision"] or 0),
            )
        except ValueError as error:
            raise InputError("not the name of a data file", source=text) from error

    def __str__(self) -> str:
        revision = f".r{self.revision}" if self.revision else ""
        return f"{self.writer}-{self.commit:010d}-{self.number}-{self.digest}{revision}.{self.extension}"


def _compact_day(digits: str) -> date:
    return day_of(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}")
