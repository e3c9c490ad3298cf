"""Masks the strings of one batch: whole columns by the trigger, then only the entries that it lets through."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.mask.candidates import CONTEXT_WORDS
from otel_audit.mask.columns import Place, Verdicts
from otel_audit.mask.credentials import ADDRESS_HEADERS, is_credential_header, is_credential_name
from otel_audit.mask.decode import NestedTooDeeply
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.facts import Facts
from otel_audit.mask.identity import PSEUDONYM_FIELDS
from otel_audit.mask.joined import pieces_of_joined, with_pieces
from otel_audit.mask.json_text import JsonMasker, encode_string
from otel_audit.mask.judge import Budget, Finding, Judge, OutOfTime
from otel_audit.mask.operators import WITHHELD, token
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.recognizers import PLAIN_NUMBER, Family
from otel_audit.mask.scribe import Scribe

from otel_audit.record.schema import BY_NAME, FIELDS, Treatment

__all__ = ["LeafMasker"]

_JSON_FIELDS: Final = frozenset(
    {field.name for field in FIELDS if field.treatment is Treatment.JSON}
    | {"events.attributes", "links.attributes", "modelInfo.requestParameters"}
)
"""Fields that hold a JSON text."""

_URL_FIELDS: Final = frozenset({"requestPath", "requestQuery"})
"""Fields that are a part of a URL."""

_BINARY_FIELDS: Final = frozenset({"requestBase64", "responseBase64"})
_HEADERS: Final = frozenset({"requestHeaders", "responseHeaders"})

_REPEATED: Final = frozenset({"resource", "userAgent", "modelInfo.requestParameters", "scope.name"})
"""Fields of a record, not of its lists, with long texts of which few are different."""

_CREDENTIAL, _ADDRESS, _CONTEXT = 1, 2, 3
"""What a key says of its value: withhold it, it is client addresses, short numbers in it count."""

_CUT_TAIL: Final = 256
"""Characters that a value cut before us loses: what is left of an entity there may not look like one."""

Hits = dict[int, "list[tuple[str, Family]] | None"]
"""Entry → its triggers, where each is plain text of the entry; else None."""


class LeafMasker:
    """Masks arrays of strings; a :class:`~otel_audit.mask.columns.Visitor`.

    Args:
        policy: decides.
        judge: finds.
        json: masks JSON texts.
        evidence: of the batch.
        facts: of its records.
        columns: of the batch, by name.
    """

    def __init__(
        self, policy: MaskPolicy, judge: Judge, json: JsonMasker, evidence: Evidence, facts: Facts,
        columns: dict[str, pa.Array],
    ) -> None:  # fmt: skip
        self._policy, self._judge, self._json = policy, judge, json
        self._evidence, self._facts = evidence, facts
        # Unlike field(), flatten() has nulls where the struct is null.
        capture = dict(zip((field.name for field in columns["capture"].type), columns["capture"].flatten(), strict=True))
        self._cut = {
            name: set(np.flatnonzero(capture[at].is_valid().to_numpy(zero_copy_only=False)).tolist())
            for name, at in (("request", "requestTruncatedAt"), ("response", "responseTruncatedAt"))
        }

    def strings(self, array: pa.StringArray, place: Place) -> pa.StringArray:
        field = place.field
        if array.null_count == len(array) or field in PSEUDONYM_FIELDS:
            return array
        if field in _BINARY_FIELDS:
            return self._binary(array, field)
        if field in _REPEATED and not self._policy.of_row:
            return self._repeated(array, place)
        if place.verdicts is None:
            return _with(array, self._judged(array, place, self._cut.get(field, ())))
        replaced, forced = self._by_key(array, place.verdicts, place)
        # What is replaced anyway is not judged: our own tokens would count as somebody's.
        rest = _with(array, dict.fromkeys(replaced, ""))
        return _with(array, {**self._judged(rest, place, forced), **replaced})

    def keys(self, array: pa.StringArray, place: Place) -> pa.StringArray:
        new = {}
        for entry in self._hits(array, place.field):
            scribe, data = self._scribe(place.row(entry)), array[entry].as_py().encode()
            try:
                findings = self._judge.findings(data, self._budget(data))
            except (OutOfTime, NestedTooDeeply) as error:
                new[entry] = scribe.give_up(f"{place.field}.{WITHHELD}", _reason(error))
                continue
            if findings:
                new[entry] = scribe.write_key(data, findings, place.field).decode()
        return _with(array, new)

    def verdicts(self, array: pa.StringArray, field: str) -> Verdicts | None:
        encoded = array.dictionary_encode()
        codes = np.array([_verdict(key, field in _HEADERS) for key in encoded.dictionary.to_pylist()], np.int8)
        return codes[encoded.indices.to_numpy()] if codes.any() else None

    def _judged(self, array: pa.StringArray, place: Place, forced: Iterable[int]) -> dict[int, str]:
        """New texts of the entries that change; forced entries are judged without a trigger."""
        hits = self._hits(array, place.field)
        hits.update(dict.fromkeys(self._joinable(array, place)))
        if self._policy.withholds_within(place.field.partition(".")[0]):
            forced = range(len(array))
        for entry in forced:
            hits[entry] = None
        new: dict[int, str] = {}
        done: set[int] = set()
        for entry in sorted(hits):
            if entry in done:
                continue
            entries = [sibling for sibling in place.siblings(entry) if array[sibling].is_valid]
            done.update(entries)
            new.update(self._masked(array, entries, place, hits))
        return new

    def _masked(self, array: pa.StringArray, entries: list[int], place: Place, hits: Hits) -> dict[int, str]:
        """New texts of entries that stand side by side in one list, or of one entry."""
        texts = [array[entry].as_py() for entry in entries]
        if not texts:
            return {}
        scribe = self._scribe(place.row(entries[0]))
        paths = [place.path(entry) for entry in entries]
        new: dict[int, str] = {}
        budget = self._budget(b"" * 0, sum(map(len, texts)))
        try:
            if len(texts) == 1:
                new[entries[0]] = self._text(texts[0], paths[0], place, entries[0], hits, scribe, budget, ())
            else:
                pieces = pieces_of_joined([text.encode() for text in texts], self._judge, budget)
                for index, entry in enumerate(entries):
                    new[entry] = self._text(
                        texts[index], paths[index], place, entry, hits, scribe, budget, pieces.get(index, ())
                    )
        except Exception as error:  # noqa: BLE001  # fail closed: whatever went wrong, the field is not written
            for entry, path in zip(entries, paths, strict=True):
                withheld = scribe.give_up(path, _reason(error))
                new[entry] = encode_string(withheld) if place.field in _JSON_FIELDS else withheld
        return new

    def _text(
        self, text: str, path: str, place: Place, entry: int, hits: Hits, scribe: Scribe, budget: Budget,
        pieces: Iterable[Finding],
    ) -> str:  # fmt: skip
        field = place.field
        if field in _JSON_FIELDS:
            masked = self._json.mask(text, path, scribe, budget, hits.get(entry))
            return _without_tail(masked) if entry in self._cut.get(field, ()) else masked
        if self._policy.rules and self._policy.withholds(path, scribe.facts):
            return scribe.give_up(path, "policy")
        name = place.name(entry)
        data = text.encode()
        findings = self._judge.findings(data, budget, b"" if name is None else name.encode() + b": ")
        keeps = BY_NAME[field.partition(".")[0]].keeps
        if keeps:
            findings = [finding for finding in findings if finding.entity not in keeps]
        if pieces:
            findings = with_pieces(findings, [*pieces])
        if not findings:
            return text
        return scribe.write(data, findings, path, url=field in _URL_FIELDS).decode()

    def _hits(self, array: pa.StringArray, field: str) -> Hits:
        """The entries in which the trigger has a match."""
        apart = array
        if field not in _JSON_FIELDS:
            # A byte that no text holds keeps the trigger from finding what only two entries together make. JSON
            # texts need none: they begin and end with signs that are not of a number or word.
            apart = pc.binary_join_element_wise(array, "", "\0")
        offsets = np.frombuffer(apart.buffers()[1], np.int32, len(apart) + 1, apart.offset * 4)
        first, last = int(offsets[0]), int(offsets[-1])
        data = memoryview(apart.buffers()[2] or b"")[first:last]
        hits: Hits = {}
        find = self._judge.trigger.find
        position, length = 0, last - first
        while (match := find(data, position, length)) is not None:
            start, end = match[0]
            entry = int(np.searchsorted(offsets, start + first, side="right")) - 1
            entry_end = int(offsets[entry + 1]) - first
            trigger = bytes(data[start:end])
            if end - start > 1 and not trigger[1:].translate(None, PLAIN_NUMBER):
                trigger = trigger[1:]  # the first byte of a number trigger is of what stands before
            family = self._judge.family(trigger) if end <= entry_end and _in_one_leaf(trigger) else None
            if family is not None:
                known = hits.setdefault(entry, [])
                if known is not None:
                    known.append((trigger.decode(), family))
                position = end
                continue
            hits[entry] = None
            position = entry_end
            if end > entry_end:  # a pattern may take in anything, even the byte between
                hits[entry + 1] = None
        return hits

    def _joinable(self, array: pa.StringArray, place: Place) -> list[int]:
        """Entries of lists of several texts that show a trigger when they are joined."""
        found: list[int] = []
        for entries in place.lists():
            joined = "".join([text for text in array[entries.start : entries.stop].to_pylist() if text is not None])
            if self._judge.trigger.is_in(joined.encode()):
                found += entries
        return found

    def _by_key(
        self, array: pa.StringArray, verdicts: Verdicts, place: Place
    ) -> tuple[dict[int, str], list[int]]:
        """New texts of values whose key says that they are credentials or addresses; and the entries whose key
        says that they must be judged."""
        judged = np.flatnonzero(verdicts == _CONTEXT).tolist()
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy()
        new: dict[int, str] = {}
        for verdict, entity, written in (
            (_CREDENTIAL, "CREDENTIAL", WITHHELD), (_ADDRESS, "IP_ADDRESS", token("IP_ADDRESS")),
        ):  # fmt: skip
            entries = np.flatnonzero((verdicts == verdict) & (lengths > 0))
            if not len(entries):
                continue
            if verdict == _ADDRESS and (self._policy.rules or self._policy.keys):
                judged += entries.tolist()
                continue
            counts: Any = [1] * len(entries)
            if verdict == _ADDRESS:
                commas = pc.count_substring(array.take(pa.array(entries)), ",")
                counts = (commas.to_numpy() + 1).tolist()
            paths = place.paths(entries)
            for row, path, count in zip(place.rows(entries).tolist(), paths, counts, strict=True):
                self._evidence.masked(row, path, entity, count)
            new.update(dict.fromkeys(entries.tolist(), written))
        return new, judged

    def _repeated(self, array: pa.StringArray, place: Place) -> pa.StringArray:
        """Masks each different text once; rows with it share what was found."""
        encoded = array.dictionary_encode()
        distinct = encoded.dictionary
        hits = self._hits(distinct, place.field)
        if not hits:
            return array
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        new: dict[int, str] = {}
        for entry, needles in hits.items():
            alone = Evidence(1)
            rows = np.flatnonzero(indices == entry).tolist()
            masker = LeafMasker.__new__(LeafMasker)
            masker._policy, masker._judge, masker._json = self._policy, self._judge, self._json
            masker._evidence, masker._facts, masker._cut = alone, self._facts, {}
            new.update(masker._masked(distinct, [entry], Place(place.field), {entry: needles}))
            for row in rows:
                self._evidence.copy(alone, row)
        return _with(distinct, new).take(encoded.indices)

    def _binary(self, array: pa.StringArray, field: str) -> pa.StringArray:
        """Bodies that are not text: withheld unless a rule keeps them."""
        kept = array.to_pylist()
        for row, value in enumerate(kept):
            if value is not None and self._policy.operator("BASE64", field, self._facts.of(row)) != "keep":
                self._evidence.withheld(row, field, "binary")
                kept[row] = None
        return pa.array(kept, pa.string())

    def _scribe(self, row: int) -> Scribe:
        return Scribe(self._policy, self._evidence, row, self._facts.of(row))

    def _budget(self, data: bytes, length: int = 0) -> Budget:
        return Budget(self._policy.field_timeout_s * (1 + (len(data) + length) / (1 << 20)))


def _in_one_leaf(needle: bytes) -> bool:
    """Whether a trigger found in a JSON text stands in one of its leaves just as it is: no escape, and no sign
    of structure, which has quotes, or commas between numbers."""
    if b'"' in needle or b"\\" in needle or not needle.isascii():
        return False
    return b"," not in needle or needle[:1].isalpha()


def _reason(error: Exception) -> str:
    """Of a closed set, since messages of others may quote what they failed on."""
    if isinstance(error, OutOfTime):
        return "time-out"
    return "nesting" if isinstance(error, (NestedTooDeeply, RecursionError)) else "error"


@lru_cache(maxsize=8192)
def _verdict(key: str, is_header: bool) -> int:
    if is_credential_header(key) if is_header else is_credential_name(key):
        return _CREDENTIAL
    if is_header and key in ADDRESS_HEADERS:
        return _ADDRESS
    return _CONTEXT if CONTEXT_WORDS.search(key.encode()) else 0


def _with(array: pa.StringArray, new: dict[int, str]) -> pa.StringArray:
    """The array with some entries replaced; the very same one if they are as before."""
    if not new:
        return array
    entries = sorted(new)
    values = pa.array([new[entry] for entry in entries], pa.string())
    mask: npt.NDArray[np.bool_] = np.zeros(len(array), np.bool_)
    mask[entries] = True
    return pc.replace_with_mask(array, pa.array(mask), values)


def _without_tail(text: str) -> str:
    """A JSON text whose last leaf, if it is a string, has lost its tail."""
    value = orjson.loads(text)

    def shorten(node: Any) -> Any:
        if isinstance(node, str):
            return node[:-_CUT_TAIL]
        if isinstance(node, list) and node:
            return [*node[:-1], shorten(node[-1])]
        if isinstance(node, dict) and node:
            last = next(reversed(node))
            return {**node, last: shorten(node[last])}
        return node

    return orjson.dumps(shorten(value)).decode()
