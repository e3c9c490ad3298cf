"""Puts tokens in the place of findings in one field of one record, and notes that it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.evidence import Evidence
from otel_audit.mask.findings import Finding
from otel_audit.mask.operators import WITHHELD, partial, pseudonym, token
from otel_audit.mask.policy import MaskPolicy, RowFacts

__all__ = ["Scribe"]

_URL_REACH: Final = 2048
"""Bytes before a finding that are searched for the start of its URL."""


@dataclass(slots=True)
class Scribe:
    """Writes into one record.

    Attributes:
        policy: decides.
        evidence: is told.
        row: of the record in the batch.
        facts: of the record.
    """

    policy: MaskPolicy
    evidence: Evidence
    row: int
    facts: RowFacts

    def write(self, text: bytes, findings: list[Finding], path: str, *, url: bool = False) -> bytes:
        """The text with each finding replaced as the policy says.

        Args:
            text: what was judged.
            findings: in order and apart.
            path: of the field, made of masked keys.
            url: whether all of it is a part of a URL, so that tokens are percent-encoded; within other text
                a URL is known by its ``://``.
        """
        written, entities = self._rewritten(text, findings, path, url=url)
        for entity, count in Counter(entities).items():
            self.evidence.masked(self.row, path, entity, count)
        return written

    def write_key(self, key: bytes, findings: list[Finding], parent: str) -> bytes:
        """The same for the key of a map or JSON object; evidence names the masked key."""
        written, entities = self._rewritten(key, findings, parent, url=False)
        for entity in entities:
            self.evidence.masked(self.row, f"{parent}.{written.decode('utf-8', 'replace')}", entity)
        return written

    def _rewritten(
        self, text: bytes, findings: list[Finding], path: str, *, url: bool
    ) -> tuple[bytes, list[str]]:
        parts: list[bytes] = []
        entities: list[str] = []
        copied = 0
        has_urls = b"://" in text
        for finding in findings:
            new = self._replacement(finding, path)
            if new is None:
                continue
            if url or (has_urls and _in_url(text, finding.start)):
                new = new.replace(b"[", b"%5B").replace(b"]", b"%5D")
            if not finding.continued:
                entities.append(finding.entity)
            parts += (text[copied : finding.start], new)
            copied = finding.end
        parts.append(text[copied:])
        return b"".join(parts), entities

    def withhold(self, path: str, entity: str) -> str:
        """Notes that a value was a credential by its name; returns what stands in its place."""
        self.evidence.masked(self.row, path, entity)
        return WITHHELD

    def give_up(self, path: str, reason: str) -> str:
        """Notes that a field could not be judged or is not to be written; returns what stands in its place."""
        self.evidence.withheld(self.row, path, reason)
        return WITHHELD

    def whole(self, value: str, entity: str, operator: str, path: str) -> str:
        """A value that is of one type as a whole, replaced: ``hash`` or ``redact``."""
        self.evidence.masked(self.row, path, entity)
        key = self.policy.key
        if operator == "hash" and key is not None:
            return pseudonym(
                entity, value.encode("utf-8", "surrogatepass"), key=key, tenant=self.facts.tenant
            )
        return token(entity)

    def _replacement(self, finding: Finding, path: str) -> bytes | None:
        """None where the finding stays."""
        entity, value = finding.entity, finding.value
        if finding.continued:
            return b""
        if finding.secret:
            return WITHHELD.encode()
        operator = "redact" if entity == "TOKEN" else self.policy.operator(entity, path, self.facts)
        if operator == "keep":
            return None
        key = self.policy.key
        if operator == "drop":
            return b""
        if operator == "hash" and key is not None and value is not None:
            return pseudonym(entity, value, key=key, tenant=self.facts.tenant).encode()
        if operator == "partial" and value is not None:
            return partial(entity, value).encode()
        return token(entity).encode()


def _in_url(text: bytes, position: int) -> bool:
    before = text[max(0, position - _URL_REACH) : position]
    start = before.rfind(b"://")
    return start >= 0 and not any(byte <= 0x20 or byte in b"\"'<>" for byte in before[start:])
