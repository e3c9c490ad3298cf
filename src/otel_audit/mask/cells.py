"""Masks one entry of a column, or the texts of one list together; whatever fails is withheld."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.arrow import Column
from otel_audit.mask.budget import Budget, OutOfTime
from otel_audit.mask.chunks import pieces_of_chunks
from otel_audit.mask.columns import Place
from otel_audit.mask.cut_tail import without_tail
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.facts import Facts
from otel_audit.mask.findings import Finding, with_pieces
from otel_audit.mask.hits import Hits
from otel_audit.mask.joined import pieces_of_joined
from otel_audit.mask.json_places import NOTHING, Pieces
from otel_audit.mask.json_text import JsonMasker
from otel_audit.mask.json_values import encode_string
from otel_audit.mask.judge import Judge
from otel_audit.mask.operators import WITHHELD
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.scribe import Scribe
from otel_audit.mask.views import NestedTooDeeply
from otel_audit.record.schema import BY_NAME, FIELDS, Treatment

__all__ = ["JSON_FIELDS", "CellMasker"]

JSON_FIELDS: Final = frozenset(
    {field.name for field in FIELDS if field.treatment is Treatment.JSON}
    | {"events.attributes", "links.attributes", "modelInfo.requestParameters"}
)
"""Fields that hold a JSON text."""

_URL_FIELDS: Final = frozenset({"requestPath", "requestQuery"})
"""Fields that are a part of a URL."""

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CellMasker:
    """Masks entries.

    Attributes:
        policy: decides.
        judge: finds.
        json: masks JSON texts.
        evidence: of the batch.
        facts: of its records.
        cut: field → records in which it had been cut before it came here.
        cut_texts: texts that may have been cut, whatever record and field they are in.
    """

    policy: MaskPolicy
    judge: Judge
    json: JsonMasker
    evidence: Evidence
    facts: Facts
    cut: dict[str, set[int]]
    cut_texts: frozenset[str] = frozenset()

    def masked(self, array: Column, entries: Sequence[int], place: Place, hits: Hits) -> dict[int, str]:
        """New texts of the entries.

        Args:
            array: strings.
            entries: one that is not null, or those of one list or of the events of one span.
            place: of the array.
            hits: triggers of the entries.
        """
        scribe = self.scribe(place.row(entries[0]))
        if len(entries) == 1:
            entry = entries[0]
            text = array[entry].as_py()
            return {entry: self._safely(text, entry, place, hits, scribe=scribe)}
        texts = {entry: text for entry in entries if (text := array[entry].as_py()) is not None}
        try:
            pieces = self._pieces([*texts.values()], place)
        except Exception as error:  # noqa: BLE001  # fail closed, see _safely
            return {entry: self._withheld(entry, place, scribe, error) for entry in texts}
        return {
            entry: self._safely(text, entry, place, hits, scribe=scribe, pieces=pieces.get(index, NOTHING))
            for index, (entry, text) in enumerate(texts.items())
        }

    def masked_key(self, key: str, row: int, field: str) -> str:
        """The masked key of a map."""
        scribe, data = self.scribe(row), key.encode()
        try:
            findings = self.judge.findings(data, self._budget(key))
        except Exception as error:  # noqa: BLE001  # fail closed, see _safely
            return scribe.give_up(f"{field}.{WITHHELD}", _reason(error))
        return scribe.write_key(data, findings, field).decode() if findings else key

    def scribe(self, row: int) -> Scribe:
        """Writes into a record."""
        return Scribe(self.policy, self.evidence, row, self.facts.of(row))

    def _safely(
        self,
        text: str,
        entry: int,
        place: Place,
        hits: Hits,
        *,
        scribe: Scribe,
        pieces: Pieces = NOTHING,
    ) -> str:
        path, is_json = place.path(entry), place.field in JSON_FIELDS
        try:
            if not is_json:
                own = pieces.get((), ())
                return self._text(text, place.name(entry), path, place.field, scribe=scribe, pieces=own)
            masked = self.json.mask(
                text, path, scribe, self._budget(text), hits.get(entry), pieces=pieces, cut=self.cut_texts
            )
            return without_tail(masked) if entry in self.cut.get(place.field, ()) else masked
        except Exception as error:  # noqa: BLE001  # fail closed: whatever went wrong, the field is not written
            return self._withheld(entry, place, scribe, error)

    def _withheld(self, entry: int, place: Place, scribe: Scribe, error: Exception) -> str:
        withheld = scribe.give_up(place.path(entry), _reason(error))
        return encode_string(withheld) if place.field in JSON_FIELDS else withheld

    def _pieces(self, texts: Sequence[str], place: Place) -> dict[int, Pieces]:
        """Of findings that span several texts: index of a text → pieces."""
        budget = self._budget(*texts)
        if place.field in JSON_FIELDS:
            return {**pieces_of_chunks(texts, self.judge, budget)}
        joined = pieces_of_joined([text.encode() for text in texts], self.judge, budget)
        return {index: {(): pieces} for index, pieces in joined.items()}

    def _text(
        self, text: str, name: str | None, path: str, field: str, *, scribe: Scribe, pieces: Sequence[Finding]
    ) -> str:
        if self.policy.withholds_any and (reason := self.policy.withheld(path, scribe.facts)):
            return scribe.give_up(path, reason)
        data = text.encode()
        findings = self.judge.findings(
            data, self._budget(text), b"" if name is None else name.encode() + b": "
        )
        keeps = BY_NAME[field.partition(".")[0]].keeps
        if keeps:
            findings = [finding for finding in findings if finding.entity not in keeps]
        if pieces:
            findings = with_pieces(findings, pieces)
        if not findings:
            if name is None:
                self.judge.plain.add(field, text)
            return text
        return scribe.write(data, findings, path, url=field in _URL_FIELDS).decode()

    def _budget(self, *texts: str) -> Budget:
        return Budget(self.policy.field_timeout_s * (1 + sum(map(len, texts)) / _MEBIBYTE))


def _reason(error: Exception) -> str:
    """Of a closed set, since messages of others may quote what they failed on."""
    if isinstance(error, OutOfTime):
        return "time-out"
    return "nesting" if isinstance(error, (NestedTooDeeply, RecursionError)) else "error"
