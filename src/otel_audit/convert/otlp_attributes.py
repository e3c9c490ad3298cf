"""Attributes of many spans read at once from the bytes of their ``KeyValue`` messages.

A message is read here if it is written as every encoder writes it: the key, then a value that is a text, a truth
value, a number from 0 on, a list of one text, or nothing, and not a byte more. Everything else is left to
``otlp_values.py``, which defines what comes out; so no message is judged malformed here.

Wire format: https://protobuf.dev/programming-guides/encoding. Messages: opentelemetry-proto 1.x, ``common.proto``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from otel_audit.convert.spans import Attributes, Value

__all__ = ["read_encoded"]

Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
Places: TypeAlias = "np.ndarray[Any, np.dtype[np.intp]]"
Bools: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

_KEY: Final = 1 << 3 | 2
_VALUE: Final = 2 << 3 | 2
_TEXT: Final = 1 << 3 | 2
_TRUTH: Final = 2 << 3 | 0
_INTEGER: Final = 3 << 3 | 0
_DOUBLE: Final = 4 << 3 | 1
_LIST: Final = 5 << 3 | 2
_ITEM: Final = 1 << 3 | 2
"""Tags: number of the field, and how its value is written. No field has the tag 0."""

_MORE: Final = 0x80
"""Set in each byte of a number but the last."""
_INTEGER_BYTES: Final = 9
"""Of 7 bits each: what is longer is negative."""

_PADDING: Final = bytes(512)
"""Behind the last message, so that what a broken length points at can be looked at: a key's length is one byte."""

_LOT: Final = 1 << 16
"""Attributes that are read at once: each takes some 300 bytes meanwhile."""


def read_encoded(spans: Iterable[Sequence[bytes]]) -> list[Attributes | None]:
    """Reads attributes, a dict a span; ``None`` where they have to be read one by one.

    Args:
        spans: of each the encoded attributes.

    Raises:
        ValueError: a text is not UTF-8.
    """
    found: list[Attributes | None] = []
    lot: list[Sequence[bytes]] = []
    count = 0
    for encoded in spans:
        if count + len(encoded) > _LOT:
            found += _read_lot(lot)
            lot, count = [], 0
        if len(encoded) > _LOT:
            found.append(None)
        else:
            lot.append(encoded)
            count += len(encoded)
    return found + _read_lot(lot)


def _read_lot(spans: Sequence[Sequence[bytes]]) -> list[Attributes | None]:
    encoded = [*chain.from_iterable(spans)]
    sizes = np.fromiter(map(len, encoded), np.intp, len(encoded))
    encoded.append(_PADDING)
    messages = _Messages(b"".join(encoded), sizes)
    values, codes, names = messages.values(), *messages.names()
    bounds = [*accumulate(map(len, spans), initial=0)]
    shapes: dict[bytes, tuple[str, ...] | None] = {}
    raw, width = codes.tobytes(), codes.itemsize
    found: list[Attributes | None] = []
    for start, end in pairwise(bounds):
        shape = raw[start * width : end * width]
        if shape in shapes:
            keys = shapes[shape]
        else:
            keys = shapes[shape] = _keys(codes[start:end].tolist(), names)
        found.append(None if keys is None else dict(zip(keys, values[start:end])))  # noqa: B905  (quicker)
    return found


def _keys(codes: Sequence[int], names: Sequence[str]) -> tuple[str, ...] | None:
    """Returns the names of a span's attributes, ``None`` where one of them is not read here or stands twice."""
    is_usual = len({*codes}) == len(codes) and -1 not in codes
    return tuple(names[code] for code in codes) if is_usual else None


