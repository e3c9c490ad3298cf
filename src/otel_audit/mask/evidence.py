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

    __slots__ = ("_dropped", "_entities", "_fields", "_rows")

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._fields: dict[int, dict[str, None]] = {}
        self._entities: dict[int, dict[str, int]] = {}
        self._dropped: dict[int, dict[str, str]] = {}

    def masked(self, row: int, path: str, entity: str, count: int = 1) -> None:
        """Something in a field was replaced."""
        self._fields.setdefault(row, {})[path] = None
        entities = self._entities.setdefault(row, {})
        entities[entity] = entities.get(entity, 0) + count

    def withheld(self, row: int, path: str, reason: str) -> None:
        """A whole field was left out or replaced; ``reason`` is of a closed set."""
        self._dropped.setdefault(row, {}).setdefault(path, reason)

    def copy(self, other: Evidence, row: int) -> None:
        """Takes over what another one, of a single record, was told."""
        for path in other._fields.get(0, ()):
            self._fields.setdefault(row, {})[path] = None
        entities = self._entities.setdefault(row, {}) if other._entities else {}
        for entity, count in other._entities.get(0, {}).items():
            entities[entity] = entities.get(entity, 0) + count
        for path, reason in other._dropped.get(0, {}).items():
            self.withheld(row, path, reason)

    def struct(self, policy: str) -> Column:
        """The column: every record names the policy; lists are null where there is nothing to tell."""
        children = [
            pa.repeat(pa.scalar(policy, pa.string()), self._rows),
            self._column(_FIELDS, {row: tuple(paths) for row, paths in self._fields.items()}),
            self._column(_ENTITIES, {row: tuple(sorted(counts.items())) for row, counts in self._entities.items()}),
            self._column(_DROPPED, {row: tuple(paths.items()) for row, paths in self._dropped.items()}),
        ]
        return pa.StructArray.from_arrays(children, fields=list(_TYPE))

    def _column(self, kind: Any, values: dict[int, tuple[Any, ...]]) -> Column:
        """One value a row; equal ones, which are most, are made once."""
        if not values:
            return pa.nulls(self._rows, kind)
        numbers: dict[tuple[Any, ...], int] = {}
        at = [-1] * self._rows
        for row, value in values.items():
            at[row] = numbers.setdefault(value, len(numbers))
        indices = np.array(at, np.int32)
        distinct: Column = pa.array([*numbers], kind)
        return distinct.take(pa.array(indices, mask=indices < 0))
