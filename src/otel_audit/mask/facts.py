"""What rules and pseudonyms need to know of a record, looked up only when they ask."""

from __future__ import annotations

from otel_audit.mask.arrow import Column, children

__all__ = ["Facts", "RecordFacts"]


class Facts:
    """Of the records of a batch.

    Args:
        columns: by name; looked at when asked, so they may still change in other fields.
    """

    def __init__(self, columns: dict[str, Column]) -> None:
        self._columns = {name: columns[name] for name in ("stream", "route", "tenant")}
        self._columns["model"] = children(columns["modelInfo"])["modelName"]

    def of(self, row: int) -> RecordFacts:
        """Of one record."""
        return RecordFacts(self, row)

    def text(self, name: str, row: int) -> str:
        """A fact; empty where the record does not say."""
        return self._columns[name][row].as_py() or ""


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
