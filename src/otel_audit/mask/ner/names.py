"""The pass over a batch: every text that may hold a name is looked at once, then names become tokens.

It comes after all other masking, so that an engine sees nothing that patterns find. Texts that nobody looked at, since
the engine failed or took too long, are withheld.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from otel_audit.mask.arrow import Column, replaced
from otel_audit.mask.cells import JSON_FIELDS
from otel_audit.mask.columns import Place, Verdicts, rebuild
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.facts import Facts
from otel_audit.mask.findings import Finding, merged
from otel_audit.mask.json_values import Number, Pairs, dump, encode_string, load
from otel_audit.mask.ner.port import Failure, Finder, Name
from otel_audit.mask.ner.urls import is_url, masked_url
from otel_audit.mask.operators import WITHHELD
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.scribe import Scribe

__all__ = ["NameMasker", "found_in"]

_LETTER: Final = re.compile(r"[^\W\d_]")
_MORE: Final = re.compile(r"[A-Z\s\x80-\U0010ffff]")
"""No name is one word of small ASCII letters: so are ``user``, ``stop`` and most codes."""

_TOKEN: Final = re.compile(r"\[[A-Z][A-Z0-9_]*(?::[^\]\s]*)?\]")

_WINDOW: Final = 8_000
_OVERLAP: Final = 200
"""Characters that an engine sees at once of a long text, and how many of them twice: no name is longer."""

Leaf: TypeAlias = "Callable[[str, str], str]"
"""Text and path of a leaf → what stands there from now on."""


class NameMasker:
    """Masks names in batches.

    Args:
        policy: decides; it has ``ner``.
        finder: has an engine look.
    """

    def __init__(self, policy: MaskPolicy, finder: Finder) -> None:
        self._policy, self._finder = policy, finder

    def mask(self, columns: dict[str, Column], evidence: Evidence, facts: Facts) -> None:
        """Masks the columns of a batch in place.

        Args:
            columns: by name; everything else in them was masked.
            evidence: is told.
            facts: of the records.
        """
        fields = () if self._policy.ner is None else self._policy.ner.fields
        seen: dict[str, None] = {}

        def collect(text: str, _: str) -> str:
            if _LETTER.search(text) and _MORE.search(text) and _TOKEN.fullmatch(text) is None:
                seen[text] = None
            return text

        for field in fields:
            rebuild(columns[field], Place(field), _Texts(lambda _: collect))
        if not seen:
            return
        found = dict(zip(seen, found_in(tuple(seen), self._finder), strict=True))

        def write(row: int) -> Leaf:
            scribe = Scribe(self._policy, evidence, row, facts.of(row))
            return lambda text, path: _written(text, path, found.get(text, []), scribe)

        for field in fields:
            columns[field] = rebuild(columns[field], Place(field), _Texts(write))

    def forget(self) -> None:
        """In a forked child: what runs belongs to the parent."""
        self._finder.forget()

    def close(self) -> None:
        """End what runs; it is started again when it is needed."""
        self._finder.close()


def found_in(texts: Sequence[str], finder: Finder) -> list[list[Finding] | Failure]:
    """Names in texts as findings, in bytes, in order and apart from each other and from tokens."""
    windows = [(index, start) for index, text in enumerate(texts) for start in _starts(text)]
    answers = finder.find([texts[index][start : start + _WINDOW] for index, start in windows])
    names: list[list[Name]] = [[] for _ in texts]
    failed: dict[int, Failure] = {}
    for (index, start), answer in zip(windows, answers, strict=True):
        if isinstance(answer, str):
            failed[index] = answer
        else:
            names[index] += [Name(start + name.start, start + name.end, name.entity) for name in answer]
    return [
        failed[index] if index in failed else _findings(text, names[index])
        for index, text in enumerate(texts)
    ]


def _starts(text: str) -> Iterable[int]:
    return range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP)


def _findings(text: str, names: list[Name]) -> list[Finding]:
    tokens = [match.span() for match in _TOKEN.finditer(text)] if names else []
    found = []
    for name in names:
        start = name.start
        for first, last in [*tokens, (name.end, name.end)]:
            if last <= start or first > name.end:
                continue
            piece = text[start:first]
            if any(map(str.isalpha, piece)):
                at = len(_bytes(text[:start]))
                found.append(
                    Finding(at, at + len(_bytes(piece)), name.entity, secret=False, value=_bytes(piece))
                )
            start = max(start, last)
    return merged(found, ())


def _written(text: str, path: str, found: list[Finding] | Failure, scribe: Scribe) -> str:
    if isinstance(found, str):
        return scribe.give_up(path, found)
    if not found:
        return text
    data = _bytes(text)
    written = scribe.write(data, found, path)
    return text if written == data else written.decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class _Texts:
    """Hands each text of a column to a leaf; a :class:`~otel_audit.mask.columns.Visitor`.

    Attributes:
        leaf: for a record.
    """

    leaf: Callable[[int], Leaf]

    def strings(self, array: Column, place: Place) -> Column:
        new: dict[int, str] = {}
        is_json = place.field in JSON_FIELDS
        for entry, text in enumerate(array.to_pylist()):
            if not text:
                continue
            leaf, path = self.leaf(place.row(entry)), place.path(entry)
            if is_json:
                written = _json(text, path, leaf)
            elif is_url(place.field, text):
                part = partial(_leaf_at, leaf, path)
                written = masked_url(text, part, is_query=place.field == "requestQuery")
            else:
                written = leaf(text, path)
            if written is not text:
                new[entry] = written
        return replaced(array, new)

    def keys(self, array: Column, place: Place) -> Column:
        return array

    def verdicts(self, array: Column, field: str) -> Verdicts | None:
        return None


def _leaf_at(leaf: Leaf, path: str, text: str) -> str:
    return leaf(text, path)


def _json(text: str, path: str, leaf: Leaf) -> str:
    try:
        value = load(text)
        new = _value(value, path, leaf)
    except (ValueError, RecursionError):
        # What was cut off: judged as it stands.
        written = leaf(text, path)
        return text if written is text else encode_string(written)
    return text if new is value else dump(new)


def _value(value: Any, path: str, leaf: Leaf) -> Any:
    kind = type(value)
    if kind is str:
        return value if value == WITHHELD else leaf(value, path)
    if kind is list:
        items = [_value(item, f"{path}[{index}]", leaf) for index, item in enumerate(value)]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if kind is dict or kind is Pairs:
        return _members(value, path, leaf)
    return value


def _members(whole: Any, path: str, leaf: Leaf) -> Any:
    pairs: list[tuple[str, Any]] = list(whole.items() if type(whole) is dict else whole)
    taken: set[str] = {key for key, _ in pairs}
    masked = []
    for key, item in pairs:
        name = key if isinstance(key, Number) else leaf(key, path)
        number, new_key = 1, name
        while new_key is not key and new_key in taken:
            number += 1
            new_key = f"{name}#{number}"
        taken.add(new_key)
        masked.append((new_key, _value(item, f"{path}.{new_key}", leaf)))
    if all(new[0] is old[0] and new[1] is old[1] for new, old in zip(masked, pairs, strict=True)):
        return whole
    return Pairs(masked) if type(whole) is Pairs else dict(masked)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
