"""What a reader asks for, and the same as an Arrow expression.

A :class:`Query` says which records; :func:`expression` turns it into one Arrow expression that both the row
groups' statistics and the rows are held against, so that what is skipped and what is dropped never differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.errors import ConfigurationError
from otel_audit.record.streams import STREAMS

OUTCOMES: Final = ("success", "failure", "unknown")

TIME: Final = "timeUnixNano"
"""The instant that windows and the order of results go by, exact to the nanosecond."""

OBSERVED: Final = "observedTimeUnixNano"

RECORD_ID: Final = "recordId"

_GLOB: Final = re.compile(r"[*?]")


@dataclass(frozen=True, slots=True)
class Query:
    """Which records a reader wants. Values of one filter are alternatives, filters narrow each other.

    Attributes:
        start_unix_nano: first instant wanted, nanoseconds since the epoch; None: from the beginning.
        end_unix_nano: first instant not wanted any more; None: to the end.
        users: ``user.id``; ``*`` and ``?`` are wildcards, here and in the next two.
        actions: ``action``, in any case.
        models: ``modelInfo.modelName`` or ``modelInfo.responseModel``, in any case.
        outcomes: of :data:`OUTCOMES`.
        streams: of :data:`~otel_audit.record.schema.STREAMS`.
        record_ids: ``recordId``, or beginnings of one.
        limit: at most so many records; None: all.
        newest_first: order by falling instead of rising time.

    Raises:
        ConfigurationError: an outcome or stream is unknown, the window is empty, the limit is not positive.
    """

    start_unix_nano: int | None = None
    end_unix_nano: int | None = None
    users: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    streams: tuple[str, ...] = STREAMS
    record_ids: tuple[str, ...] = field(default=())
    limit: int | None = None
    newest_first: bool = False

    def __post_init__(self) -> None:
        for name, given, accepted in (
            ("outcome", self.outcomes, OUTCOMES),
            ("stream", self.streams, STREAMS),
        ):
            if unknown := sorted(set(given) - set(accepted)):
                raise ConfigurationError(f"{name}: unknown {unknown}; accepted are {list(accepted)}")
        start, end = self.start_unix_nano, self.end_unix_nano
        if start is not None and end is not None and end <= start:
            raise ConfigurationError("the window is empty: its end is not after its start")
        if self.limit is not None and self.limit < 1:
            raise ConfigurationError("limit: at least 1")

    @property
    def bounded(self) -> bool:
        """Whether any of the two ends of the window is set."""
        return self.start_unix_nano is not None or self.end_unix_nano is not None

    def overlaps(self, first_unix_nano: int, last_unix_nano: int) -> bool:
        """Whether the window holds an instant of the closed interval given."""
        return (self.start_unix_nano is None or last_unix_nano >= self.start_unix_nano) and (
            self.end_unix_nano is None or first_unix_nano < self.end_unix_nano
        )


_FILTERS: Final[tuple[tuple[Callable[[Query], tuple[str, ...]], tuple[str, ...], bool], ...]] = (
    # values of the query, columns that hold them, whether case counts
    (lambda query: query.users, ("user.id",), True),
    (lambda query: query.actions, ("action",), False),
    (lambda query: query.models, ("modelInfo.modelName", "modelInfo.responseModel"), False),
    (lambda query: query.outcomes, ("outcome",), True),
)


def filter_columns(query: Query) -> tuple[str, ...]:
    """Columns, dotted where they are children of a struct, that :func:`expression` needs besides
    :data:`TIME` and :data:`RECORD_ID`."""
    return tuple(column for values, columns, _ in _FILTERS if values(query) for column in columns)


def content_expression(query: Query) -> pc.Expression | None:
    """What the query asks besides its window; None if that is nothing."""
    parts: list[pc.Expression] = []
    for values, columns, exact_case in _FILTERS:
        if given := values(query):
            parts.append(_any([_matches(_field(column), given, exact_case) for column in columns]))
    if query.record_ids:
        field_ = pc.field(RECORD_ID)
        parts.append(_any([_starts_with(field_, given.lower()) for given in query.record_ids]))
    return _all(parts)


def window_expression(query: Query, column: str = TIME) -> pc.Expression | None:
    """Whether an instant column lies in the window; None if every instant does."""
    parts: list[pc.Expression] = []
    if query.start_unix_nano is not None:
        parts.append(pc.field(column) >= pa.scalar(query.start_unix_nano, pa.int64()))
    if query.end_unix_nano is not None:
        parts.append(pc.field(column) < pa.scalar(query.end_unix_nano, pa.int64()))
    return _all(parts)


def _field(column: str) -> pc.Expression:
    return pc.field(*column.split("."))


def _matches(column: pc.Expression, values: tuple[str, ...], exact_case: bool) -> pc.Expression:
    if exact_case and not any(_GLOB.search(value) for value in values):
        # Equality can be judged by a row group's smallest and largest value, a pattern cannot.
        return _any([column == pa.scalar(value) for value in values])
    pattern = "|".join(_pattern(value) for value in values)
    return pc.match_substring_regex(column, pattern=f"^(?:{pattern})$", ignore_case=not exact_case)


def _pattern(glob: str) -> str:
    # (?s) would be a flag for the whole pattern: any character is written out, line feeds included.
    anything = {"*": r"[\s\S]*", "?": r"[\s\S]"}
    return "".join(anything.get(character) or re.escape(character) for character in glob)


def _starts_with(column: pc.Expression, given: str) -> pc.Expression:
    return pc.starts_with(column, pattern=given)


def _any(parts: list[pc.Expression]) -> pc.Expression:
    combined = parts[0]
    for part in parts[1:]:
        combined = combined | part
    return combined


def _all(parts: list[pc.Expression]) -> pc.Expression | None:
    if not parts:
        return None
    combined = parts[0]
    for part in parts[1:]:
        combined = combined & part
    return combined
