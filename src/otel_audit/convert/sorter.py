"""Every attribute goes to one of four places, by its name.

- a leaf of the record, where a convention in force says the same as the field;
- a captured header;
- *held*: names that a room of conversion reads together with others (the old HTTP names, URLs, addresses,
  RPC, identity, ``audit.*``, bodies); what no room takes from there goes to the rest;
- the rest.

Spans of one instrumentation have the same names in the same order. So names are classified once for each
such *shape*, and a span of a known shape whose values have the expected types is taken apart in bulk; any
other goes value by value, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from otel_audit.convert import notes
from otel_audit.convert.names import (
    HELD_NAME,
    INTEGER_LEAF,
    OTHER_NAME,
    REQUEST_HEADER,
    RESPONSE_HEADER,
    TEXT_LEAF,
    Entry,
    Room,
    classify,
)
from otel_audit.convert.rest import encode_value
from otel_audit.convert.spans import Attributes, Value

__all__ = ["Headers", "Room", "Shape", "Sorted", "header_values", "shape_of", "sort_attributes"]

Headers: TypeAlias = "tuple[tuple[str, ...], tuple[list[str], ...]]"
"""Names in order, and the values of each: two flat tuples, which become a column without another loop."""


@dataclass(slots=True)
class Sorted:
    """A span's attributes after sorting.

    Attributes:
        row: leaves of the record, by path: ``method``, ``server.address``.
        held: names that rooms read; they take out what they use.
        rooms: bits of :class:`Room` whose names are among them.
        rest: what stays an attribute.
    """

    row: dict[str, object] = field(default_factory=dict)
    held: Attributes = field(default_factory=dict)
    rooms: int = 0
    rest: Attributes = field(default_factory=dict)


_MAX_SHAPES: Final = 1_024
_MAX_NAMES: Final = 16_384
"""What is remembered is bounded, in number and in characters of names: a sender that makes up names must not
fill the memory."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How attributes of certain names, in a certain order, are taken apart in bulk.

    Attributes:
        direct: names of direct leaves, then of request headers, then of response headers.
        take: their values.
        types: what these values must be.
        leaves: where the first of them go.
        limits: position and largest value of integers.
        request_headers: names in order.
        response_headers: likewise.
        held: names for the rooms.
        rest: names that stay attributes.
        rooms: bits of :class:`Room`.
    """

    direct: tuple[str, ...]
    take: Callable[[Attributes], tuple[Any, ...]]
    types: tuple[type, ...]
    leaves: tuple[str, ...]
    limits: tuple[tuple[int, int], ...]
    request_headers: tuple[str, ...]
    response_headers: tuple[str, ...]
    held: tuple[str, ...]
    rest: tuple[str, ...]
    rooms: int


_SHAPES: Final[dict[tuple[str, ...], Shape | None]] = {}
"""Names of attributes → their shape; ``None`` where two names mean one header."""

_STR: Final = frozenset({str})


def sort_attributes(attributes: Attributes, oddities: list[str]) -> Sorted:
    """Sorts attributes; a value whose type its leaf cannot take stays an attribute and is noted."""
    shape = shape_of(tuple(attributes))
    if shape is None:
        return _sort_singly(attributes, oddities)
    values = shape.take(attributes)
    if tuple(map(type, values)) != shape.types or "" in values:
        return _sort_singly(attributes, oddities)
    for position, limit in shape.limits:
        if not 0 <= values[position] <= limit:
            return _sort_singly(attributes, oddities)
    row: dict[str, object] = dict(zip(shape.leaves, values, strict=False))
    if shape.request_headers or shape.response_headers:
        first = len(shape.leaves)
        middle = first + len(shape.request_headers)
        if set(map(type, chain.from_iterable(values[first:]))) != _STR:
            return _sort_singly(attributes, oddities)
        if shape.request_headers:
            row["requestHeaders"] = (shape.request_headers, values[first:middle])
        if shape.response_headers:
            row["responseHeaders"] = (shape.response_headers, values[middle:])
    return Sorted(
        row,
        {name: attributes[name] for name in shape.held} if shape.held else {},
        shape.rooms,
        {name: attributes[name] for name in shape.rest} if shape.rest else {},
    )


def header_values(headers: object, name: str) -> list[str]:
    """Returns the values of a header, none where it is missing.

    Args:
        headers: :data:`Headers`, or ``None``.
        name: in lower case.
    """
    if headers is None:
        return []
    names, values = cast("Headers", headers)
    return values[names.index(name)] if name in names else []


def _sort_singly(attributes: Attributes, oddities: list[str]) -> Sorted:
    """Does the same as the bulk way, value by value; defines what that way has to give."""
    found = Sorted()
    request_headers: dict[str, list[str]] = {}
    response_headers: dict[str, list[str]] = {}
    for key, value in attributes.items():
        place, leaf, detail = classify(key)
        if place == HELD_NAME:
            found.held[key] = value
            found.rooms |= detail
        elif place in (REQUEST_HEADER, RESPONSE_HEADER):
            headers = request_headers if place == REQUEST_HEADER else response_headers
            headers.setdefault(leaf, []).extend(_header_texts(value, oddities))
        elif place == TEXT_LEAF and isinstance(value, str):
            if value:
                found.row[leaf] = value
        elif place == INTEGER_LEAF and type(value) is int and 0 <= value <= detail:
            found.row[leaf] = value
        else:
            found.rest[key] = value
            if place != OTHER_NAME:
                oddities.append(notes.WRONG_TYPE)
    for leaf, headers in (("requestHeaders", request_headers), ("responseHeaders", response_headers)):
        if headers:
            names = tuple(sorted(headers))
            found.row[leaf] = (names, tuple(headers[name] for name in names))
    return found


def shape_of(names: tuple[str, ...]) -> Shape | None:
    """Returns how attributes of these names are taken apart, ``None`` where only one by one will do."""
    try:
        return _SHAPES[names]
    except KeyError:
        pass
    shape = _classify_all({name: classify(name) for name in names})
    if len(_SHAPES) < _MAX_SHAPES and sum(map(len, names)) <= _MAX_NAMES:
        _SHAPES[names] = shape
    return shape


def _classify_all(entries: dict[str, Entry]) -> Shape | None:
    def at(*places: int) -> list[str]:
        return [name for name, entry in entries.items() if entry[0] in places]

    def headers(place: int) -> list[tuple[str, str]]:
        return sorted((entries[name][1], name) for name in at(place))

    direct = at(TEXT_LEAF, INTEGER_LEAF)
    request, response = headers(REQUEST_HEADER), headers(RESPONSE_HEADER)
    if any(len(dict(named)) < len(named) for named in (request, response)):
        return None
    rooms = 0
    for name in at(HELD_NAME):
        rooms |= entries[name][2]
    taken = (*direct, *(name for _, name in request), *(name for _, name in response))
    return Shape(
        direct=taken,
        take=_taker(taken),
        types=(
            *(int if entries[name][0] == INTEGER_LEAF else str for name in direct),
            *(list for _ in request),
            *(list for _ in response),
        ),
        leaves=tuple(entries[name][1] for name in direct),
        limits=tuple(
            (position, entries[name][2])
            for position, name in enumerate(direct)
            if entries[name][0] == INTEGER_LEAF
        ),
        request_headers=tuple(header for header, _ in request),
        response_headers=tuple(header for header, _ in response),
        held=tuple(at(HELD_NAME)),
        rest=tuple(at(OTHER_NAME)),
        rooms=rooms,
    )


def _taker(names: tuple[str, ...]) -> Callable[[Attributes], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda attributes: tuple(attributes[name] for name in names)


def _header_texts(value: Value, oddities: list[str]) -> list[str]:
    """Returns header values as texts; what is none is written as JSON and noted."""
    texts = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            texts.append(item)
        else:
            oddities.append(notes.WRONG_TYPE)
            texts.append(encode_value(item, oddities))
    return texts
