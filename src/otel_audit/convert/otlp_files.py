"""Files of OTLP, as a Collector's file and cloud-storage exporters write them.

What is told apart, by content and never by name:

- gzip (RFC 1952) and zstd (RFC 8878) around the whole file, or around each message;
- JSON: one document, however it is laid out, or one a line;
- protobuf: one message, or messages each after its length as four bytes, big-endian (file exporter,
  ``format: proto``; also its JSON once compressed).

Traces and logs may stand side by side. Malformed parts are left out and reported with their place; what
stands before and after them is read.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from os import PathLike, fspath
from typing import Final

import zstandard

from otel_audit.convert.exports import Export
from otel_audit.convert.from_otlp import read_protobuf
from otel_audit.convert.otlp_json import load_json, read_document
from otel_audit.errors import InputError

__all__ = [
    "BATCH_ITEMS",
    "GZIP",
    "MAX_MESSAGE",
    "RESOURCE_TAG",
    "TEXT",
    "ZSTD",
    "read_file",
    "read_message",
    "read_stream",
]

BATCH_ITEMS: Final = 5_000
"""Spans and log events a batch holds at least, unless the file ends: enough to spread the cost of a batch,
little enough to hold in memory."""

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"

MAX_MESSAGE: Final = 1 << 30
"""A longer message is taken for a damaged length."""

TEXT: Final = b"\x20"
"""First byte from which on a file is text: as that of a length it would announce half a gigabyte."""

RESOURCE_TAG: Final = 0x0A
"""Field 1, length-delimited: how every protobuf message of OTLP begins."""


def read_file(
    path: str | PathLike[str], *, problems: list[InputError] | None = None, batch_items: int = BATCH_ITEMS
) -> Iterator[Export]:
    """Reads a file in batches.

    Args:
        path: the file.
        problems: takes an error for each part that could not be read. Without it, the first such error is
            raised after the last batch.
        batch_items: how many spans and log events make a batch; the last one may hold fewer.

    Yields:
        Batches in the order of the file. An export of the file is never split over two of them.

    Raises:
        InputError: a part is malformed and ``problems`` was not given.
        OSError: the file cannot be opened or read.
    """
    with open(path, "rb") as file:
        yield from read_stream(file, fspath(path), problems=problems, batch_items=batch_items)


def read_stream(
    file: io.BufferedReader,
    source: str,
    *,
    problems: list[InputError] | None = None,
    batch_items: int = BATCH_ITEMS,
) -> Iterator[Export]:
    """As :func:`read_file`, of a file that is open.

    Args:
        file: at its beginning.
        source: what it is, for errors.
    """
    found = [] if problems is None else problems
    before = len(found)
    pending = Export([], [])
    for export in _exports(file, source, found):
        pending.spans += export.spans
        pending.logs += export.logs
        if len(pending) >= batch_items:
            yield pending
            pending = Export([], [])
    if len(pending):
        yield pending
    if problems is None and len(found) > before:
        raise found[before]


def _exports(file: io.BufferedReader, source: str, problems: list[InputError]) -> Iterator[Export]:
    stream = _decompressed(file)
    try:
        head = stream.peek(1)[:1]
        while head.isspace() or head == b"\xef":
            # White space or a byte order mark before JSON; no protobuf or length begins so (a tab would say
            # field 1 of another wire type, a line feed is the tag itself and is handled below).
            if head == b"\n":
                break
            stream.read(3 if head == b"\xef" else 1)
            head = stream.peek(1)[:1]
        if not head:
            return
        if head >= TEXT or (head == b"\n" and stream.peek(64)[:64].lstrip()[:1] in (b"{", b"[", b"")):
            yield from _json(stream, source, problems)
        elif head[0] == RESOURCE_TAG:
            yield from _message(stream.read(), source, problems)
        else:
            yield from _delimited(stream, source, problems)
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError):
        problems.append(InputError("damaged compression", source=source, place="end of what could be read"))


def _decompressed(file: io.BufferedReader) -> io.BufferedReader:
    head = file.peek(4)[:4]
    if head.startswith(GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=file))
    if head == ZSTD:
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(frames)
    return file


def _json(stream: io.BufferedReader, source: str, problems: list[InputError]) -> Iterator[Export]:
    """Reads JSON lines one by one, or, when the first line is no document, everything as one."""
    number = 0
    for line in stream:
        number += 1
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            document = load_json(line, source=source, place=place)
        except InputError as error:
            remaining = stream.read() if number == 1 else b""
            if not remaining.strip():
                problems.append(error)
                continue
            yield from _laid_out(line + remaining, source, problems)
            return
        yield read_document(document, problems, source=source, place=place)


def _laid_out(data: bytes, source: str, problems: list[InputError]) -> Iterator[Export]:
    """Reads a document that spans lines, or lines of which the first is damaged."""
    try:
        document = load_json(data, source=source)
    except InputError as whole:
        exports, line_problems = [], []
        for number, line in enumerate(data.splitlines(), 1):
            if line.strip():
                place = f"line {number}"
                try:
                    document = load_json(line, source=source, place=place)
                except InputError as error:
                    line_problems.append(error)
                    continue
                if isinstance(document, dict) and document.keys() & {"resourceSpans", "resourceLogs"}:
                    exports.append(read_document(document, line_problems, source=source, place=place))
        # When no line is a document by itself, the file is one damaged document, not many damaged lines.
        problems.extend(line_problems if exports else [whole])
        yield from exports
    else:
        yield read_document(document, problems, source=source)


def _delimited(stream: io.BufferedReader, source: str, problems: list[InputError]) -> Iterator[Export]:
    position = 0
    while prefix := stream.read(4):
        place = f"byte {position}"
        size = int.from_bytes(prefix, "big")
        if len(prefix) < 4 or size > MAX_MESSAGE:
            problems.append(InputError("expected OTLP as JSON or protobuf", source=source, place=place))
            return
        message = stream.read(size)
        if len(message) < size:
            problems.append(InputError("the last message is cut", source=source, place=place))
            return
        position += 4 + size
        yield from read_message(message, source, place, problems)


def read_message(data: bytes, source: str, place: str, problems: list[InputError]) -> Iterator[Export]:
    """Reads one length-delimited message, which may be compressed by itself."""
    try:
        if data.startswith(GZIP):
            data = gzip.decompress(data)
        elif data.startswith(ZSTD):
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if data[:1] in (b"{", b"["):
            yield read_document(
                load_json(data, source=source, place=place), problems, source=source, place=place
            )
        else:
            yield read_protobuf(data, source=source, place=place)
    except InputError as error:
        problems.append(error)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError):
        problems.append(InputError("damaged compression", source=source, place=place))


def _message(data: bytes, source: str, problems: list[InputError]) -> Iterator[Export]:
    """Reads one protobuf message; when it is malformed, each of its resources by itself."""
    try:
        yield read_protobuf(data, source=source)
        return
    except InputError as error:
        whole = error
    position, index = 0, 0
    while position < len(data):
        place = f"byte {position}, resourceSpans[{index}]"
        start, size = _varint(data, position + 1)
        if data[position] != RESOURCE_TAG or start < 0 or start + size > len(data):
            problems.append(InputError("malformed protobuf", source=source, place=place))
            return
        if start + size == len(data) and index == 0:
            problems.append(whole)
            return
        try:
            yield read_protobuf(data[position : start + size], source=source, place=place)
        except InputError as error:
            problems.append(error)
        position, index = start + size, index + 1


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns where the varint at ``position`` ends, and its value; (-1, 0) when it is cut or too long."""
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            return -1, 0
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if not byte & 0x80:
            return position, value
    return -1, 0
