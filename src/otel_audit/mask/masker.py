"""The masking stage: an unmasked batch in, a masked, salted and hashed one out.

The order, for each batch: model tag (``models.py``, ``withhold.py``), then field rules and recognisers over
every leaf and key that the schema does not exempt, then names if the policy says so (``ner/``), then cut values
lose their tail and records that are too large their longest texts, then evidence, salts and hashes. Texts without a
match of the judge's trigger are passed on as they are: columns, not Python objects.

Only this module can make a :class:`MaskedBatch`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from otel_audit.mask.arrow import Column, children
from otel_audit.mask.cells import CellMasker
from otel_audit.mask.changes import COLUMN as CHANGES
from otel_audit.mask.changes import NamedChanges
from otel_audit.mask.columns import Place, compact, rebuild
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.facts import Facts
from otel_audit.mask.identity import mask_identity
from otel_audit.mask.json_text import JsonMasker
from otel_audit.mask.judge import Judge
from otel_audit.mask.leaves import LeafMasker
from otel_audit.mask.models import ModelTagger
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.ner.names import NameMasker
from otel_audit.mask.ner.port import Finder
from otel_audit.mask.ner.process import ProcessFinder
from otel_audit.mask.oversize import cut_oversize
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.related import Relations
from otel_audit.mask.tags import RegisteredTags
from otel_audit.mask.withhold import withhold_inputs
from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.canonical import digest, recompute
from otel_audit.record.notes import DUPLICATE_OF
from otel_audit.record.schema import FIELDS, SCHEMA, Treatment

__all__ = ["MaskedBatch", "Masker"]

MAX_RECORD_BYTES: Final = 1 << 20

SALT_BYTES: Final = 32
"""Random bytes a record: 16 for the identity group, 16 for the content group."""

_SEAL: Final = object()
"""Proof that a batch comes from this module."""


@dataclass(frozen=True, slots=True, init=False)
class MaskedBatch:
    """Records that may be written.

    Attributes:
        records: columns of the schema; ``masking``, ``salts`` and ``digests`` are filled, ``writer``,
            ``sequence`` and ``erased`` are null.
        record_hashes: fixed_size_binary(32), one a record.
        tags: their content tags, likewise; None where the masker does not make them.
    """

    records: pa.RecordBatch
    record_hashes: Column
    tags: Column | None

    def __init__(
        self, records: pa.RecordBatch, record_hashes: Column, tags: Column | None = None, *, seal: object
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only Masker.mask makes a MaskedBatch")
        object.__setattr__(self, "records", records)
        object.__setattr__(self, "record_hashes", record_hashes)
        object.__setattr__(self, "tags", tags)

    def __len__(self) -> int:
        return int(self.records.num_rows)

    def __repr__(self) -> str:
        return f"MaskedBatch({len(self)} records)"

    def record_ids(self) -> list[str]:
        """Ids of the records, in order."""
        ids: list[str] = self.records.column("recordId").to_pylist()  # type: ignore[assignment]  # never null
        return ids

    def masked_values(self) -> dict[str, int]:
        """How many values were masked, by entity."""
        entities: Column = children(self.records.column("masking"))["entities"]
        counts: dict[str, int] = {}
        for entity, count in zip(entities.keys.to_pylist(), entities.items.to_pylist(), strict=True):
            counts[entity] = counts.get(entity, 0) + count
        return counts

    def withheld_fields(self) -> dict[str, int]:
        """How many fields were withheld, by reason."""
        dropped: Column = children(self.records.column("masking"))["dropped"]
        reasons = dropped.flatten().field("reason").value_counts().to_pylist()
        return {one["values"]: one["counts"] for one in reasons}

    def by_stream(self) -> dict[str, MaskedBatch]:
        """The records of each stream that occurs, in order."""
        streams: Column = self.records.column("stream")
        runs: Column = pc.run_end_encode(streams)  # type: ignore[attr-defined]  # the stubs lack it
        names, ends = runs.values.to_pylist(), runs.run_ends.to_pylist()
        if len(names) == 1:
            return {names[0]: self}
        if len(set(names)) == len(names):
            # Conversion puts stream after stream, so nothing has to be copied.
            return {
                name: self._slice(start, end)
                for name, start, end in zip(names, [0, *ends], ends, strict=False)
            }
        masks = {name: pc.equal(streams, name) for name in dict.fromkeys(names)}
        return {name: self._changed(methodcaller("filter", mask)) for name, mask in masks.items()}

    def chosen(self, rows: Sequence[int]) -> MaskedBatch:
        """Some of the records, in the order given."""
        return self._changed(methodcaller("take", pa.array(rows, pa.int64())))

    def noted_as_copies(self, rows: Sequence[int]) -> MaskedBatch:
        """The same records, some of which say that another one has their id, with the hashes that go with it.

        Args:
            rows: which records; none of them says so yet.
        """
        ids: list[str] = self.record_ids()
        texts: list[str | None] = self.records.column("attributes").to_pylist()
        for row in rows:
            member, text = f"{_quoted(DUPLICATE_OF)}:{_quoted(ids[row])}", texts[row]
            texts[row] = f"{{{member}}}" if text is None or text == "{}" else f"{{{member},{text[1:]}"
        place = self.records.schema.get_field_index("attributes")
        field = self.records.schema.field(place)
        noted = recompute(self.records.set_column(place, field, pa.array(texts, field.type)))
        # Our own notes are no part of the tags.
        return MaskedBatch(noted.records, noted.record_hashes, self.tags, seal=_SEAL)

    def _slice(self, start: int, end: int) -> MaskedBatch:
        return self._changed(methodcaller("slice", start, end - start))

    def _changed(self, change: Callable[[Any], Any]) -> MaskedBatch:
        """What is known of each record, changed alike."""
        tags = None if self.tags is None else change(self.tags)
        return MaskedBatch(change(self.records), change(self.record_hashes), tags, seal=_SEAL)


class Masker:
    """Masks batches by one policy. Not bound to a thread.

    Of what it has seen it remembers which traces, conversations and responses had a model with the tag, by
    their ids, for an hour at most.

    Args:
        policy: what happens to what is found.
        max_record_bytes: texts of a record beyond it are cut, longest first.
        judge: finds it; a test gives one with a recogniser or decoder left out.
        nested_json: whether strings are read as JSON texts; likewise.
        finder: looks for names where the policy says so; by default an engine in a process of its own.
        tags: whether batches carry content tags, for who looks for records that come again.
    """

    def __init__(
        self,
        policy: MaskPolicy,
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
        judge: Judge | None = None,
        nested_json: bool = True,
        finder: Finder | None = None,
        tags: bool = False,
    ) -> None:
        self._policy, self._tags = policy, tags
        self._max_record_bytes = max_record_bytes
        self._judge = judge if judge is not None else Judge(policy.table(), structure=STRUCTURE_TRIGGERS)
        self._json = JsonMasker(self._judge, nested=nested_json)
        self._names = None
        if policy.ner is not None:
            self._names = NameMasker(policy, finder or ProcessFinder(policy.ner))
        self._registered = RegisteredTags()
        self.forget()

    @property
    def policy(self) -> MaskPolicy:
        """What this masker masks by."""
        return self._policy

    def know(self, registered: RegisteredTags) -> None:
        """Tag from now on by what registries say, too."""
        self._registered = registered
        self._tagger = ModelTagger(self._policy.models, registered, self._relations)

    def forget(self) -> None:
        """Forget what was seen, as in a forked child, where another thread may have held its lock."""
        self._relations = Relations()
        self.know(self._registered)
        if self._names is not None:
            self._names.forget()

    def close(self) -> None:
        """End what runs beside it; it is started again when it is needed."""
        if self._names is not None:
            self._names.close()

    def mask(self, batch: UnmaskedBatch) -> MaskedBatch:
        """Masks, salts and hashes a batch.

        Args:
            batch: what conversion made; not changed.

        Returns:
            As many records in the same order. A field that could not be judged (error, time-out, limit) is
            withheld and named in ``masking.dropped``.
        """
        records = compact(batch.records)
        rows = records.num_rows
        columns = dict(zip(records.schema.names, records.columns, strict=True))
        evidence = Evidence(rows)
        tagged = self._tagger.tag(records)
        if tagged is not None:
            withhold_inputs(columns, tagged, self._policy, evidence)
        facts = Facts(columns)
        mask_identity(columns, self._policy, evidence, facts)
        changes = NamedChanges(columns[CHANGES])
        columns[CHANGES] = changes.column
        leaves = LeafMasker(
            CellMasker(
                self._policy,
                self._judge,
                self._json,
                evidence,
                facts,
                _cut_rows(columns["capture"]),
                batch.cut,
            )
        )
        for field in FIELDS:
            if field.treatment in (Treatment.TEXT, Treatment.JSON):
                array = columns[field.name]
                columns[field.name] = rebuild(array, Place(field.name), leaves)
        columns[CHANGES] = changes.unnamed(columns[CHANGES])
        if self._names is not None:
            self._names.mask(columns, evidence, facts)
        cut_oversize(columns, self._max_record_bytes, evidence)
        columns["masking"] = evidence.struct(self._policy.fingerprint)
        masked = pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        digested = digest(masked, os.urandom(SALT_BYTES * rows), tags=self._tags)
        return MaskedBatch(digested.records, digested.record_hashes, digested.tags, seal=_SEAL)


def _cut_rows(capture: Column) -> dict[str, set[int]]:
    """Field → records in which its text had been cut before it came here."""
    marks = children(capture)
    return {
        field: {row for row, at in enumerate(marks[mark].to_pylist()) if at is not None}
        for field, mark in (("request", "requestTruncatedAt"), ("response", "responseTruncatedAt"))
        if marks[mark].null_count < len(capture)
    }


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
