"""Arrow columns as JSON text: one JSON value a row, without a Python object a row.

The hashes of ``record/canonical.py`` and the NDJSON files of ``encode/ndjson.py`` are both made of these
texts. The rules, from RFC 8785 (https://www.rfc-editor.org/rfc/rfc8785):

1. No white space between tokens (section 3.2.1).
2. Strings are UTF-8; only ``"``, ``\\`` and control characters below U+0020 are escaped, with the
   two-character forms where JSON has one, else ``\\u00xx`` in lower case (3.2.2.2).
3. Integers are written in digits; there are no floats in the schema (3.2.2.3).
4. Members of an object are sorted by the UTF-16 code units of their names (3.2.3).

And one of ours: nulls, empty lists, empty maps and empty structs are left out at every depth, so that a
column added later changes no old text.

How it is fast: Arrow kernels do the work over whole columns and release the interpreter lock. A value is a
list of *pieces* (``record/json_pieces.py``) that nobody joins before the outermost object does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.record.buffers import END, Array, Offsets, bitmap, data, is_valid, offsets, sliced
from otel_audit.record.json_leaves import boolean_pieces, number_pieces, string_pieces, time_pieces
from otel_audit.record.json_pieces import EMIT_NULLS, SKIP_NULLS, JsonText, Piece, join, merged

__all__ = ["json_object", "json_text", "json_time"]

_FIRST_ASTRAL_LEAD_BYTE: Final = 0xF0
"""From this UTF-8 byte on a character has two UTF-16 code units, and the two orders part ways."""


def json_text(column: Array, *, sort_keys: bool = True) -> JsonText | None:
    """The values of a column as JSON.

    Args:
        column: strings, integers, booleans, and structs, lists and maps of them.
        sort_keys: struct members in canonical order; else in the order of the type. Map entries are sorted
            either way.

    Returns:
        None if the value is left out in every row.

    Raises:
        TypeError: the type has no JSON form here.
        ValueError: a map has the same key twice in one row.
    """
    if column.null_count == len(column):
        return None
    match column:
        case pa.StringArray():
            return JsonText(string_pieces(column), bitmap(column))
        case pa.Int64Array() | pa.Int32Array():
            return JsonText(number_pieces(column), bitmap(column))
        case pa.BooleanArray():
            return JsonText(boolean_pieces(column), bitmap(column))
        case pa.StructArray():
            children = column.flatten()
            members = _member_order(column.type, sort_keys)
            return json_object((name, json_text(children[i], sort_keys=sort_keys)) for i, name in members)
        case pa.MapArray():
            return _maps(column, sort_keys=sort_keys)
        case pa.ListArray():
            return _lists(column, sort_keys=sort_keys)
    raise TypeError(f"no JSON form for {column.type}")


def json_time(nanos: Array) -> JsonText | None:
    """Instants as RFC 3339 strings in UTC with nine digits and ``Z``.

    Args:
        nanos: int64, nanoseconds since the epoch.
    """
    if nanos.null_count == len(nanos):
        return None
    return JsonText(time_pieces(nanos), bitmap(nanos))


def json_object(members: Iterable[tuple[str, JsonText | None]]) -> JsonText | None:
    """One object a row, of members in the order given.

    Args:
        members: name and value; the name is plain ASCII, as every field of the schema is.

    Returns:
        None if the object is empty, and so left out, in every row.
    """
    runs = _runs((name, text) for name, text in members if text is not None)
    if not runs:
        return None
    if len(runs) == 1:
        return JsonText(["{", *runs[0].pieces, "}"], runs[0].validity)
    full = next((i for i, run in enumerate(runs) if run.validity is None), None)
    if full is None:
        # Each member brings a comma; a row's first is cut off, and a row of nothing else is left out.
        optional = [join([",", *run.pieces], EMIT_NULLS) for run in runs]
        texts = sliced(join([*optional, "}"], SKIP_NULLS), 1, END)
        filled = np.diff(offsets(texts)) > 0
        if filled.all():
            return JsonText(["{", texts])
        texts = pc.if_else(pa.array(filled), texts, pa.scalar(None, pa.string()))
        return JsonText(["{", texts], bitmap(texts))
    pieces: list[Piece] = ["{"]
    for i, run in enumerate(runs):
        before, after = ("," if i > full else ""), ("," if i < full else "")
        if run.validity is None:
            pieces += [before, *run.pieces]
        else:
            pieces.append(join([before, *run.pieces, after], EMIT_NULLS))
    return JsonText([*pieces, "}"])


@lru_cache(maxsize=64)
def _member_order(kind: pa.StructType, sort_keys: bool) -> list[tuple[int, str]]:
    members = list(enumerate(field.name for field in kind))
    return sorted(members, key=lambda member: member[1]) if sort_keys else members


@dataclass(slots=True)
class _Run:
    """Neighbouring members that the same rows have, so that one join makes them all."""

    validity: bytes | None
    pieces: list[Piece]


def _runs(members: Iterable[tuple[str, JsonText]]) -> list[_Run]:
    runs: list[_Run] = []
    for name, text in members:
        if runs and runs[-1].validity == text.validity:
            runs[-1].pieces += [f',"{name}":', *text.pieces]
        else:
            runs.append(_Run(text.validity, [f'"{name}":', *text.pieces]))
    return runs


def _lists(column: pa.ListArray[Any], *, sort_keys: bool) -> JsonText | None:
    column, bounds = _rows(column)
    values = column.values[bounds[0] : bounds[-1]]
    items = json_text(values, sort_keys=sort_keys)
    return None if items is None else _sequence("[", items, "]", len(values), bounds - bounds[0])


def _maps(column: pa.MapArray[Any, Any], *, sort_keys: bool) -> JsonText | None:
    column, bounds = _rows(column)
    keys, values = column.keys[bounds[0] : bounds[-1]], column.items[bounds[0] : bounds[-1]]
    keys, values = _entries_in_order(keys, values, bounds - bounds[0])
    names, items = json_text(keys), json_text(values, sort_keys=sort_keys)
    if names is None or items is None:
        return None
    entries = JsonText([*names.pieces, ":", *items.pieces], items.validity)
    return _sequence("{", entries, "}", len(keys), bounds - bounds[0])


def _rows(column: Array) -> tuple[Any, Offsets]:
    """A list or map column whose null rows span no items, and where the items of each row start and end."""
    bounds = offsets(column)
    if column.null_count and np.diff(bounds)[~is_valid(column)].any():
        column = column.take(pa.array(np.arange(len(column)), pa.int64()))
        bounds = offsets(column)
    return column, bounds


def _sequence(opening: str, items: JsonText, closing: str, count: int, bounds: Offsets) -> JsonText | None:
    """Items of each row between brackets, with commas.

    What all items have in front and behind goes into the separator.
    """
    pieces = merged(items.pieces)
    before = pieces.pop(0) if len(pieces) > 1 and isinstance(pieces[0], str) else ""
    after = pieces.pop() if len(pieces) > 1 and isinstance(pieces[-1], str) else ""
    if items.validity is None:
        if all(not isinstance(piece, str) and piece.null_count for piece in pieces):
            pieces, before, after = [before, *pieces, after], "", ""
        texts = join(pieces, SKIP_NULLS, count)
    else:
        texts = join(pieces, EMIT_NULLS)
        bounds = np.concatenate([[0], np.cumsum(is_valid(texts))])[bounds]
        texts = texts.drop_null()
    empty = np.diff(bounds) == 0
    if empty.all():
        return None
    rows = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), texts, mask=pa.array(empty))
    text: Any = pc.binary_join(rows, f"{after},{before}")
    return JsonText([f"{opening}{before}", text, f"{after}{closing}"], bitmap(text))


def _entries_in_order(keys: Array, values: Array, bounds: Offsets) -> tuple[Array, Array]:
    """Map entries with the keys of each row in canonical order.

    Batches promise sorted, unique keys; one comparison of neighbours proves it for nearly every batch.
    """
    if len(keys) < 2:
        return keys, values
    rising = pc.greater(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    starts_row = np.zeros(len(keys) + 1, np.bool_)
    starts_row[bounds] = True
    # UTF-8 sorts as code points do, which is the order of UTF-16 units unless a character is astral.
    astral = np.frombuffer(data(keys), np.uint8).max(initial=0) >= _FIRST_ASTRAL_LEAD_BYTE
    if not astral and (rising | starts_row[1:-1]).all():
        return keys, values
    row_of = np.searchsorted(bounds, np.arange(len(keys)), side="right").tolist()
    names: list[Any] = keys.to_pylist()
    ranks = [(row, name.encode("utf-16-be")) for row, name in zip(row_of, names, strict=True)]
    if len(set(ranks)) < len(ranks):
        raise ValueError("a map has the same key twice in one row: it has no canonical form")
    order = pa.array(sorted(range(len(ranks)), key=ranks.__getitem__), pa.int64())
    return keys.take(order), values.take(order)