class _Messages:
    """``KeyValue`` messages.

    Args:
        content: one behind the other, then the padding.
        sizes: bytes of each.
    """

    def __init__(self, content: bytes, sizes: Places) -> None:
        self._content, self._count = content, len(sizes)
        self._bytes: Bytes = np.frombuffer(content, np.uint8)
        self._ends: Places = sizes.cumsum()
        self._keys: Places = self._ends - sizes + 2
        self._key_ends: Places = self._keys + self._bytes[self._keys - 1]
        at, size = self._length(self._key_ends + 1)
        self._at = at
        is_usual = (
            (self._bytes[self._keys - 2] == _KEY)
            & (self._bytes[self._keys - 1] < _MORE)
            & (self._bytes[self._key_ends] == _VALUE)
            & (at + size == self._ends)
        )
        self._is_read: Bools = is_usual & (size == 0)
        self._tags = np.where(is_usual & (size > 0), self._bytes[at], 0)

    def values(self) -> list[Value]:
        """Values of all; ``None`` also where a message is not read here."""
        values: Any = np.full(self._count, None, object)
        begins = np.full(self._count, -1, np.intp)
        for chosen, at in (self._texts(), lists := self._lists()):
            begins[chosen] = at
        texts = np.flatnonzero(begins >= 0)
        values[texts] = _slices(self._content, begins[texts], self._ends[texts])
        self._read_numbers(values)
        plain: list[Value] = values.tolist()
        for place in lists[0].tolist():
            plain[place] = [plain[place]]
        return plain

    def names(self) -> tuple[Any, list[str]]:
        """Of each message the number of its key, -1 where it is not read here, and the keys."""
        read = np.flatnonzero(self._is_read)
        codes = np.full(self._count, -1, np.int32)
        if not len(read):
            return codes, []
        found = _array(self._content, self._keys[read], self._key_ends[read]).dictionary_encode()
        codes[read] = found.indices.to_numpy()
        return codes, found.dictionary.to_pylist()

    def _texts(self) -> tuple[Places, Places]:
        """Messages with a text, and where it begins. It ends where the message does."""
        chosen = np.flatnonzero(self._tags == _TEXT)
        at, size = self._length(self._at[chosen] + 1)
        return self._take(chosen, at, at + size == self._ends[chosen])

    def _lists(self) -> tuple[Places, Places]:
        """Messages with a list of one text, and where that begins."""
        chosen = np.flatnonzero(self._tags == _LIST)
        ends = self._ends[chosen]
        outer, outer_size = self._length(self._at[chosen] + 1)
        # A broken length ends elsewhere, so what it points at is looked at, but never taken.
        item, item_size = self._length(np.minimum(outer, ends) + 1)
        at, size = self._length(np.minimum(item, ends) + 1)
        fits = (outer + outer_size == ends) & (item + item_size == ends) & (at + size == ends)
        tags = self._bytes[np.minimum(outer, ends)], self._bytes[np.minimum(item, ends)]
        return self._take(chosen, at, fits & (tags[0] == _ITEM) & (tags[1] == _TEXT))

    def _take(self, chosen: Places, at: Places, fits: Bools) -> tuple[Places, Places]:
        chosen = chosen[fits]
        self._is_read[chosen] = True
        return chosen, at[fits]

    def _read_numbers(self, values: Any) -> None:
        for tag, read in ((_INTEGER, self._integers), (_TRUTH, self._truths), (_DOUBLE, self._doubles)):
            chosen = np.flatnonzero(self._tags == tag)
            if len(chosen):
                at = self._at[chosen] + 1
                found, fits = read(at, self._ends[chosen] - at)
                chosen = chosen[fits]
                self._is_read[chosen] = True
                values[chosen] = found[fits]

    def _integers(self, at: Places, width: Places) -> tuple[Any, Bools]:
        found = np.zeros(len(at), np.int64)
        fits = (width > 0) & (width <= _INTEGER_BYTES)
        for number in range(int(width[fits].max(initial=0))):
            byte = self._bytes[at + number]
            is_part = number < width
            found |= np.where(is_part, byte & ~np.uint8(_MORE), 0).astype(np.int64) << 7 * number
            fits &= ~is_part | ((byte >= _MORE) == (number < width - 1))
        return found, fits

    def _truths(self, at: Places, width: Places) -> tuple[Any, Bools]:
        found = self._bytes[at]
        return found == 1, (width == 1) & (found <= 1)

    def _doubles(self, at: Places, width: Places) -> tuple[Any, Bools]:
        found = self._bytes[at[:, None] + np.arange(8)]
        return found.view("<f8")[:, 0], width == 8

    def _length(self, at: Places) -> tuple[Places, Places]:
        """Lengths of up to four bytes: where they end, and what they say."""
        byte: Any = self._bytes[at]
        size: Places = (byte & ~np.uint8(_MORE)).astype(np.intp)
        after = at + 1
        longer = np.flatnonzero(byte >= _MORE)
        for shift in (7, 14, 21):
            if not len(longer):
                break
            byte = self._bytes[after[longer]]
            size[longer] |= (byte & ~np.uint8(_MORE)).astype(np.intp) << shift
            after[longer] += 1
            longer = longer[byte >= _MORE]
        # What is longer still is left to others.
        size[longer] = -1 << 40
        return after, size


def _slices(content: bytes, starts: Places, ends: Places) -> Any:
    """Texts of some parts of the content, which do not overlap and stand in order.

    Raises:
        ValueError: one is not UTF-8.
    """
    try:
        return _array(content, starts, ends).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise ValueError("a text is not UTF-8") from error


def _array(content: bytes, starts: Places, ends: Places) -> Any:
    count = len(starts)
    if not count:
        return pa.array([], pa.string())
    # Every second row is what lies between two of the texts.
    offsets: Any = np.column_stack([starts, ends]).astype(np.int32)
    wanted: Any = np.arange(0, 2 * count, 2)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), 2 * count - 1, buffers).take(pa.array(wanted))
