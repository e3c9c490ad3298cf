"""One JSON text masked: a walk over all of its leaves and keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.credentials import is_credential_name
from otel_audit.mask.cut_tail import without_end
from otel_audit.mask.event_stream import is_event_stream, mask_event_stream
from otel_audit.mask.findings import Finding, with_pieces
from otel_audit.mask.joined import pieces_of_joined
from otel_audit.mask.json_places import JsonPlace, Pieces
from otel_audit.mask.json_values import (
    CUT,
    LEAST_NUMBER,
    OPENS,
    Number,
    Pairs,
    digits_of,
    dump,
    encode_string,
    load,
    nested,
    text_of_base64,
    unused_key,
    without_open_leaf,
)
from otel_audit.mask.judge import Judge
from otel_audit.mask.neighbours import Way, is_message, one_number, text_runs
from otel_audit.mask.operators import WITHHELD
from otel_audit.mask.proofs import PROOF, is_proof
from otel_audit.mask.recognizer import Family
from otel_audit.mask.scribe import Scribe
from otel_audit.mask.views import NestedTooDeeply

__all__ = ["JsonWalk"]

_MAX_NESTING: Final = 256
"""Levels of arrays and objects; conversion stops at 48, so only nested texts come near."""

_LEAVES: Final = frozenset({str, int, float, Number})

_SHORTEST: Final = 5
"""Characters of the shortest text that could hold anything to mask."""


class JsonWalk:
    """Masks one JSON text.

    Args:
        judge: judges leaves and keys.
        max_depth: levels of JSON within strings; -1 reads none.
        scribe: writes tokens and evidence.
        budget: how long it may take.
        needles: all triggers of the text and their families; None: every leaf and key is judged.
        cut: leaves that may have been cut.
    """

    def __init__(
        self,
        judge: Judge,
        max_depth: int,
        scribe: Scribe,
        budget: Budget,
        needles: Sequence[tuple[str, Family]] | None,
        *,
        cut: frozenset[str] = frozenset(),
    ) -> None:
        self._cut = cut
        self._judge, self._scribe, self._budget = judge, scribe, budget
        self._max_depth, self._needles = max_depth, needles
        self._withholds = scribe.policy.withholds_any

    def document(self, text: str, path: str, pieces: Pieces) -> str:
        """The text masked.

        Raises:
            OutOfTime: the budget is spent.
        """
        try:
            value = load(text)
        except ValueError:
            return encode_string(self._scribe.give_up(path, "invalid-json"))
        masked = self._value(value, JsonPlace(path, pieces=pieces))
        return text if masked is value else dump(masked)

    def leaf(
        self, text: str, where: str, name: str | None, pieces: Sequence[Finding] = (),
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> str:  # fmt: skip
        """A string that is no JSON text, masked; the very same one where nothing is."""
        data = _bytes(text)
        findings = self._judge.findings(data, self._budget, _before(name), known)
        if pieces:
            findings = with_pieces(findings, pieces)
        if not findings:
            return text
        written = self._scribe.write(data, findings, where)
        return text if written == data else written.decode("utf-8", "surrogatepass")

    def joined(self, items: list[Any]) -> dict[Way, list[Finding]]:
        """Pieces of findings that span several texts of an array."""
        pieces: dict[Way, list[Finding]] = {}
        for run in text_runs(items):
            if all(self._passed_by(stretch.text) for stretch in run):
                continue
            texts = [_bytes(text[start:stop]) for _, text, start, stop in run]
            prose = is_message(items[0])
            for index, found in pieces_of_joined(texts, self._judge, self._budget, prose=prose).items():
                way, text, start, _ = run[index]
                skipped = len(_bytes(text[:start]))
                for piece in found:
                    piece.start, piece.end = piece.start + skipped, piece.end + skipped
                pieces.setdefault(way, []).extend(found)
        return pieces

    def _value(self, value: Any, place: JsonPlace) -> Any:
        """The masked value; the very same object where nothing is masked."""
        kind = type(value)
        if self._withholds and value is not None and value != WITHHELD:
            is_leaf = kind is not dict and kind is not list and kind is not Pairs
            where = str(place)
            if reason := self._scribe.policy.withheld(where, self._scribe.facts, is_leaf=is_leaf):
                return self._scribe.give_up(where, reason)
        if self._cut and kind in _LEAVES and str(value) in self._cut:
            return self._cut_leaf(value, place)
        if kind is str:
            return self._text(value, place)
        if place.level > _MAX_NESTING:
            return self._scribe.give_up(str(place), "nesting")
        if kind is dict:
            return self._members(value, value.items(), place)
        if kind is list:
            return self._items(value, place)
        if kind is Pairs:
            return self._members(value, value, place)
        if kind is int or kind is float or kind is Number:
            return self._number(value, place)
        return value

    def _cut_leaf(self, value: Any, place: JsonPlace) -> str:
        """A leaf that may have been cut: masked, then without its end; a number may be the rest of one."""
        masked = self._text(value, place) if type(value) is str else ""
        self._scribe.give_up(str(place), "cut")
        return without_end(masked)

    def _members(self, whole: Any, pairs: Iterable[tuple[str, Any]], place: JsonPlace) -> Any:
        masked: list[tuple[str, Any]] = []
        changed = False
        for key, item in pairs:
            new_key = self._key(key, place)
            below = place.member(key, new_key)
            if (
                self._needles is None
                and item is not None
                and type(item) is not bool
                and is_credential_name(key)
            ):
                new = item if item in ("", WITHHELD) else self._scribe.withhold(str(below), "CREDENTIAL")
            else:
                new = self._value(item, below)
            changed = changed or new is not item or new_key is not key
            masked.append((new_key, new))
        if not changed:
            return whole
        if type(whole) is Pairs:
            return Pairs(masked)
        taken: dict[str, Any] = {}
        for (key, item), old in zip(masked, whole, strict=True):
            taken[key if key is old and key not in taken else unused_key(key, taken, whole)] = item
        return taken

    def _key(self, key: str, place: JsonPlace) -> str:
        if len(key) < _SHORTEST or self._passed_by(key):
            return key
        data = _bytes(key)
        try:
            findings = self._judge.findings(data, self._budget)
        except NestedTooDeeply:
            return self._scribe.give_up(f"{place}.{WITHHELD}", "nesting")
        if not findings:
            return key
        return self._scribe.write_key(data, findings, str(place)).decode("utf-8", "surrogatepass")

    def _items(self, items: list[Any], place: JsonPlace) -> Any:
        pieces = place.pieces
        if len(items) > 1:
            digits = one_number(items)
            if digits is not None:
                written = self._digits(digits, place)
                if written is not None:
                    return [written, *[""] * (len(items) - 1)]
            joined = self.joined(items)
            for way, found in pieces.items():
                joined.setdefault(way, []).extend(found)
            pieces = joined
        masked = []
        changed = False
        for index, item in enumerate(items):
            new = self._value(item, place.item(index, pieces))
            changed = changed or new is not item
            masked.append(new)
        return masked if changed else items

    def _text(self, text: str, place: JsonPlace) -> str:
        if not place.pieces and (len(text) < _SHORTEST or self._passed_by(text)):
            return text
        if place.name == PROOF and is_proof(text):
            return text
        self._budget.check()
        where = str(place)
        cut = False
        if not place.pieces and is_event_stream(text):
            return self._stream(text, place)
        if place.name == "base64" and (content := text_of_base64(text)) is not None:
            # What is no plain ASCII is known for text only here, where the key says that it is encoded.
            try:
                hides = self._judge.findings(content, self._budget)
            except NestedTooDeeply:
                return self._scribe.give_up(where, "nesting")
            if hides:
                found = Finding(0, len(text), "BASE64", secret=False, value=None)
                return self._scribe.write(_bytes(text), [found], where).decode()
        if text.lstrip()[:1] in OPENS:
            within = nested(text)
            if isinstance(within, (str, dict, list)):
                if place.depth < self._max_depth:
                    masked = self._value(within, place.within())
                    return text if masked is within else dump(masked)
                if self._max_depth > 0 and '"' in text:
                    return self._scribe.give_up(where, "nesting")
            cut = within is CUT
        try:
            masked_text = self.leaf(text, where, place.name, place.pieces.get((), ()))
        except NestedTooDeeply:
            return self._scribe.give_up(where, "nesting")
        if cut:
            closed = without_open_leaf(masked_text)
            if closed != masked_text:
                self._scribe.give_up(where, "cut")
                return closed
        return masked_text

    def _stream(self, text: str, place: JsonPlace) -> str:
        """The lines of a stream masked, by what they say together."""

        def chunk(line: str, pieces: Pieces) -> str:
            return self._text(line, JsonPlace("", place, name=place.name, depth=place.depth, pieces=pieces))

        return mask_event_stream(
            text,
            self._judge,
            self._budget,
            chunk=chunk,
            rest=lambda part: self.leaf(part, str(place), place.name),
        )

    def _number(self, number: Any, place: JsonPlace) -> Any:
        if type(number) is Number:
            digits = digits_of(number)
        elif type(number) is float and not number.is_integer():
            # A fraction is a value of its own only by its name: degrees of latitude, say.
            if place.name is None:
                return number
            digits = repr(number)
        elif -LEAST_NUMBER < number < LEAST_NUMBER:
            return number
        else:
            digits = str(abs(int(number)))
        written = self._digits(digits, place)
        return number if written is None else written

    def _digits(self, digits: str, place: JsonPlace) -> str | None:
        """The digits of a number masked; None where nothing is."""
        findings = self._judge.findings(digits.encode(), self._budget, _before(place.name))
        if not findings:
            return None
        written = self._scribe.write(digits.encode(), findings, str(place)).decode()
        return None if written == digits else written

    def _passed_by(self, text: str) -> bool:
        return self._needles is not None and all(needle not in text for needle, _ in self._needles)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _before(name: str | None) -> bytes:
    return b"" if name is None else _bytes(name) + b": "
