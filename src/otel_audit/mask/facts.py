"""What rules and pseudonyms need to know of a record, looked up only when they ask."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["Facts", "RecordFacts"]


class Facts:
    """Of the records of a batch.

    Args:
        columns: by name; looked at when asked, so they may still change in other fields.
    """

    def __init__(self, columns: dict[str, pa.Array]) -> None:
        self._stream, self._route = columns["stream"], columns["route"]
        self._tenant, self._info = columns["tenant"], columns["modelInfo"]

    def of(self, row: int) -> RecordFacts:
        """Of one record."""
        return RecordFacts(self, row)

    def text(self, name: str, row: int) -> str:
        """A fact; empty where the record does not say."""
        column = {"stream": self._stream, "route": self._route, "tenant": self._tenant}.get(name)
        value = (self._info.field("modelName") if column is None else column)[row].as_py()
        return value or ""


class RecordFacts:
    """Of one record."""

    __slots__ = ("_facts", "_row")

    def __init__(self, facts: Facts, row: int) -> None:
        self._facts, self._row = facts, row

    @property
    def stream(self) -> str:
        return self._facts.text("stream", self._row)

    @property
    def model(self) -> str:
        return self._facts.text("model", self._row)

    @property
    def route(self) -> str:
        return self._facts.text("route", self._row)

    @property
    def tenant(self) -> str:
        return self._facts.text("tenant", self._row)
