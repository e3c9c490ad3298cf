"""Masking a JSON text: every leaf and key, JSON within strings, and what only shows when items are joined.

Rules:

1. The text that comes out is minified JSON with U+2028 and U+2029 escaped; a text in which nothing is masked
   comes out as the very same bytes.
2. Numbers are judged by their digits, with their key in front. One that must be masked becomes a string.
3. A string that is itself a JSON text is masked as one, to :data:`MAX_DEPTH`; deeper ones are withheld.
4. Adjacent strings of an array, and adjacent text parts of a message, are also judged joined: where a finding
   spans several, the first one gets the token and the others lose their piece.
5. A key that collides with another after masking gets ``#2``, ``#3`` …
6. Of a JSON text that has been cut off, the open leaf is withheld, since half a number looks like none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from otel_audit.mask.credentials import is_credential_name
from otel_audit.mask.decode import NestedTooDeeply
from otel_audit.mask.joined import pieces_of_joined, with_pieces
from otel_audit.mask.json_values import (
    CUT,
    OPENS,
    Number,
    Pairs,
    digits_of,
    dump,
    encode_string,
    load,
    nested,
    without_open_leaf,
)  # fmt: skip
from otel_audit.mask.judge import Budget, Finding, Judge
from otel_audit.mask.operators import WITHHELD
from otel_audit.mask.recognizers import Family
from otel_audit.mask.scribe import Scribe

__all__ = ["MAX_DEPTH", "STRUCTURE_TRIGGERS", "JsonMasker"]

MAX_DEPTH: Final = 4
"""Levels of JSON within JSON strings that are looked into; RECORD "Decoded form"."""

_MAX_NESTING: Final = 256
"""Levels of arrays and objects; conversion stops at 48, so only nested texts come near."""

_TYPE_IN_JSON: Final = rb'\\*"type\\*":\\*"text\\*"'
_TEXT_IN_JSON: Final = rb'\\*"(?:content|text)\\*":'
_GAP_IN_JSON: Final = (
    rb"(?:,|\},\{"
    + _TYPE_IN_JSON
    + b","
    + _TEXT_IN_JSON
    + b"|,"
    + _TYPE_IN_JSON
    + rb"\},\{"
    + _TEXT_IN_JSON
    + b")"
)
"""Between two items of an array of strings, or two text parts in either order of their keys."""

STRUCTURE_TRIGGERS: Final = (
    # A digit at the end of one string and at the start of the next.
    rb'[0-9][^0-9A-Za-z"]{0,4}"' + _GAP_IN_JSON + rb'\\*"[^0-9A-Za-z"]{0,4}[0-9]',
    # A string that begins as JSON does: only parsing it tells whether it was cut.
    rb'"[\[{]{1,2}\\',
    # A quote of the fifth level of JSON within JSON has 31 backslashes.
    rb"\\{16}",
)
"""RE2: where masking acts on the structure of a JSON text rather than on a leaf."""

_TEXT_KEYS: Final = ("content", "text")


class _Path:
    """Where a leaf is; made into text only when something was found there."""

    __slots__ = ("_parent", "_step")

    def __init__(self, parent: _Path | None, step: str) -> None:
        self._parent, self._step = parent, step

    def __str__(self) -> str:
        steps = []
        path: _Path | None = self
        while path is not None:
            steps.append(path._step)
            path = path._parent
        return "".join(reversed(steps))


class JsonMasker:
    """Masks JSON texts.

    Args:
        judge: judges leaves and keys.
        nested: whether strings are read as JSON texts; a test switches it off.
    """

    def __init__(self, judge: Judge, *, nested: bool = True) -> None:
        self._judge = judge
        self._max_depth = MAX_DEPTH if nested else -1

    def mask(
        self,
        text: str,
        path: str,
        scribe: Scribe,
        budget: Budget,
        needles: Sequence[tuple[str, Family]] | None = None,
    ) -> str:
        """The masked text.

        Args:
            text: a JSON text.
            path: of the field.
            scribe: writes tokens and evidence.
            budget: how long it may take.
            needles: all triggers of the text and their families, where each is plain text of a leaf: leaves
                without one of them are passed by. None: every leaf and key is judged.

        Raises:
            OutOfTime: the budget is spent.
        """
        walk = _Walk(self._judge, self._max_depth, scribe, budget, needles)
        if needles is not None:
            masked = walk.few_leaves(text, path, needles)
            if masked is not None:
                return masked
        return walk.document(text, _Path(None, path), 0)


class _Walk:
    """One JSON text being masked."""

    def __init__(
        self,
        judge: Judge,
        max_depth: int,
        scribe: Scribe,
        budget: Budget,
        needles: Sequence[tuple[str, Family]] | None,
    ) -> None:
        self._judge, self._scribe, self._budget = judge, scribe, budget
        self._max_depth, self._needles = max_depth, needles
        policy = scribe.policy
        self._rules = any(rule.operator == "drop" and rule.entity is None for rule in policy.rules)

    def few_leaves(self, text: str, path: str, needles: Sequence[tuple[str, Family]]) -> str | None:
        """The masked text where triggers stand in plain leaves only; None where there is more to it."""
        try:
            value = orjson.loads(text)
        except ValueError:
            return None
        leaves: list[tuple[dict[str, Any], str, str]] = []
        if not _find_leaves(value, needles, path, leaves) or dump(value) != text:
            return None  # not every JSON text comes back from a parser as it was
        known = [(needle.encode(), family) for needle, family in needles]
        changed = False
        for holder, key, where in leaves:
            leaf = holder[key]
            masked = self._leaf(leaf, where, key, (), known)
            if masked is not leaf:
                changed = True
                holder[key] = masked
        return dump(value) if changed else text

    def document(self, text: str, path: _Path, depth: int) -> str:
        try:
            value = load(text)
        except ValueError:
            return encode_string(self._scribe.give_up(str(path), "invalid-json"))
        masked = self.value(value, path, None, depth, 0)
        return text if masked is value else dump(masked)

    def value(self, value: Any, path: _Path, name: str | None, depth: int, level: int) -> Any:
        """The masked value; the very same object where nothing is masked."""
        kind = type(value)
        if kind is str:
            return self.text(value, path, name, depth, ())
        if level > _MAX_NESTING:
            return self._scribe.give_up(str(path), "nesting")
        if kind is dict:
            return self.members(value, value.items(), path, depth, level)
        if kind is list:
            return self.items(value, path, name, depth, level)
        if kind is Pairs:
            return self.members(value, value, path, depth, level)
        if kind is int or kind is float or kind is Number:
            return self.number(value, path, name)
        return value

    def members(
        self, whole: Any, pairs: Iterable[tuple[str, Any]], path: _Path, depth: int, level: int
    ) -> Any:
        masked: list[tuple[str, Any]] = []
        changed = False
        for key, item in pairs:
            new_key = self.key(key, path)
            place = _Path(path, f".{new_key}")
            if (
                self._needles is None
                and item is not None
                and type(item) is not bool
                and is_credential_name(key)
            ):
                new = item if item in ("", WITHHELD) else self._scribe.withhold(str(place), "CREDENTIAL")
            else:
                new = self.value(item, place, key, depth, level + 1)
            changed = changed or new is not item or new_key is not key
            masked.append((new_key, new))
        if not changed:
            return whole
        if type(whole) is Pairs:
            return Pairs(masked)
        taken: dict[str, Any] = {}
        for (key, item), old in zip(masked, whole, strict=True):
            taken[key if key is old and key not in taken else _unused(key, taken, whole)] = item
        return taken

    def key(self, key: str, path: _Path) -> str:
        if len(key) < _SHORTEST or self._passed_by(key):
            return key
        data = key.encode("utf-8", "surrogatepass")
        try:
            findings = self._judge.findings(data, self._budget)
        except NestedTooDeeply:
            return self._scribe.give_up(f"{path}.{WITHHELD}", "nesting")
        if not findings:
            return key
        return self._scribe.write_key(data, findings, str(path)).decode("utf-8", "surrogatepass")

    def items(self, items: list[Any], path: _Path, name: str | None, depth: int, level: int) -> Any:
        joined = self._joined(items) if len(items) > 1 else {}
        masked = []
        changed = False
        for index, item in enumerate(items):
            place = _Path(path, f"[{index}]")
            pieces = joined.get(index, ())
            if not pieces:
                new = self.value(item, place, name, depth, level + 1)
            elif type(item) is str:
                new = self.text(item, place, name, depth, pieces)
            else:
                new = dict(item)
                text_key = _text_key(item) or ""
                new[text_key] = self.text(
                    item[text_key], _Path(place, f".{text_key}"), text_key, depth, pieces
                )
            changed = changed or new is not item
            masked.append(new)
        return masked if changed else items

    def text(self, text: str, path: _Path, name: str | None, depth: int, pieces: Sequence[Finding]) -> str:
        if not pieces and (len(text) < _SHORTEST or self._passed_by(text)):
            if self._rules and self._scribe.policy.withholds(str(path), self._scribe.facts):
                return self._scribe.give_up(str(path), "policy")
            return text
        self._budget.check()
        where = str(path)
        if self._rules and self._scribe.policy.withholds(where, self._scribe.facts):
            return self._scribe.give_up(where, "policy")
        cut = False
        if text.lstrip()[:1] in OPENS:
            within = nested(text)
            if isinstance(within, (str, dict, list)):
                if depth < self._max_depth:
                    masked = self.value(within, path, name, depth + 1, 0)
                    return text if masked is within else dump(masked)
                if self._max_depth > 0 and '"' in text:
                    return self._scribe.give_up(where, "nesting")
            cut = within is CUT
        try:
            masked_text = self._leaf(text, where, name, pieces)
        except NestedTooDeeply:
            return self._scribe.give_up(where, "nesting")
        if cut:
            closed = without_open_leaf(masked_text)
            if closed != masked_text:
                self._scribe.give_up(where, "cut")
                return closed
        return masked_text

    def _leaf(
        self, text: str, where: str, name: str | None, pieces: Sequence[Finding],
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> str:  # fmt: skip
        data = text.encode("utf-8", "surrogatepass")
        before = b"" if name is None else name.encode("utf-8", "surrogatepass") + b": "
        findings = self._judge.findings(data, self._budget, before, known)
        if pieces:
            findings = with_pieces(findings, pieces)
        if not findings:
            return text
        written = self._scribe.write(data, findings, where)
        return text if written == data else written.decode("utf-8", "surrogatepass")

    def number(self, number: Any, path: _Path, name: str | None) -> Any:
        if type(number) is int:
            if -_LEAST_NUMBER < number < _LEAST_NUMBER:
                return number
            digits = str(abs(number))
        elif type(number) is float:
            if not number.is_integer() or abs(number) < _LEAST_NUMBER:
                return number
            digits = str(abs(int(number)))
        else:
            digits = digits_of(number)
        findings = self._judge.findings(
            digits.encode(), self._budget, b"" if name is None else name.encode() + b": "
        )
        if not findings:
            return number
        written = self._scribe.write(digits.encode(), findings, str(path))
        return number if written == digits.encode() else written.decode()

    def _passed_by(self, text: str) -> bool:
        return self._needles is not None and all(needle not in text for needle, _ in self._needles)

    def _joined(self, items: list[Any]) -> dict[int, list[Finding]]:
        """Pieces of findings that span several adjacent texts: item → where in its text."""
        pieces: dict[int, list[Finding]] = {}
        for first, texts in _runs(items):
            if all(self._passed_by(text) for text in texts):
                continue
            parts = [text.encode("utf-8", "surrogatepass") for text in texts]
            for index, found in pieces_of_joined(parts, self._judge, self._budget).items():
                pieces[first + index] = found
        return pieces


def _find_leaves(
    value: Any,
    needles: Sequence[tuple[str, Family]],
    path: str,
    leaves: list[tuple[dict[str, Any], str, str]],
) -> bool:
    """Collects holder, key and path of the strings that have a needle.

    Returns:
        False where it takes a whole walk: a needle in a key, a number or a nested JSON text, or beside a text
        with which it may be joined.
    """
    if type(value) is dict:
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                for needle, _ in needles:
                    if needle in item:
                        if item.lstrip()[:1] in OPENS:
                            return False
                        leaves.append((value, key, f"{path}.{key}"))
                        break
            elif (kind is dict or kind is list) and item:
                if not _find_leaves(item, needles, f"{path}.{key}", leaves):
                    return False
            elif (kind is int or kind is float) and not -_LEAST_NUMBER < item < _LEAST_NUMBER:
                return False
            for needle, _ in needles:
                if needle in key:
                    return False
        return True
    if type(value) is not list:
        return False
    found = len(leaves)
    for index, item in enumerate(value):
        kind = type(item)
        if kind is dict or kind is list:
            if not _find_leaves(item, needles, f"{path}[{index}]", leaves):
                return False
        elif kind is not bool and item is not None:
            return False
    # Text parts beside each other are judged joined, too.
    return (
        len(leaves) == found
        or len(value) == 1
        or all(type(item) is dict and "role" in item for item in value)
    )


_SHORTEST: Final = 5
"""Characters of the shortest text that could hold anything to mask."""

_LEAST_NUMBER: Final = 100_000
"""The smallest number that could be anything: a phone number of six digits beside a key that says so."""


def _unused(key: str, taken: dict[str, Any], whole: dict[str, Any]) -> str:
    if key not in taken and key not in whole:
        return key
    number = 2
    while f"{key}#{number}" in taken or f"{key}#{number}" in whole:
        number += 1
    return f"{key}#{number}"


def _text_key(item: Any) -> str | None:
    """The key of the text of a text part: ``{"type": "text", "content": …}`` and nothing else."""
    if type(item) is dict and len(item) == 2 and item.get("type") == "text":
        for key in _TEXT_KEYS:
            if type(item.get(key)) is str:
                return key
    return None


def _runs(items: list[Any]) -> Iterator[tuple[int, list[str]]]:
    """Adjacent strings, and adjacent text parts: index of the first, and the texts of two or more."""
    run: list[str] = []
    kind: str | None = None
    for index, item in enumerate([*items, None]):
        of = "" if type(item) is str else _text_key(item)
        if run and of != kind:
            if len(run) > 1:
                yield index - len(run), run
            run = []
        kind = of
        if of is not None:
            run.append(item[of] if of else item)
