"""A query's filters, held against the rows of a table and against what a row group's statistics say.

Both are judged by the same :class:`Condition`, side by side, so that no row group is skipped that has a row which
would have matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.query.request import RECORD_ID, Query

__all__ = ["Condition", "Extremes", "Mask", "conditions"]

Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

Extremes: TypeAlias = Callable[[str], "tuple[str, str] | None"]
"""Least and greatest value of a column in a row group; None where the file does not say."""

_kernels: Final[Any] = pc
"""The stubs know arrays of one type only where the kernels take any."""

_GLOB: Final = re.compile(r"[*?]")
_ANYTHING: Final = {"*": r"[\s\S]*", "?": r"[\s\S]"}
"""Wildcards; no flag is needed for them to take line feeds."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds where any of the columns is any of the values.

    Attributes:
        columns: dotted where they are children of structs.
        values: with wildcards ``*`` and ``?``.
        exact_case: whether case counts.
        beginnings: whether a value is only the beginning of what is looked for.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    exact_case: bool = True
    beginnings: bool = False

    def holds(self, table: pa.Table) -> Mask:
        """For which rows it holds. A null is no value."""
        found = np.zeros(table.num_rows, bool)
        for column in self.columns:
            found |= self._matches(_column(table, column)).fill_null(False).to_numpy()
        return found

    def may_hold(self, extremes: Extremes) -> bool:
        """Whether it can hold for any row of a row group."""
        return any(self._within(extremes(column)) for column in self.columns)

    def _matches(self, column: Any) -> Any:
        if self._is_plain:
            return _kernels.is_in(column, value_set=pa.array(self.values, pa.string()))
        end = "" if self.beginnings else "$"
        pattern = f"^(?:{'|'.join(map(_pattern, self.values))}){end}"
        return _kernels.match_substring_regex(column, pattern=pattern, ignore_case=not self.exact_case)

    def _within(self, extremes: tuple[str, str] | None) -> bool:
        if extremes is None or not self._is_plain:
            return True
        least, greatest = (text.encode() for text in extremes)
        return any(least <= value.encode() <= greatest for value in self.values)

    @property
    def _is_plain(self) -> bool:
        """Whether equality is all there is to it."""
        return self.exact_case and not self.beginnings and not any(map(_GLOB.search, self.values))


def conditions(query: Query) -> tuple[Condition, ...]:
    """What the query asks besides its window; all of them must hold."""
    asked = (
        Condition(("user.id",), query.users),
        Condition(("action",), query.actions, exact_case=False),
        Condition(("modelInfo.modelName", "modelInfo.responseModel"), query.models, exact_case=False),
        Condition(("outcome",), query.outcomes),
        Condition((RECORD_ID,), query.record_ids, exact_case=False, beginnings=True),
    )
    return tuple(condition for condition in asked if condition.values)


def _pattern(glob: str) -> str:
    return "".join(_ANYTHING.get(character) or re.escape(character) for character in glob)


def _column(table: pa.Table, name: str) -> Any:
    top, _, child = name.partition(".")
    return _kernels.struct_field(table[top], child) if child else table[top]
