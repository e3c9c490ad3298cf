"""What happens to what is found: the options of the masking room.

Rules are tried in order, the first that matches decides; without one, a finding is replaced by the name of its
type, or by a pseudonym where there is a key and the type is one of :data:`PSEUDONYMS`. No rule writes a
credential or weakens the model tag.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final, Literal, Protocol, TypeAlias

from otel_audit.errors import ConfigurationError
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.tags import ModelTag
from otel_audit.record.streams import STREAMS

__all__ = ["DEFAULT_HEADERS", "MaskKey", "MaskPolicy", "MaskRule", "Operator", "RowFacts"]

Operator: TypeAlias = Literal["redact", "hash", "partial", "drop", "keep"]
OPERATORS: Final = ("redact", "hash", "partial", "drop", "keep")

KEY_BYTES: Final = 32
"""Least length of a key: that of the hash it keys (RFC 2104 section 3)."""

PSEUDONYMS: Final = frozenset({"EMAIL", "PHONE", "USER_ID"})
"""Types that become pseudonyms when there is a key and no rule says otherwise."""

PARTIALS: Final = frozenset({"CREDIT_CARD", "IBAN", "PHONE"})
"""Types of which a few last characters may be shown."""

DEFAULT_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "cache-control", "connection",
     "content-encoding", "content-language", "content-length", "content-type", "date", "host", "keep-alive",
     "retry-after", "server", "server-timing", "te", "traceparent", "transfer-encoding", "upgrade", "user-agent",
     "vary", "via", "x-request-id", "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens",
     "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "openai-processing-ms", "openai-version",
     "anthropic-version"}
)  # fmt: skip
"""Headers that a record with the model tag keeps: they describe the exchange, not the person."""

_KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,15}")
_INDEX: Final = re.compile(r"\[[0-9]+\]")


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
        ConfigurationError: an operator, type or stream is unknown, or ``partial`` is asked for a type that it
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
        if self.entity is not None and self.entity not in ENTITIES:
            raise ConfigurationError(f"mask.rules.entity: accepted are {', '.join(sorted(ENTITIES))}")
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

    def concerns(self, path: str, facts: RowFacts) -> bool:
        """Whether it is about this field of this record."""
        pattern = glob_pattern(self.field)
        if not (pattern.fullmatch(path) or pattern.fullmatch(_INDEX.sub("", path))):
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


@dataclass(frozen=True)
class MaskPolicy:
    """The options of masking.

    Attributes:
        keys: for pseudonyms; the first one makes new ones. Without a key nothing is pseudonymised, and fields
            that hold pseudonyms only (``session``, ``subjects``, credential ids) are withheld.
        rules: see :class:`MaskRule`.
        models: models whose use is tagged, see :class:`~otel_audit.mask.tags.ModelTag`.
        identity: what happens to ids, names and e-mail addresses in ``user``, ``userClaims`` and
            ``onBehalfOf``; an audit log must say who, so they are kept unless a policy says otherwise.
        headers: headers, lower case, that a record with the model tag keeps.
        pii_outputs: what a model with the tag answered: ``keep`` or ``withhold``; None withholds what quotes
            its input (chat, completions, embeddings, tools, agents, retrieval) and keeps plain predictions.
        field_timeout_s: how long judging one field may take before it is withheld, seconds, and as much again
            for each mebibyte.

    Raises:
        ConfigurationError: ``hash`` is asked for and there is no key, or two keys have one id.
    """

    keys: tuple[MaskKey, ...] = ()
    rules: tuple[MaskRule, ...] = ()
    models: tuple[ModelTag, ...] = ()
    identity: Literal["keep", "hash", "redact"] = "keep"
    headers: frozenset[str] = DEFAULT_HEADERS
    pii_outputs: Literal["keep", "withhold"] | None = None
    field_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        hashing = self.identity == "hash" or any(rule.operator == "hash" for rule in self.rules)
        if hashing and not self.keys:
            raise ConfigurationError(
                f"mask: operator hash needs mask.key, a secret of at least {KEY_BYTES} bytes"
            )
        if len({key.id for key in self.keys}) < len(self.keys):
            raise ConfigurationError("mask: two keys have the same key_id")
        if self.identity not in ("keep", "hash", "redact"):
            raise ConfigurationError("mask.identity: accepted are keep, hash, redact")
        if self.pii_outputs not in (None, "keep", "withhold"):
            raise ConfigurationError("mask.pii_outputs: accepted are keep and withhold")

    @property
    def key(self) -> MaskKey | None:
        """The key of new pseudonyms."""
        return self.keys[0] if self.keys else None

    @cached_property
    def of_row(self) -> bool:
        """Whether the same text in the same field may be masked differently from record to record."""
        return bool(self.keys) or any(rule.of_row for rule in self.rules)

    def operator(self, entity: str, path: str, facts: RowFacts) -> Operator:
        """What happens to a finding that is no credential."""
        for rule in self.rules:
            if rule.entity in (None, entity) and rule.concerns(path, facts):
                return rule.operator
        return "hash" if self.keys and entity in PSEUDONYMS else "redact"

    def withholds(self, path: str, facts: RowFacts) -> bool:
        """Whether a rule withholds a whole field."""
        for rule in self.rules:
            if rule.entity is None and rule.concerns(path, facts):
                return rule.operator == "drop"
        return False

    def withholds_within(self, column: str) -> bool:
        """Whether a rule could withhold a field within this column."""
        return any(
            rule.operator == "drop" and rule.entity is None and rule.may_concern(column)
            for rule in self.rules
        )

    def document(self) -> dict[str, object]:
        """The policy as it may be published: everything that decides what is masked, and no key."""
        # Settings are checked before recognisers are loaded.
        from otel_audit.mask.recognizers import RECOGNIZERS  # noqa: PLC0415

        return {
            "policyVersion": 1,
            "keys": [key.id for key in self.keys],
            "rules": [
                {name: value for name in ("field", "operator", "entity", "stream", "model", "route")
                 if (value := getattr(rule, name)) is not None}
                for rule in self.rules
            ],
            "models": [
                {"name": tag.name, "version": tag.version, "endpoint": tag.endpoint, "pii": tag.pii}
                for tag in self.models
            ],
            "identity": self.identity,
            "headers": sorted(self.headers),
            "piiOutputs": self.pii_outputs,
            "recognizers": {
                entry.name: hashlib.sha256(entry.pattern).hexdigest()[:16] for entry in RECOGNIZERS
            },
        }  # fmt: skip

    @cached_property
    def content(self) -> bytes:
        """:meth:`document` as minified JSON with sorted keys, as it is kept beside the log."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def fingerprint(self) -> str:
        """``sha256:<hex>`` of :attr:`content`."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()
