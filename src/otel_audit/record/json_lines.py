"""Lines of NDJSON back into record batches.

JSON columns are taken as the raw bytes between colon and comma, never decoded and encoded again, so that
hashes come out equal. Members that this schema does not know are passed over: a later minor version wrote
them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypedDict

import msgspec
import pyarrow as pa

from otel_audit.errors import InputError
from otel_audit.record.buffers import Array, is_valid
from otel_audit.record.schema import EXACT_TIMES, JSON_COLUMNS

__all__ = ["read_lines"]

_NANO_DIGITS: Final = 9
_COARSE: Final = {exact: coarse for coarse, exact in EXACT_TIMES.items()}


def read_lines(text: bytes, schema: pa.Schema, first_line: int = 1) -> pa.RecordBatch:
    """A batch of one record a line; blank lines are passed over.

    Args:
        text: whole lines.
        schema: the columns wanted: columns of the record's schema, structs of them with fewer children.
        first_line: number of the first line, for messages.

    Raises:
        InputError: a line is not a record; with its number.
    """
    decoder = _decoder(schema)
    try:
        records = decoder.decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "is not an audit record", place=f"line {_bad_line(decoder, text, first_line)}"
        ) from error
    try:
        return pa.RecordBatch.from_arrays([_column(records, field) for field in schema], schema=schema)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        last_line = first_line + text.count(b"\n") - text.endswith(b"\n")
        raise InputError(
            "a value is outside of its type's range", place=f"lines {first_line} to {last_line}"
        ) from error


def _column(records: list[Any], field: pa.Field[Any]) -> Array:
    if field.name in _COARSE:
        return _nanos([getattr(record, _COARSE[field.name]) for record in records])
    values = [getattr(record, field.name) for record in records]
    if field.name in EXACT_TIMES:
        return _micros(_nanos(values))
    if field.name in JSON_COLUMNS:
        raw = [None if value is None else bytes(value) for value in values]
        return pa.array(raw, pa.binary()).cast(pa.string())
    rebuild = _rebuild(field.type)
    if rebuild is not None:
        values = [None if value is None else rebuild(value) for value in values]
    column: Array = pa.array(values, field.type)
    return column


def _nanos(texts: list[str | None]) -> Array:
    nanos: Array
    try:
        nanos = pa.array(texts, pa.string()).cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        # Arrow does not read the first second of its own range, in the year 1677.
        nanos = pa.array([None if text is None else _instant(text) for text in texts], pa.int64())
    return nanos


def _instant(text: str) -> int:
    """Nanoseconds since the epoch of a time as we write it."""
    whole, digits = text.removesuffix("Z").split(".")
    if len(digits) != _NANO_DIGITS:
        raise ValueError("not a time with nine digits")
    seconds = datetime.fromisoformat(f"{whole}+00:00") - datetime.fromtimestamp(0, UTC)
    return seconds // timedelta(seconds=1) * 10**_NANO_DIGITS + int(digits)


def _micros(nanos: Array) -> Array:
    # Rounded down as conversion does; a cast would round to zero, which differs before 1970.
    whole: Any = nanos.fill_null(0).to_numpy() // 1000
    mask = ~is_valid(nanos) if nanos.null_count else None
    return pa.array(whole, pa.int64(), mask=mask).cast(pa.timestamp("us", tz="UTC"))


@lru_cache(maxsize=16)
def _decoder(schema: pa.Schema) -> msgspec.json.Decoder[Any]:
    """A decoder of lines into objects that have an attribute a member wanted, None where it is missing."""
    members: dict[str, Any] = {}
    for field in schema:
        if field.name in JSON_COLUMNS:
            members[field.name] = msgspec.Raw
        elif field.name in EXACT_TIMES or field.name in _COARSE:
            members[_COARSE.get(field.name, field.name)] = str | None
        else:
            members[field.name] = _python_type(field.type) | None
    line = msgspec.defstruct("Line", [(name, kind, None) for name, kind in members.items()])
    return msgspec.json.Decoder(line)


def _python_type(kind: Any) -> Any:
    if isinstance(kind, pa.StructType):
        members = {child.name: _python_type(child.type) | None for child in kind}
        return TypedDict("Struct", members, total=False)  # type: ignore[operator]  # made at run time
    if isinstance(kind, pa.MapType):
        return dict[str, _python_type(kind.item_type) | None]  # type: ignore[misc]  # made at run time
    if isinstance(kind, pa.ListType):
        return list[_python_type(kind.value_type) | None]  # type: ignore[misc]  # made at run time
    return str if pa.types.is_string(kind) else bool if pa.types.is_boolean(kind) else int


@lru_cache(maxsize=256)
def _rebuild(kind: Any) -> Callable[[Any], Any] | None:
    """How a decoded value becomes what Arrow takes for the type, where that differs: maps as pairs."""
    if isinstance(kind, pa.MapType):
        return lambda value: list(value.items())
    if isinstance(kind, pa.StructType):
        children = {child.name: build for child in kind if (build := _rebuild(child.type)) is not None}
        if children:
            return lambda value: (
                value
                | {
                    name: build(value[name])
                    for name, build in children.items()
                    if value.get(name) is not None
                }
            )
    return None


def _bad_line(decoder: msgspec.json.Decoder[Any], text: bytes, first_line: int) -> int:
    for number, line in enumerate(text.split(b"\n"), first_line):
        try:
            decoder.decode_lines(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return number
    return first_line
