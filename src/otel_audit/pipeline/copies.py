"""Records that come a second time: told by id and content tag, for as long as the window reaches.

Rules:

1. The same id with the same content is the same record: it is not written again, and whoever sent it is told that
   it is durable, as it is.
2. The same id with other content is kept, says so in ``audit.duplicate_of``, and an ``audit.conflict`` record
   counts it.
3. A record is known once it is durable, never before; one process writes a slot, so nothing is known twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from otel_audit.convert.own_events import own_word
from otel_audit.convert.spans import Attributes, LogData
from otel_audit.mask.masker import MaskedBatch
from otel_audit.pipeline.cloning import CONFLICT_EVENT
from otel_audit.pipeline.fingerprints import Bools, Fingerprints, Halves
from otel_audit.pipeline.options import DedupeOptions
from otel_audit.pipeline.prepared import Prepared
from otel_audit.record.imprints import Imprints, imprints, parse_imprints
from otel_audit.spool import Slot
from otel_audit.spool.explain import explain

__all__ = ["Copies", "masked_of"]

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that both halves of an id can be told from the product and the other half: 2^64 by the golden ratio."""


@dataclass(frozen=True, slots=True)
class Differing:
    """Records that came under an id which another record has.

    Attributes:
        record: id of the first of them.
        count: how many, in one batch.
        at_unix_nano: when they came.
    """

    record: str
    count: int
    at_unix_nano: int

    def event(self, service: str) -> LogData:
        """What the log says of it."""
        said: Attributes = {
            "audit.conflict.kind": "record",
            "audit.conflict.record": self.record,
            "audit.conflict.count": self.count,
        }
        return own_word(CONFLICT_EVENT, "DUPLICATE", said, service=service, at_unix_nano=self.at_unix_nano)


class Copies:
    """Knows the records of one slot. Not thread-safe.

    Args:
        slot: nobody has appended to it yet.
        options: how much is remembered.

    Attributes:
        same: records that were not written again.
        differing: records that were, under an id which another has.

    Raises:
        SpoolError: the disk refused.
    """

    def __init__(self, slot: Slot, options: DedupeOptions) -> None:
        window_ns = int(options.window_s * 10**9)
        self._ids = Fingerprints(options.max_entries, window_ns)
        self._tags = Fingerprints(options.max_entries, window_ns)
        self.same = self.differing = 0
        self._log, seen = slot.bequest.seen_log(window_ns=window_ns, max_entries=options.max_entries)
        for one in seen:
            self._know(parse_imprints(one.content), one.at_unix_nano)

    def sift(self, prepared: Prepared) -> None:
        """Take out what is known, and note what differs from it; once, before any of it is appended."""
        if prepared.masked is None or prepared.imprints is not None:
            return
        masked, found = prepared.masked, _imprints_of(prepared.masked)
        is_new = ~self._tags.contains(*_tags(found)) & _is_first(*_tags(found))
        kept = np.flatnonzero(is_new)
        if len(kept) < len(found):
            masked, found = masked.chosen(kept.tolist()), found[kept]
        ids = _ids(found)
        differing = np.flatnonzero(self._ids.contains(*ids) | ~_is_first(*ids)).tolist()
        events = []
        if differing:
            masked = masked.noted_as_copies(differing)
            events.append(Differing(masked.record_ids()[differing[0]], len(differing), time.time_ns()))
        self.same += int(len(is_new) - len(kept))
        prepared.become(masked, found, events)

    def compare(self, prepared: Prepared) -> tuple[Imprints, Bools, Bools]:
        """Which records are known. Nothing is taken out, and nothing remembered.

        Returns:
            The imprints of all, which of them are known as they are, and which have an id that another one has.
        """
        found = _imprints_of(masked_of(prepared))
        same = self._tags.contains(*_tags(found))
        return found, same, ~same & self._ids.contains(*_ids(found))

    def keep(self, prepared: Prepared, found: Imprints, rows: Sequence[int]) -> None:
        """Go on with some records, by what :meth:`compare` said of them; :meth:`sift` leaves them alone."""
        self.same += len(found) - len(rows)
        prepared.become(masked_of(prepared).chosen(rows), found[list(rows)], ())

    def note(self, prepared: Prepared) -> None:
        """Remember on disk what the writers have taken: durable on return.

        Raises:
            SpoolError: the disk refused; note it again.
        """
        if prepared.taken:
            with explain("remember which records it has seen"):
                self._log.note(prepared.taken)
            prepared.taken.clear()

    def know(self, prepared: Prepared) -> None:
        """Remember what is durable now."""
        if prepared.imprints is not None:
            self._know(prepared.imprints, time.time_ns())
            self.differing += sum(event.count for event in prepared.events)

    def _know(self, found: Imprints, at_unix_nano: int) -> None:
        for halves, known in ((_tags(found), self._tags), (_ids(found), self._ids)):
            is_new = ~known.contains(*halves) & _is_first(*halves)
            known.add(halves[0][is_new], halves[1][is_new], at_unix_nano)


def masked_of(prepared: Prepared) -> MaskedBatch:
    """The records of a batch that has some.

    Raises:
        ValueError: it has none.
    """
    if prepared.masked is None:
        raise ValueError("a batch without records")
    return prepared.masked


def _imprints_of(masked: MaskedBatch) -> Imprints:
    return imprints(masked.records, masked.tags)


def _tags(found: Imprints) -> tuple[Halves, Halves]:
    """Of a record's id, too: the content tag is over all of it."""
    return found[:, 2], found[:, 3]


def _ids(found: Imprints) -> tuple[Halves, Halves]:
    """Ids that begin alike, as those made of times do, are spread."""
    return found[:, 0] * _MIX ^ found[:, 1], found[:, 1]


def _is_first(high: Halves, low: Halves) -> Bools:
    """Which values do not stand before themselves."""
    if len(np.unique(high)) == len(high):
        return np.ones(len(high), np.bool_)
    order = np.lexsort((low, high))
    repeats = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
    is_first: Bools = np.ones(len(high), np.bool_)
    is_first[order[1:][repeats]] = False
    return is_first
