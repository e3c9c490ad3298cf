"""What is looked for by an engine, and for how long."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from otel_audit.errors import ConfigurationError

__all__ = ["FIELDS", "NAMES", "NerOptions"]

NAMES: Final = ("LOCATION", "PERSON")
"""Types of what an engine finds."""

FIELDS: Final = (
    "request", "response", "errorMessage", "events", "changes", "attributes", "spanName", "requestPath", "requestQuery",
    "links", "target", "purpose", "requestHeaders", "responseHeaders",
)  # fmt: skip
"""Columns that may be looked at; of paths and queries the parts, decoded."""

DEFAULT_FIELDS: Final = FIELDS[:9]


@dataclass(frozen=True, slots=True)
class NerOptions:
    """The options of the pass.

    Attributes:
        model: package or folder of a spaCy pipeline with named entities.
        language: of the texts, as the model says it.
        fields: columns whose texts are looked at.
        score: below it a finding does not count, 0 to 1.
        timeout_s: for one batch, of at most 512 records; texts that were not looked at by then are withheld.
        load_timeout_s: for loading the model, besides.

    Raises:
        ConfigurationError: a number is out of its range, or a field is none of :data:`FIELDS`.
    """

    model: str
    language: str = "en"
    fields: tuple[str, ...] = DEFAULT_FIELDS
    score: float = 0.4
    timeout_s: float = 30.0
    load_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ConfigurationError("ner.score: a number from 0 to 1")
        if unknown := set(self.fields) - set(FIELDS):
            raise ConfigurationError(
                f"ner.fields: {', '.join(sorted(unknown))}: accepted are {', '.join(FIELDS)}"
            )
        if self.timeout_s <= 0 or self.load_timeout_s <= 0:
            raise ConfigurationError("ner: time-outs are longer than nothing")

    def document(self) -> dict[str, object]:
        """As a published policy says it: what decides, not how long it may take."""
        return {
            name: value for name, value in asdict(self).items() if name not in ("timeout_s", "load_timeout_s")
        }
