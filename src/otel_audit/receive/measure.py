"""How much a body asks for, told before anything is made of it.

An empty message inside another takes two bytes of protobuf and a hundred of memory, so the bytes of a body say
little about what parsing it takes. Its lengths are followed here without making anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from otel_audit.errors import TooLarge
from otel_audit.receive.options import ReceiveOptions

__all__ = ["measure_document", "measure_json", "measure_protobuf"]

Node: TypeAlias = "dict[int, Node]"

# Field numbers of opentelemetry-proto 1.x: common.proto, resource.proto, trace.proto, logs.proto.
_VALUE: Node = {}
_KEY_VALUE: Final[Node] = {2: _VALUE}
_VALUE.update({5: {1: _VALUE}, 6: {1: _KEY_VALUE}})
_RESOURCE: Final[Node] = {1: _KEY_VALUE}
_SCOPE: Final[Node] = {3: _KEY_VALUE}
_SPAN: Final[Node] = {9: _KEY_VALUE, 11: {3: _KEY_VALUE}, 13: {4: _KEY_VALUE}}
_LOG: Final[Node] = {5: _VALUE, 6: _KEY_VALUE}
_TREES: Final[Mapping[str, Node]] = {
    "traces": {1: {1: _RESOURCE, 2: {1: _SCOPE, 2: _SPAN}}},
    "logs": {1: {1: _RESOURCE, 2: {1: _SCOPE, 2: _LOG}}},
}
_SMALL: Final = 64
"""A message of fewer bytes is not looked into: it holds 32 others at most."""

_LEAST_BYTES: Final = 2
"""Of a message within another. A body too short for more than are taken is not looked into beyond its spans."""

_MAX_DEPTH: Final = 100
"""The parser refuses what is nested deeper."""

_KEYS: Final = {
    "traces": (("resourceSpans", "scopeSpans", "spans"), ("resource_spans", "scope_spans", "spans")),
    "logs": (("resourceLogs", "scopeLogs", "logRecords"), ("resource_logs", "scope_logs", "log_records")),
}


def measure_protobuf(data: bytes, signal: str, options: ReceiveOptions) -> None:
    """Follows a message as far as it is well-formed; whether it is, the parser says.

    Raises:
        TooLarge: it holds more spans, log records or parts of them than are taken.
    """
    walk = _Walk(data, options, is_deep=len(data) > _LEAST_BYTES * options.max_elements)
    try:
        walk.count(0, len(data), _TREES[signal], 0)
    except (IndexError, ValueError):
        return


class _Walk:
    def __init__(self, data: bytes, options: ReceiveOptions, *, is_deep: bool) -> None:
        self._data, self._is_deep = data, is_deep
        self._items, self._elements = options.max_items, options.max_elements

    def count(self, position: int, end: int, node: Node, depth: int) -> None:
        is_deep = self._is_deep
        while position < end:
            tag, position = self._varint(position)
            wire = tag & 7
            if wire == 2:
                size, position = self._varint(position)
                start, position = position, position + size
                if position > end:
                    raise ValueError
                child = node.get(tag >> 3)
                if child is None:
                    continue
                is_item = child is _SPAN or child is _LOG
                self._spend(is_item=is_item)
                if depth < _MAX_DEPTH and size >= _SMALL and (is_deep or not is_item):
                    self.count(start, position, child, depth + 1)
            elif wire == 0:
                _, position = self._varint(position)
            elif wire == 1:
                position += 8
            elif wire == 5:
                position += 4
            elif wire > 4:
                raise ValueError

    def _spend(self, *, is_item: bool) -> None:
        self._elements -= 1
        if is_item:
            self._items -= 1
        if self._elements < 0 or self._items < 0:
            raise TooLarge("the request holds more spans, log records or attributes than are taken")

    def _varint(self, position: int) -> tuple[int, int]:
        data = self._data
        byte = data[position]
        if byte < 0x80:
            return byte, position + 1
        value, shift = byte & 0x7F, 7
        while True:
            position += 1
            byte = data[position]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position + 1
            shift += 7
            if shift > 63:
                raise ValueError


def measure_json(data: bytes, options: ReceiveOptions) -> None:
    """Counts what may be an object or a list, in texts as well.

    Raises:
        TooLarge: there are more than are taken.
    """
    if data.count(b"{") + data.count(b"[") > options.max_elements:
        raise TooLarge("the request holds more objects and lists than are taken")


def measure_document(document: Mapping[str, Any], signal: str, options: ReceiveOptions) -> None:
    """Counts spans or log records of a parsed document, whatever else it is.

    Raises:
        TooLarge: there are more than are taken.
    """
    items = 0
    for top, middle, leaf in _KEYS[signal]:
        for group in _listed(document, top):
            for scope in _listed(group, middle):
                items += len(_listed(scope, leaf))
    if items > options.max_items:
        raise TooLarge("the request holds more spans or log records than are taken")


def _listed(parent: Any, key: str) -> list[Any]:
    found = parent.get(key) if isinstance(parent, Mapping) else None
    return found if isinstance(found, list) else []
