"""Masks the strings of one batch: whole columns by the trigger, then only the entries that it lets through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute

from otel_audit.mask.arrow import Column, replaced
from otel_audit.mask.candidates import CONTEXT_WORDS
from otel_audit.mask.cells import JSON_FIELDS, CellMasker
from otel_audit.mask.chunks import CHUNKED_FIELD, may_be_chunks
from otel_audit.mask.columns import Place, Verdicts
from otel_audit.mask.credentials import ADDRESS_HEADERS, is_credential_header, is_credential_name
from otel_audit.mask.cut_tail import without_end
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.hits import find_hits
from otel_audit.mask.identity import PSEUDONYM_FIELDS
from otel_audit.mask.operators import WITHHELD, token

__all__ = ["LeafMasker"]

_KERNELS: Final[Any] = pyarrow.compute

_BINARY_FIELDS: Final = frozenset({"requestBase64", "responseBase64"})
_HEADERS: Final = frozenset({"requestHeaders", "responseHeaders"})

_REPEATED: Final = frozenset({"resource", "userAgent", "modelInfo.requestParameters", "scope.name"})
"""Fields of a record, not of its lists, with long texts of which few are different."""

_CREDENTIAL, _ADDRESS, _CONTEXT = 1, 2, 3
"""What a key says of its value: withhold it, it is client addresses, short numbers in it count."""


@dataclass(frozen=True, slots=True)
class LeafMasker:
    """Masks arrays of strings; a :class:`~otel_audit.mask.columns.Visitor`.

    Attributes:
        cells: masks the entries that a trigger lets through.
    """

    cells: CellMasker

    def strings(self, array: Column, place: Place) -> Column:
        field = place.field
        if array.null_count == len(array) or field in PSEUDONYM_FIELDS:
            return array
        if field in _BINARY_FIELDS:
            return self._binary(array, field)
        policy = self.cells.policy
        alike = field in _REPEATED and not self.cells.cut_texts
        if alike and not (policy.of_row or policy.withholds_within(field.partition(".")[0])):
            return self._repeated(array, place)
        if place.verdicts is None:
            new = self._judged(array, place, self.cells.cut.get(field, ()))
            return replaced(array, self._without_ends(array, new, place))
        by_key, forced = self._by_key(array, place.verdicts, place)
        # What is replaced anyway is not judged: our own tokens would count as somebody's.
        rest = replaced(array, dict.fromkeys(by_key, ""))
        new = self._without_ends(rest, self._judged(rest, place, forced), place)
        return replaced(array, {**new, **by_key})

    def keys(self, array: Column, place: Place) -> Column:
        hits = find_hits(array, self.cells.judge, place.field, json=False)
        return replaced(
            array,
            {
                entry: self.cells.masked_key(array[entry].as_py(), place.row(entry), place.field)
                for entry in hits
            },
        )

    def verdicts(self, array: Column, field: str) -> Verdicts | None:
        encoded = array.dictionary_encode()
        codes = np.array(
            [_verdict(key, field in _HEADERS) for key in encoded.dictionary.to_pylist()], np.int8
        )
        return codes[encoded.indices.to_numpy()] if codes.any() else None

    def _judged(self, array: Column, place: Place, forced: Iterable[int]) -> dict[int, str]:
        """New texts of the entries that change; forced entries are judged without a trigger."""
        hits = find_hits(array, self.cells.judge, place.field, json=place.field in JSON_FIELDS)
        together = self._joinable(array, place)
        hits.update(dict.fromkeys(together))
        if self.cells.policy.withholds_within(place.field.partition(".")[0]):
            forced = range(len(array))
        hits.update(dict.fromkeys(forced))
        if self.cells.cut_texts and place.field in JSON_FIELDS:
            for entry in self._long_enough_to_be_cut(array):
                hits.setdefault(entry, [])
        new: dict[int, str] = {}
        done: set[int] = set()
        for entry in sorted(hits):
            if entry in done or not array[entry].is_valid:
                continue
            entries = together.get(entry) or place.siblings(entry)
            done.update(entries)
            new.update(self.cells.masked(array, entries, place, hits))
        return new

    def _long_enough_to_be_cut(self, array: Column) -> list[int]:
        least = min(map(len, self.cells.cut_texts))
        return np.flatnonzero(
            _KERNELS.fill_null(_KERNELS.binary_length(array), 0).to_numpy() >= least
        ).tolist()

    def _without_ends(self, array: Column, new: dict[int, str], place: Place) -> dict[int, str]:
        """New texts, also of entries that may have been cut before they came here: without their ends."""
        cut = self.cells.cut_texts
        if not cut or place.field in JSON_FIELDS:
            return new
        may_be_cut = _KERNELS.is_in(array, value_set=pa.array(cut, pa.string()))
        entries = np.flatnonzero(may_be_cut.to_numpy(zero_copy_only=False))
        for entry in entries.tolist():
            masked = new[entry] if entry in new else array[entry].as_py()
            if masked != WITHHELD:
                self.cells.evidence.withheld(place.row(entry), place.path(entry), "cut")
                new[entry] = without_end(masked)
        return new

    def _joinable(self, array: Column, place: Place) -> dict[int, range]:
        """Entries that show a trigger when they are joined: of lists of several texts, of events of one span."""
        found: dict[int, range] = {}
        judge, chunked = self.cells.judge, place.field == CHUNKED_FIELD
        for entries in place.lists(of_structs=chunked):
            texts = array[entries.start : entries.stop].to_pylist()
            if chunked:
                shows = may_be_chunks(texts, judge)
            else:
                held = [text for text in texts if text]
                shows = any(judge.trigger.is_in(glue.join(held).encode()) for glue in ("", " "))
            if shows:
                found.update(dict.fromkeys(entries, entries))
        return found

    def _by_key(self, array: Column, verdicts: Verdicts, place: Place) -> tuple[dict[int, str], list[int]]:
        """New texts of values whose key says that they are credentials or addresses; and the entries whose key
        says that they must be judged."""
        policy, evidence = self.cells.policy, self.cells.evidence
        judged = np.flatnonzero(verdicts == _CONTEXT).tolist()
        lengths = _KERNELS.fill_null(_KERNELS.binary_length(array), 0).to_numpy()
        new: dict[int, str] = {}
        for verdict, entity, written in (
            (_CREDENTIAL, "CREDENTIAL", WITHHELD), (_ADDRESS, "IP_ADDRESS", token("IP_ADDRESS")),
        ):  # fmt: skip
            entries = np.flatnonzero((verdicts == verdict) & (lengths > 0))
            if not len(entries):
                continue
            if verdict == _ADDRESS and (policy.rules or policy.keys):
                judged += entries.tolist()
                continue
            counts: Any = [1] * len(entries)
            if verdict == _ADDRESS:
                counts = (_KERNELS.count_substring(array.take(entries), ",").to_numpy() + 1).tolist()
            for row, path, count in zip(
                place.rows(entries).tolist(), place.paths(entries), counts, strict=True
            ):
                evidence.masked(row, path, entity, count)
            new.update(dict.fromkeys(entries.tolist(), written))
        return new, judged

    def _repeated(self, array: Column, place: Place) -> Column:
        """Masks each different text once; records with it share what was found."""
        encoded = array.dictionary_encode()
        distinct, indices = encoded.dictionary, encoded.indices
        new: dict[int, str] = {}
        hits = find_hits(distinct, self.cells.judge, place.field, json=place.field in JSON_FIELDS)
        for entry, needles in hits.items():
            alone = replace(self.cells, evidence=Evidence(1), cut={})
            here = Place(place.field)
            new[entry] = alone.masked(distinct.slice(entry, 1), [0], here, {0: needles})[0]
            for row in np.flatnonzero(indices.to_numpy(zero_copy_only=False) == entry).tolist():
                self.cells.evidence.copy(alone.evidence, row)
        return replaced(distinct, new).take(indices) if new else array

    def _binary(self, array: Column, field: str) -> Column:
        """Bodies that are not text: withheld unless a rule keeps them."""
        kept = array.to_pylist()
        for row, value in enumerate(kept):
            if (
                value is not None
                and self.cells.policy.operator("BASE64", field, self.cells.facts.of(row)) != "keep"
            ):
                self.cells.evidence.withheld(row, field, "binary")
                kept[row] = None
        return pa.array(kept, pa.string())


@lru_cache(maxsize=8192)
def _verdict(key: str, is_header: bool) -> int:
    if is_credential_header(key) if is_header else is_credential_name(key):
        return _CREDENTIAL
    if is_header and key in ADDRESS_HEADERS:
        return _ADDRESS
    return _CONTEXT if CONTEXT_WORDS.search(key.encode()) else 0
