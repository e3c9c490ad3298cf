"""What is complete of a file of OTLP that somebody may still be writing to.

What is told apart, by content and never by name:

- **lines**: an export a line, as a Collector's file exporter writes JSON. A line counts once its newline is there.
- **messages**: each after its length as four bytes (file exporter, ``format: proto``, or with ``compression``). A
  message counts once all of it is there.
- **whole**: everything else (compressed as a whole, one document, one message) says only at its end that it is one.

A writer that was killed leaves the beginning of a line, or a line without its newline, to which its successor appends.
So one line may hold several exports, or the rest of one in front of others: each that can be read is taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from otel_audit.convert.exports import Export
from otel_audit.convert.otlp_files import GZIP, MAX_MESSAGE, RESOURCE_TAG, TEXT, ZSTD, read_message
from otel_audit.convert.otlp_json import load_json, read_document
from otel_audit.errors import InputError

__all__ = ["Framing", "Piece", "framing_of", "read_lines", "read_messages"]

_EXPORT: Final = re.compile(rb'\{"resource(?:Spans|Logs)":\[')
"""How the file exporter begins a line. Inside of a value its quotes would be escaped."""

_BOM: Final = b"\xef\xbb\xbf"


class Framing(Enum):
    """How a file holds its exports."""

    LINES = "lines"
    MESSAGES = "messages"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read of a file.

    Attributes:
        export: spans and log events.
        size: bytes that are done with, those that cannot be read included.
    """

    export: Export
    size: int


def framing_of(head: bytes, *, is_all: bool) -> Framing | None:
    """How a file holds its exports.

    Args:
        head: its beginning.
        is_all: the file holds no more, and nobody is writing to it.

    Returns:
        None while too little of it is there.
    """
    if head.startswith((GZIP, ZSTD)):
        return Framing.WHOLE
    start = head.removeprefix(_BOM).lstrip()
    if not start or ((head[:1] >= TEXT or head[:1].isspace()) and start[:1] in (b"{", b"[")):
        line, newline, _ = start.partition(b"\n")
        if newline:
            return Framing.LINES if _EXPORT.match(line) or _is_document(line) else Framing.WHOLE
        return Framing.WHOLE if start and is_all else None
    if head[0] == RESOURCE_TAG or head[:1] >= TEXT:
        return Framing.WHOLE
    return Framing.MESSAGES


def read_lines(data: bytes, *, source: str, start: int, is_all: bool, problems: list[InputError]) -> Piece:
    """Read the lines that are complete.

    Args:
        data: of the file, from the beginning of a line.
        source: the file, for errors.
        start: where in it that is.
        is_all: the file holds no more, and nobody is writing to it: a last line without a newline counts if it can
            be read.
        problems: takes an error for each part that cannot be read.
    """
    found = Export([], [])
    size = data.rfind(b"\n") + 1
    place = start
    for line in data[:size].split(b"\n"):
        _read_line(line, source, place, found, problems)
        place += len(line) + 1
    rest = data[size:]
    if is_all and rest.strip():
        unread: list[InputError] = []
        last = Export([], [])
        _read_line(rest, source, place, last, unread)
        if not unread:
            _add(found, last)
            size = len(data)
    return Piece(found, size)


def read_messages(data: bytes, *, source: str, start: int, problems: list[InputError]) -> Piece:
    """Read the messages that are complete; arguments as of :func:`read_lines`."""
    found = Export([], [])
    position = 0
    while len(prefix := data[position : position + 4]) == 4:
        size = int.from_bytes(prefix, "big")
        if size > MAX_MESSAGE:
            place = f"byte {start + position}"
            problems.append(InputError("expected OTLP as JSON or protobuf", source=source, place=place))
            return Piece(found, len(data))
        end = position + 4 + size
        if end > len(data):
            break
        for export in read_message(data[position + 4 : end], source, f"byte {start + position}", problems):
            _add(found, export)
        position = end
    return Piece(found, position)


def _read_line(line: bytes, source: str, start: int, found: Export, problems: list[InputError]) -> None:
    if not line.strip():
        return
    place = f"byte {start}"
    try:
        document = load_json(line, source=source, place=place)
    except InputError as error:
        beginnings = [match.start() for match in _EXPORT.finditer(line)]
        if beginnings in ([], [0]):
            problems.append(error)
            return
        if beginnings[0]:
            problems.append(error)
        for begin, end in zip(beginnings, [*beginnings[1:], len(line)], strict=True):
            _read_line(line[begin:end], source, start + begin, found, problems)
        return
    _add(found, read_document(document, problems, source=source, place=place))


def _is_document(line: bytes) -> bool:
    try:
        load_json(line)
    except InputError:
        return False
    return True


def _add(found: Export, more: Export) -> None:
    found.spans += more.spans
    found.logs += more.logs
