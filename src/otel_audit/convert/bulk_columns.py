"""Attributes of many spans of one shape, sorted: columns where one span has values.

What :class:`~otel_audit.convert.sorter.Sorted` is for one span. Columns are tuples with one value a span;
``None`` says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import eq
from typing import Any, Final, TypeAlias

__all__ = ["GONE", "AttributeColumns", "Irregular", "SortedColumns", "integers", "plain_texts", "texts"]

AttributeColumns: TypeAlias = "Mapping[str, Sequence[Any]]"
"""Name of an attribute → its value in each span."""

GONE: Final = object()
"""Stands where one span's value was taken by a room and another's was not."""

_STR: Final = frozenset({str})
_INT: Final = frozenset({int})


class Irregular(Exception):
    """The spans hold something that needs rows."""


@dataclass(slots=True)
class SortedColumns:
    """Attributes of many spans after sorting.

    Attributes:
        columns: leaf of the record → its values, or its array.
        held: names that rooms read; they take out what they use.
        rest: what stays an attribute.
    """

    columns: dict[str, Any]
    held: dict[str, Sequence[Any]]
    rest: dict[str, Sequence[Any]]

    def merge(
        self, leaf: str, values: Sequence[Any], same: Callable[[Any, Any], bool] = eq
    ) -> Collection[int]:
        """Fills a leaf where it is empty; returns the positions at which it says something else than ``values``.

        Args:
            same: whether a value of the leaf and one of ``values`` say the same.
        """
        ours = self.columns.get(leaf)
        if ours is None:
            if values.count(None) < len(values):
                self.columns[leaf] = values
            return ()
        if ours == values:
            return ()
        pairs = list(zip(ours, values, strict=True))
        if None in ours:
            self.columns[leaf] = tuple(theirs if mine is None else mine for mine, theirs in pairs)
        return {
            position
            for position, (mine, theirs) in enumerate(pairs)
            if mine is not None and theirs is not None and not same(mine, theirs)
        }

    def take(self, name: str, but: Collection[int]) -> None:
        """Takes a name out of what is held, but for some positions."""
        if not but:
            del self.held[name]
        elif len(but) < len(self.held[name]):
            self.held[name] = tuple(
                value if position in but else GONE for position, value in enumerate(self.held[name])
            )


def texts(values: Sequence[Any]) -> Sequence[Any]:
    """Returns values that are all texts and not empty; joining them is the cheapest proof."""
    "".join(values)
    if not all(values):
        raise Irregular
    return values


def plain_texts(values: Sequence[Any]) -> Sequence[str]:
    """Returns values that may be left out where another says the same: texts of which nothing is noted."""
    if set(map(type, values)) != _STR or not all(values):
        raise Irregular
    "".join(values).encode()
    return values


def integers(values: Sequence[Any], limit: int) -> Sequence[int]:
    """Returns values that are all integers from 0 to ``limit``."""
    if set(map(type, values)) != _INT or min(values) < 0 or max(values) > limit:
        raise Irregular
    return values
