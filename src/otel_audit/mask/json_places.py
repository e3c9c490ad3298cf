"""Where in a JSON text a walk is, and what is known of the texts from there on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from otel_audit.mask.findings import Finding
from otel_audit.mask.neighbours import Way

__all__ = ["NOTHING", "JsonPlace", "Pieces"]

Pieces: TypeAlias = "Mapping[Way, list[Finding]]"
"""Way to a text → pieces in it of findings that span several texts."""

NOTHING: Final[Pieces] = MappingProxyType({})


class JsonPlace:
    """Place of a value; its path is made into text only when something was found there.

    Args:
        step: last part of the path.
        parent: place of the array or object that it is in.
        name: the key that it or its array is under, as it was.
        depth: levels of JSON within strings.
        level: levels of arrays and objects.
        pieces: by the ways from here.
    """

    __slots__ = ("_parent", "_step", "depth", "level", "name", "pieces")

    def __init__(
        self, step: str, parent: JsonPlace | None = None, *,
        name: str | None = None, depth: int = 0, level: int = 0, pieces: Pieces = NOTHING,
    ) -> None:  # fmt: skip
        self._step, self._parent = step, parent
        self.name, self.depth, self.level, self.pieces = name, depth, level, pieces

    def __str__(self) -> str:
        steps = []
        place: JsonPlace | None = self
        while place is not None:
            steps.append(place._step)
            place = place._parent
        return "".join(reversed(steps))

    def member(self, key: str, masked_key: str) -> JsonPlace:
        """Place of a member."""
        pieces = _below(self.pieces, key)
        return JsonPlace(
            f".{masked_key}", self, name=key, depth=self.depth, level=self.level + 1, pieces=pieces
        )

    def item(self, index: int, pieces: Pieces) -> JsonPlace:
        """Place of an item, by the pieces of the array."""
        return JsonPlace(
            f"[{index}]", self,
            name=self.name, depth=self.depth, level=self.level + 1, pieces=_below(pieces, index),
        )  # fmt: skip

    def within(self) -> JsonPlace:
        """Place of the value of the JSON text that a string is."""
        return JsonPlace("", self, name=self.name, depth=self.depth + 1, pieces=self.pieces)


def _below(pieces: Pieces, step: str | int) -> Pieces:
    return {way[1:]: found for way, found in pieces.items() if way and way[0] == step} if pieces else NOTHING
