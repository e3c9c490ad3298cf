"""What a text that was cut before it came here loses: what is left of an entity at its end may not look like one."""

from __future__ import annotations

from typing import Any, Final

from otel_audit.mask.json_values import Number, Pairs, dump, load
from otel_audit.mask.operators import WITHHELD

__all__ = ["without_end", "without_tail"]

_TAIL: Final = 256
"""Characters that are taken off, counted over leaves from the last one back."""


class _Tail:
    def __init__(self) -> None:
        self.left = _TAIL

    def off(self, node: Any) -> Any:
        """The node without what of the tail is in it."""
        if self.left <= 0:
            return node
        if type(node) is str:
            kept = max(0, len(node) - self.left)
            self.left -= len(node)
            return node[:kept]
        if isinstance(node, Pairs):
            return Pairs([(key, item) for key, item in self._members(list(node))])
        if isinstance(node, dict):
            return dict(self._members(list(node.items())))
        if isinstance(node, list):
            return self._each(node)
        if node is None or isinstance(node, bool):
            return node
        self.left -= len(node if isinstance(node, Number) else str(node))
        return WITHHELD

    def _each(self, items: list[Any]) -> list[Any]:
        return [self.off(item) for item in reversed(items)][::-1]

    def _members(self, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        shortened = []
        for key, item in reversed(members):
            shortened.append((key, self.off(item)))
            self.left -= len(key)
        return shortened[::-1]


def without_end(text: str) -> str:
    """A text, masked already, without its last 256 characters; ``[WITHHELD]`` where that is all of it."""
    return text[: max(0, len(text) - _TAIL)] or WITHHELD


def without_tail(text: str) -> str:
    """A JSON text, masked already, without the last 256 characters of its leaves.

    Strings lose their ends, numbers become ``[WITHHELD]``: their last digits may be those of an entity.

    Raises:
        ValueError: it is no JSON text.
    """
    return dump(_Tail().off(load(text)))
