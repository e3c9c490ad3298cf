"""Which entries of a column may hold anything to mask: one run of the trigger over all of its text."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow.compute

from otel_audit.mask.arrow import Column, offsets
from otel_audit.mask.judge import Judge
from otel_audit.mask.recognizer import Family

__all__ = ["Hits", "find_hits"]

_KERNELS: Final[Any] = pyarrow.compute
"""pyarrow.compute; its stubs cannot tell one kind of array from another."""

Needle: TypeAlias = "tuple[str, Family]"
"""A trigger as it stands in a text, and its family."""

Hits: TypeAlias = "dict[int, list[Needle] | None]"
"""Entry → its triggers, where each stands in plain text in one leaf of it; else None."""


_DIFFERING: Final = frozenset(
    {"requestId", "requestPath", "requestQuery", "spanName", "target.id", "errorMessage", "modelInfo.responseId",
     "modelInfo.conversationId", "modelInfo.toolCallId"}
)  # fmt: skip
"""Fields whose texts are mostly different; of others, each text is searched once."""

_FEW: Final = 64
"""Different texts of one field in a batch up to which the next batch probably has the same."""


def find_hits(array: Column, judge: Judge, field: str, *, json: bool) -> Hits:
    """The entries in which the trigger has a match.

    Args:
        array: strings.
        judge: brings the trigger.
        field: that they are of.
        json: whether they are JSON texts.
    """
    if json:
        # They begin and end with signs that keep two of them from making a match together.
        return _search(array, judge)
    if field in _DIFFERING:
        return _search(_KERNELS.binary_join_element_wise(array, "", "\0"), judge)
    encoded = array.dictionary_encode()
    distinct = encoded.dictionary
    unknown = judge.plain.unknown(field, distinct) if len(distinct) <= _FEW else range(len(distinct))
    if not unknown:
        return {}
    searched = distinct if len(unknown) == len(distinct) else distinct.take(unknown)
    hits = _search(_KERNELS.binary_join_element_wise(searched, "", "\0"), judge)
    if len(distinct) <= _FEW:
        judge.plain.searched(field, searched, hits)
    if not hits:
        return hits
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    return {
        entry: needles
        for text, needles in hits.items()
        for entry in np.flatnonzero(indices == unknown[text]).tolist()
    }


def _search(array: Column, judge: Judge) -> Hits:
    """The same over all bytes of an array. Its texts end with a byte that no text holds, or that no number or
    word goes on behind."""
    bounds = offsets(array)
    first, last = int(bounds[0]), int(bounds[-1])
    data = memoryview(array.buffers()[2] or b"")[first:last]
    hits: Hits = {}
    find = judge.trigger.over(data).find
    span = find(0)
    if span is None:
        return hits
    ends = (bounds[1:] - first).tolist()
    while span is not None:
        start, end = span
        entry, last_entry = bisect_right(ends, start), bisect_right(ends, end - 1)
        trigger = bytes(data[start:end])
        family = judge.trigger.family(trigger) if entry == last_entry and _in_one_leaf(trigger) else None
        if family is None:
            # A pattern may take in anything, even the end of one text and the start of the next.
            hits.update(dict.fromkeys(range(entry, last_entry + 1)))
            # The next one begins with a byte that may be the one before a number or a word.
            position = max(start + 1, ends[last_entry] - 1)
        else:
            needles = hits.setdefault(entry, [])
            if needles is not None:
                needles.append((trigger.decode(), family))
            position = judge.trigger.behind(data, start, end)
        span = find(position)
    return hits


def _in_one_leaf(trigger: bytes) -> bool:
    """Whether a trigger found in a JSON text stands in one of its leaves just as it is: no escape, and no sign
    of structure, which has quotes, or commas between numbers."""
    if b'"' in trigger or b"\\" in trigger or not trigger.isascii():
        return False
    return b"," not in trigger or trigger[:1].isalpha()
