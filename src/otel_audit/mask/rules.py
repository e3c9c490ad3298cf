"""Rules of a policy, and the keys that pseudonyms are made with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, Protocol, TypeAlias

from otel_audit.errors import ConfigurationError
from otel_audit.record.streams import STREAMS

__all__ = ["INDEX", "KEY_BYTES", "PARTIALS", "MaskKey", "MaskRule", "Operator", "RowFacts", "glob_pattern"]

Operator: TypeAlias = Literal["redact", "hash", "partial", "drop", "keep"]
OPERATORS: Final = ("redact", "hash", "partial", "drop", "keep")

KEY_BYTES: Final = 32
"""Least length of a key: that of the hash it keys (RFC 2104 section 3)."""

PARTIALS: Final = frozenset({"CREDIT_CARD", "IBAN", "PHONE"})
"""Types of which a few last characters may be shown."""

_KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
INDEX: Final = re.compile(r"\[[0-9]+\]")
"""Indexes in a path."""


@dataclass(frozen=True, slots=True)
class MaskKey:
    """A key for pseudonyms.

    Attributes:
        id: stands in each pseudonym, so that keys can be changed; ``[a-z0-9-]``, at most 16 characters.
        secret: at least 32 bytes; never shown, compared or hashed into anything but pseudonyms.

    Raises:
        ConfigurationError: the id has another form, or the secret is too short.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ConfigurationError("mask.key_id: a name of at most 16 characters a-z, 0-9 and '-'")
        if len(self.secret) < KEY_BYTES:
            raise ConfigurationError(f"mask.key: at least {KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class MaskRule:
    """What happens to findings in some fields.

    Attributes:
        field: glob over paths such as ``request.messages[0].parts[0].content``; ``*`` is any text, ``?`` one
            character; indexes may be left out.
        operator: ``redact`` writes ``[TYPE]``; ``hash`` a pseudonym; ``partial`` at most 4 last characters;
            ``drop`` nothing; ``keep`` leaves it. Without ``entity``, ``drop`` withholds the whole field.
        entity: only findings of this type; None: all but credentials.
        stream: only records of this stream.
        model: glob over the model's name.
        route: glob over the route.

    Raises:
        ConfigurationError: an operator or stream is unknown, or ``partial`` is asked for a type that it
            would reveal.
    """

    field: str
    operator: Operator
    entity: str | None = None
    stream: str | None = None
    model: str | None = None
    route: str | None = None

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ConfigurationError(f"mask.rules.operator: accepted are {', '.join(OPERATORS)}")
        if self.stream is not None and self.stream not in STREAMS:
            raise ConfigurationError(f"mask.rules.stream: accepted are {', '.join(STREAMS)}")
        if self.operator == "partial" and self.entity not in PARTIALS:
            raise ConfigurationError(
                f"mask.rules: partial needs an entity of {', '.join(sorted(PARTIALS))}; of others it shows too much"
            )

    @property
    def of_row(self) -> bool:
        """Whether it depends on the record, not only on the field."""
        return not (self.stream is None and self.model is None and self.route is None)

    @property
    def drops_fields(self) -> bool:
        """Whether it withholds whole fields."""
        return self.operator == "drop" and self.entity is None

    def concerns(self, path: str, facts: RowFacts) -> bool:
        """Whether it is about this field of this record."""
        pattern = glob_pattern(self.field)
        if not (pattern.fullmatch(path) or pattern.fullmatch(INDEX.sub("", path))):
            return False
        return (
            (self.stream is None or self.stream == facts.stream)
            and (self.model is None or glob_pattern(self.model).fullmatch(facts.model) is not None)
            and (self.route is None or glob_pattern(self.route).fullmatch(facts.route) is not None)
        )

    def may_concern(self, column: str) -> bool:
        """Whether it could be about a field within this column."""
        literal = re.split(r"[*?]", self.field, maxsplit=1)[0]
        return (
            literal.startswith((f"{column}.", f"{column}["))
            or column.startswith(literal)
            or literal == column
        )


class RowFacts(Protocol):
    """What rules and pseudonyms need to know of a record; empty strings where it does not say."""

    @property
    def stream(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def tenant(self) -> str: ...


@lru_cache(maxsize=1024)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob of ``*`` and ``?`` as a pattern; brackets stand for themselves."""
    pieces = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in glob)
    return re.compile("".join(pieces), re.DOTALL)
