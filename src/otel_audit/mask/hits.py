"""Which entries of a column may hold anything to mask: one run of the trigger over all of its text."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow.compute

from otel_audit.mask.arrow import Column, offsets
from otel_audit.mask.judge import Judge
from otel_audit.mask.recognizers import Family

__all__ = ["Hits", "find_hits"]

_KERNELS: Final[Any] = pyarrow.compute
"""pyarrow.compute; its stubs cannot tell one kind of array from another."""

Needle: TypeAlias = "tuple[str, Family]"
"""A trigger as it stands in a text, and its family."""

Hits: TypeAlias = "dict[int, list[Needle] | None]"
"""Entry → its triggers, where each stands in plain text in one leaf of it; else None."""


def find_hits(array: Column, judge: Judge, *, json: bool) -> Hits:
    """The entries in which the trigger has a match.

    Args:
        array: strings.
        judge: brings the trigger.
        json: whether they are JSON texts. Others are kept apart by a byte that no text holds, so that two of
            them together make no match; JSON texts begin and end with signs that do the same.
    """
    apart = array if json else _KERNELS.binary_join_element_wise(array, "", "\0")
    bounds = offsets(apart)
    first, last = int(bounds[0]), int(bounds[-1])
    data = memoryview(apart.buffers()[2] or b"")[first:last]
    hits: Hits = {}
    find = judge.trigger.find
    position, length = 0, last - first
    while (match := find(data, position, length)) is not None:
        start, end = judge.without_surroundings(data, *match[0])
        entry = int(np.searchsorted(bounds, start + first, side="right")) - 1
        entry_end = int(bounds[entry + 1]) - first
        trigger = bytes(data[start:end])
        family = judge.family(trigger) if end <= entry_end and _in_one_leaf(trigger) else None
        if family is None:
            hits[entry] = None
            if end > entry_end:  # a pattern may take in anything, even the byte between
                hits[entry + 1] = None
            position = entry_end
            continue
        needles = hits.setdefault(entry, [])
        if needles is not None:
            needles.append((trigger.decode(), family))
        position = end
    return hits


def _in_one_leaf(trigger: bytes) -> bool:
    """Whether a trigger found in a JSON text stands in one of its leaves just as it is: no escape, and no sign
    of structure, which has quotes, or commas between numbers."""
    if b'"' in trigger or b"\\" in trigger or not trigger.isascii():
        return False
    return b"," not in trigger or trigger[:1].isalpha()
