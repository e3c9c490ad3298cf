"""Everything that can be read in a file or folder: names, values of tables, lines, and bytes as they are.

What a file is, its first bytes say: Parquet, gzip, zstd; Arrow IPC streams are found wherever they begin. Beside
what a reader of the format sees, bytes that are not compressed are read as text, since a value may stand where no
reader looks: in statistics, in a dictionary, under a null, behind the end of an array.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leaks.decodings import texts_of_bytes, texts_of_value
from leaks.oracle import Text

_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]{6,}")
_PARQUET = b"PAR1"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_IPC_MARK = b"\xff\xff\xff\xff"
_LARGEST_MESSAGE = 1 << 20

_ID_FIELDS = frozenset({"recordId", "traceId", "spanId", "parentSpanId", "joined", "salts", "digests"})
_TIME_FIELDS = frozenset({"timeUnixNano", "observedTimeUnixNano"})
_MEASURED = frozenset(
    {*_TIME_FIELDS, "timestamp", "observedTimestamp", "durationNs", "sequence", "recordHash"}
)
_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64}")


def files(folder: Path) -> dict[str, bytes]:
    """Path within the folder → content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def texts_of_files(contents: dict[str, bytes]) -> Iterator[Text]:
    """All that can be read in files, names included."""
    for name, content in contents.items():
        yield Text(f"name of {name}", name)
        yield from texts_of_file(name, content)


def texts_of_file(name: str, content: bytes) -> Iterator[Text]:
    """All that can be read in a file."""
    for row in rows(content):
        yield from texts_of_row(name, row)
    for text in _dictionaries(content):
        yield Text(f"{name}, a dictionary", text)
    for text in texts_of_bytes(content):
        if "\0" not in text:
            for number, line in enumerate(text.splitlines(), 1):
                yield Text(f"{name}, line {number}", line, is_raw=_is_record(line))
    for start, end in _as_they_are(content):
        for match in _PRINTABLE.finditer(content, start, end):
            if len(set(match[0])) > 1:  # a column of equal numbers is no number
                yield Text(
                    f"{name}, bytes from {match.start()}", match[0].decode(errors="replace"), is_raw=True
                )


def texts_of_row(name: str, row: dict[str, Any]) -> Iterator[Text]:
    """All that can be read in a record, except what is measured and counted."""
    where = f"{name}, span {row.get('spanId')}"
    for field, value in row.items():
        if value is not None and field not in _MEASURED:
            for text in texts_of_value(value):
                yield Text(f"{where}, {field}", text)


def rows(content: bytes) -> Iterator[dict[str, Any]]:
    """The records of a file, whatever its format; none of one that holds no records."""
    if content[:4] == _PARQUET:
        yield from pq.read_table(pa.BufferReader(content)).to_pylist()
        return
    for batch in _ipc_batches(content):
        yield from batch.to_pylist()
    for text in texts_of_bytes(content):
        if _is_record(text):
            yield from map(json.loads, text.splitlines())


def ids(content: bytes) -> Iterator[str]:
    """Values of a file's records that are ids, hashes and times and nothing else."""
    for row in rows(content):
        for field in _ID_FIELDS & row.keys():
            for text in texts_of_value(row[field]):
                if _ID.fullmatch(text):
                    yield text
        for field in _TIME_FIELDS & row.keys():
            yield str(row[field])
        for link in row.get("links") or ():
            yield from (
                link[field] for field in ("traceId", "spanId") if _ID.fullmatch(link.get(field) or "")
            )


def _is_record(text: str) -> bool:
    return text.startswith('{"recordId"')


def _ipc_batches(content: bytes) -> Iterator[pa.RecordBatch]:
    """Batches of Arrow IPC streams, wherever they begin; what follows the last whole batch ends one."""
    at = 0
    while (at := content.find(_IPC_MARK, at)) >= 0:
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = 0
        if 64 <= length <= min(_LARGEST_MESSAGE, len(content) - at - 8):
            source = pa.BufferReader(content[at:])
            try:
                with pa.ipc.open_stream(source) as reader:
                    while True:
                        yield reader.read_next_batch()
                        end = source.tell()
            except (pa.ArrowInvalid, OSError, StopIteration):
                pass
        at += end or 1


def _dictionaries(content: bytes) -> Iterator[str]:
    """Every entry of the dictionaries of a Parquet file, whether a row has it or not."""
    if content[:4] == _PARQUET:
        leaves = pq.read_metadata(pa.BufferReader(content)).schema
        texts = [
            leaf.path for leaf in map(leaves.column, range(len(leaves))) if leaf.physical_type == "BYTE_ARRAY"
        ]
        for column in pq.read_table(pa.BufferReader(content), read_dictionary=texts).columns:
            for chunk in column.chunks:
                yield from _entries(chunk)


def _entries(array: pa.Array) -> Iterator[str]:
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from array.dictionary.to_pylist()
    elif pa.types.is_map(kind):
        yield from _entries(array.keys)
        yield from _entries(array.items)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _entries(array.field(number))
    elif pa.types.is_list(kind):
        yield from _entries(array.values)


def _as_they_are(content: bytes) -> Iterator[tuple[int, int]]:
    """Where bytes are what they say: everywhere but in compressed files and in the columns of Parquet files,
    which are read with their dictionaries by a reader of the format."""
    if content.startswith(_COMPRESSED):
        return
    at = 0
    if content[:4] == _PARQUET:
        footer = pq.read_metadata(pa.BufferReader(content))
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        for chunk in (group.column(number) for group in groups for number in range(group.num_columns)):
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            yield at, start
            at = start + chunk.total_compressed_size
    yield at, len(content)
