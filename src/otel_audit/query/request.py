"""What a reader asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.errors import ConfigurationError
from otel_audit.record.streams import STREAMS

OUTCOMES: Final = ("success", "failure", "unknown")

TIME: Final = "timeUnixNano"
"""The instant that windows and the order of results go by, exact to the nanosecond."""

OBSERVED: Final = "observedTimeUnixNano"

RECORD_ID: Final = "recordId"


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
    record_ids: tuple[str, ...] = ()
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
