"""What an engine of named-entity recognition does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

__all__ = ["Engine", "Failure", "Finder", "Name"]

Failure: TypeAlias = Literal["time-out", "error"]
"""Why nobody looked at a text."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a text.

    Attributes:
        start: first character.
        end: character behind the last.
        entity: one of :data:`~otel_audit.mask.ner.options.NAMES`.
    """

    start: int
    end: int
    entity: str


class Engine(Protocol):
    """Finds names, in a process that does nothing else. May fail in any way."""

    def find(self, texts: Sequence[str]) -> list[list[Name]]:
        """The names in each text."""
        ...


class Finder(Protocol):
    """Has an engine look, and says of each text whether it did."""

    def find(self, texts: Sequence[str]) -> list[list[Name] | Failure]:
        """The names in each text, or why nobody looked. Never raises."""
        ...

    def forget(self) -> None:
        """In a forked child: what runs belongs to the parent."""
        ...

    def close(self) -> None:
        """End what runs; it is started again when it is needed."""
        ...
