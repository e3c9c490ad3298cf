"""What happens to what is found: the options of the masking room.

Rules are tried in order, the first that matches decides; without one, a finding is replaced by the name of its
type, or by a pseudonym where there is a key and the type is one of :data:`PSEUDONYMS`. No rule writes a
credential or weakens the model tag.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, Literal

from otel_audit.errors import ConfigurationError
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.own_recognizers import OwnRecognizer
from otel_audit.mask.rules import INDEX, KEY_BYTES, MaskKey, MaskRule, Operator, RowFacts, glob_pattern
from otel_audit.mask.tags import ModelTag

if TYPE_CHECKING:
    from otel_audit.mask.recognizer import Recognizer

__all__ = ["DEFAULT_HEADERS", "MaskKey", "MaskPolicy", "MaskRule", "Operator", "OwnRecognizer", "RowFacts"]

PSEUDONYMS: Final = frozenset({"EMAIL", "PHONE", "USER_ID"})
"""Types that become pseudonyms when there is a key and no rule says otherwise."""

DEFAULT_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "cache-control", "connection",
     "content-encoding", "content-language", "content-length", "content-type", "date", "host", "keep-alive",
     "retry-after", "server", "server-timing", "te", "traceparent", "transfer-encoding", "upgrade", "user-agent",
     "vary", "via", "x-request-id", "x-ratelimit-limit-requests", "x-ratelimit-limit-tokens",
     "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "openai-processing-ms", "openai-version",
     "anthropic-version"}
)  # fmt: skip
"""Headers that a record with the model tag keeps: they describe the exchange, not the person."""


@lru_cache(maxsize=16_384)
def _is_at_or_below(path: str, glob: str) -> bool:
    pattern = glob_pattern(glob)
    plain = INDEX.sub("", path)
    ends = [len(plain), *(at for at, sign in enumerate(plain) if sign == ".")]
    return any(pattern.fullmatch(plain[:end]) for end in ends) or pattern.fullmatch(path) is not None


@dataclass(frozen=True)
class MaskPolicy:
    """The options of masking.

    Attributes:
        keys: for pseudonyms; the first one makes new ones. Without a key nothing is pseudonymised, and fields
            that hold pseudonyms only (``session``, ``subjects``, credential ids) are withheld.
        rules: see :class:`MaskRule`.
        models: models whose use is tagged, see :class:`~otel_audit.mask.tags.ModelTag`.
        registry: what registries of models may do to the tags of ``models``: nothing, add them, or also take
            them away. What they say is no part of the policy: they keep their own history.
        identity: what happens to ids, names and e-mail addresses in ``user``, ``userClaims`` and
            ``onBehalfOf``; an audit log must say who, so they are kept unless a policy says otherwise.
        headers: headers, lower case, that a record with the model tag keeps.
        pii_outputs: what a model with the tag answered: ``keep`` or ``withhold``; None withholds what quotes
            its input (chat, completions, embeddings, tools, agents, retrieval) and keeps plain predictions.
        listed: paths that may be written, as globs; what is below one may be, too, and every other text is
            withheld. None: all may.
        recognizers: further recognisers, of the user's own.
        ner: how names of persons and places are looked for; None: they are not.
        field_timeout_s: how long judging one field may take before it is withheld, seconds, and as much again
            for each mebibyte.

    Raises:
        ConfigurationError: ``hash`` is asked for and there is no key, or two keys have one id.
    """

    keys: tuple[MaskKey, ...] = ()
    rules: tuple[MaskRule, ...] = ()
    models: tuple[ModelTag, ...] = ()
    registry: Literal["none", "raise", "trust"] = "none"
    identity: Literal["keep", "hash", "redact"] = "keep"
    headers: frozenset[str] = DEFAULT_HEADERS
    pii_outputs: Literal["keep", "withhold"] | None = None
    listed: tuple[str, ...] | None = None
    recognizers: tuple[OwnRecognizer, ...] = ()
    ner: NerOptions | None = None
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
        names = [own.name for own in self.recognizers]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigurationError(f"mask.recognizers: {', '.join(sorted(twice))} stands there twice")
        known = self.entities
        for rule in self.rules:
            if rule.entity is not None and rule.entity not in known:
                raise ConfigurationError(f"mask.rules.entity: accepted are {', '.join(sorted(known))}")

    @property
    def key(self) -> MaskKey | None:
        """The key of new pseudonyms."""
        return self.keys[0] if self.keys else None

    @property
    def entities(self) -> frozenset[str]:
        """Every type that may stand in a token."""
        return ENTITIES | {own.entity for own in self.recognizers}

    def table(self) -> tuple[Recognizer, ...]:
        """Every recogniser in force.

        Raises:
            ConfigurationError: one of the user's own cannot be used, or has the name of one of ours.
        """
        # Settings are checked before recognisers are loaded.
        from otel_audit.mask.recognizers import RECOGNIZERS  # noqa: PLC0415

        if ours := {entry.name for entry in RECOGNIZERS} & {own.name for own in self.recognizers}:
            raise ConfigurationError(
                f"mask.recognizers: {', '.join(sorted(ours))} is the name of one of ours"
            )
        return (*RECOGNIZERS, *(own.entry() for own in self.recognizers))

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

    @cached_property
    def withholds_any(self) -> bool:
        """Whether any field may be withheld for what it is called."""
        return self.listed is not None or any(rule.drops_fields for rule in self.rules)

    def withheld(self, path: str, facts: RowFacts, *, is_leaf: bool = True) -> str | None:
        """Why a field is not written, from the vocabulary of ``masking.dropped``; None where it is.

        Args:
            path: of the field.
            facts: of its record.
            is_leaf: whether it is a value and not what holds some: an object is written if anything in it is.
        """
        for rule in self.rules:
            if rule.entity is None and rule.concerns(path, facts):
                return "policy" if rule.operator == "drop" else None
        return "not-listed" if is_leaf and self.listed is not None and not self._is_listed(path) else None

    def withholds_within(self, column: str) -> bool:
        """Whether a field within this column could be withheld for what it is called."""
        return self.listed is not None or any(
            rule.drops_fields and rule.may_concern(column) for rule in self.rules
        )

    def _is_listed(self, path: str) -> bool:
        return any(_is_at_or_below(path, glob) for glob in self.listed or ())

    def document(self) -> dict[str, object]:
        """The policy as it may be published: everything that decides what is masked, and no key."""
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
            **({} if self.registry == "none" else {"registry": self.registry}),
            "identity": self.identity,
            "headers": sorted(self.headers),
            "piiOutputs": self.pii_outputs,
            "listed": self.listed,
            "recognizers": {
                entry.name: hashlib.sha256(entry.pattern).hexdigest()[:16] for entry in self.table()
            },
            "ownRecognizers": [
                {name: getattr(own, name)
                 for name in ("name", "entity", "pattern", "keywords", "context", "check", "secret")}
                for own in self.recognizers
            ],
            **({} if self.ner is None else {"ner": self.ner.document()}),
        }  # fmt: skip

    @cached_property
    def content(self) -> bytes:
        """:meth:`document` as minified JSON with sorted keys, as it is kept beside the log."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def fingerprint(self) -> str:
        """``sha256:<hex>`` of :attr:`content`."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()
