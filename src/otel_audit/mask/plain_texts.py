"""Texts with nothing to mask that come again and again: methods, routes, hosts, names of services and models.

Searching a short text costs several calls that each let go of the interpreter's lock, and get it back when a busy
application leaves it; to know it costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from typing import Final

from otel_audit.mask.arrow import Column

__all__ = ["PlainTexts"]

_TEXTS: Final = 1024
_CHARACTERS: Final = 256


class PlainTexts:
    """Remembers, of each field, short texts in which nothing was found. For several threads; bounded."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: defaultdict[str, set[str | None]] = defaultdict(lambda: {None})

    def unknown(self, field: str, texts: Column) -> list[int]:
        """Indexes of those that nothing is known of."""
        known = self._known[field]
        return [index for index, text in enumerate(texts.to_pylist()) if text not in known]

    def searched(self, field: str, texts: Column, hits: Container[int]) -> None:
        """Remember what a search let pass.

        Args:
            field: that the texts are of.
            texts: all of it.
            hits: indexes of those that have a trigger.
        """
        for index, text in enumerate(texts.to_pylist()):
            if index not in hits and text is not None:
                self.add(field, text)

    def add(self, field: str, text: str) -> None:
        """Remember one, whose key says nothing of it."""
        if len(text) <= _CHARACTERS:
            known = self._known[field]
            if len(known) > _TEXTS:
                known.clear()
                known.add(None)
            known.add(text)
