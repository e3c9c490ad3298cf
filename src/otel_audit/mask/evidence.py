"""What was masked, record by record: the ``masking`` struct. It never holds matched text."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from otel_audit.mask.arrow import Column
from otel_audit.record.schema import BY_NAME

__all__ = ["Evidence"]

_TYPE: Final[Any] = BY_NAME["masking"].type
_FIELDS: Final = _TYPE.field("fields").type
_ENTITIES: Final = _TYPE.field("entities").type
_DROPPED: Final = _TYPE.field("dropped").type


class Evidence:
    """Collects, for one batch, which fields were masked, of what, and which were withheld.

    Args:
        rows: number of records.
    """

    __slots__ = ("_dropped", "_masked", "_rows")

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._masked: dict[int, list[tuple[str, str, int]]] = {}
        self._dropped: dict[int, list[tuple[str, str]]] = {}

    def masked(self, row: int, path: str, entity: str, count: int = 1) -> None:
        """Something in a field was replaced."""
        self._masked.setdefault(row, []).append((path, entity, count))

    def withheld(self, row: int, path: str, reason: str) -> None:
        """A whole field was left out or replaced; ``reason`` is of a closed set."""
        self._dropped.setdefault(row, []).append((path, reason))

    def copy(self, other: Evidence, row: int) -> None:
        """Takes over what another one, of a single record, was told."""
        for path, entity, count in other._masked.get(0, ()):
            self.masked(row, path, entity, count)
        for path, reason in other._dropped.get(0, ()):
            self.withheld(row, path, reason)

    def struct(self, policy: str) -> pa.StructArray:
        """The column: every record names the policy; lists are null where there is nothing to tell."""
        masked, rows_masked = _distinct(self._masked, self._rows)
        dropped, rows_dropped = _distinct(self._dropped, self._rows)
        fields = [list(dict.fromkeys(path for path, _, _ in notes)) for notes in masked]
        entities = [_counted(notes) for notes in masked]
        withheld = [
            [{"path": path, "reason": reason} for path, reason in dict(reversed(notes)).items()]
            for notes in dropped
        ]
        children = [
            pa.repeat(pa.scalar(policy, pa.string()), self._rows),
            _spread(fields, rows_masked, _FIELDS),
            _spread(entities, rows_masked, _ENTITIES),
            _spread(withheld, rows_dropped, _DROPPED),
        ]
        return pa.StructArray.from_arrays(children, fields=list(_TYPE))


def _distinct(notes: dict[int, list[Any]], rows: int) -> tuple[list[tuple[Any, ...]], pa.Array[Any]]:
    """Notes that differ, which are few, and for each row the number of its own."""
    numbers: dict[tuple[Any, ...], int] = {}
    at = np.full(rows, -1, np.int32)
    for row, of_row in notes.items():
        at[row] = numbers.setdefault(tuple(of_row), len(numbers))
    return [*numbers], pa.array(at, mask=at < 0)


def _counted(notes: tuple[tuple[str, str, int], ...]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for _, entity, count in notes:
        counts[entity] = counts.get(entity, 0) + count
    return sorted(counts.items())


def _spread(values: list[Any], rows: pa.Array[Any], kind: Any) -> Column:
    if not values:
        return pa.nulls(len(rows), kind)
    distinct: Column = pa.array(values, kind)
    return distinct.take(rows)
