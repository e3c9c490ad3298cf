"""Texts that are no records, masked as a field of a record would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.mask.budget import Budget, OutOfTime
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.findings import merged
from otel_audit.mask.judge import Judge
from otel_audit.mask.ner.names import found_in
from otel_audit.mask.ner.port import Finder
from otel_audit.mask.operators import WITHHELD
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.scribe import Scribe
from otel_audit.mask.views import NestedTooDeeply

__all__ = ["Entity", "MaskedText", "TextMasker"]

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Entity:
    """What was found in a text.

    Attributes:
        type: as it stands in the token.
        start: first character in the text as it was.
        end: character behind the last.
    """

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text after masking.

    Attributes:
        masked: what may be written.
        entities: what was found, in order and apart.
    """

    masked: str
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class _NoRecord:
    """Facts of a text that is of no record."""

    tenant: str
    stream: str = ""
    model: str = ""
    route: str = ""


class TextMasker:
    """Masks texts by one policy.

    Args:
        policy: what happens to what is found; of its rules those count that are about the field ``text``.
        tenant: of pseudonyms.
        finder: looks for names; None: nobody does.
    """

    def __init__(self, policy: MaskPolicy, *, tenant: str = "default", finder: Finder | None = None) -> None:
        self._policy, self._facts = policy, _NoRecord(tenant)
        self._finder = finder
        self._judge = Judge(policy.table())

    def mask(self, text: str) -> MaskedText:
        """The text masked; one that cannot be judged (time-out, nesting, no engine) is withheld as a whole."""
        data = text.encode("utf-8", "surrogatepass")
        budget = Budget(self._policy.field_timeout_s * (1 + len(data) / _MEBIBYTE))
        try:
            findings = self._judge.findings(data, budget)
        except (OutOfTime, NestedTooDeeply, RecursionError):
            return _withheld(text)
        if self._finder is not None:
            (names,) = found_in([text], self._finder)
            if isinstance(names, str):
                return _withheld(text)
            findings = merged([*findings, *names], ())
        if not findings:
            return MaskedText(text, ())
        written = Scribe(self._policy, Evidence(1), 0, self._facts).write(data, findings, "text")
        entities, characters, at = [], 0, 0
        is_ascii = data.isascii()
        for finding in findings:
            if is_ascii:
                entities.append(Entity(finding.entity, finding.start, finding.end))
                continue
            start = characters + _length(data[at : finding.start])
            characters, at = start + _length(data[finding.start : finding.end]), finding.end
            entities.append(Entity(finding.entity, start, characters))
        return MaskedText(written.decode("utf-8", "surrogatepass"), tuple(entities))


def _withheld(text: str) -> MaskedText:
    return MaskedText(WITHHELD, (Entity("WITHHELD", 0, len(text)),))


def _length(part: bytes) -> int:
    """Characters of a part of a text; one that is cut within a character counts it where it begins."""
    return sum(byte & 0xC0 != 0x80 for byte in part) if not part.isascii() else len(part)
