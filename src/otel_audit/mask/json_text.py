"""Masking a JSON text: every leaf and key, JSON within strings, and what only shows when items are joined.

Rules:

1. The text that comes out is minified JSON with U+2028 and U+2029 escaped; a text in which nothing is masked
   comes out as the very same bytes.
2. Numbers are judged by their digits, with their key in front, and so are the joined digits of an array of a
   few. One that must be masked becomes a string.
3. A string that is itself a JSON text is masked as one, to :data:`MAX_DEPTH`; deeper ones are withheld.
4. Texts that are read one after the other (``neighbours.py``) are also judged joined: where a finding spans
   several, the first one gets the token and the others lose their piece.
5. A key that collides with another after masking gets ``#2``, ``#3`` …
6. Of a JSON text that has been cut off, the open leaf is withheld, since half a number looks like none; a leaf that
   may have been cut by itself loses its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.json_leaves import few_leaves
from otel_audit.mask.json_places import NOTHING, Pieces
from otel_audit.mask.json_values import dump
from otel_audit.mask.json_walk import JsonWalk
from otel_audit.mask.judge import Judge
from otel_audit.mask.recognizer import Family
from otel_audit.mask.scribe import Scribe

__all__ = ["MAX_DEPTH", "JsonMasker"]

MAX_DEPTH: Final = 4
"""Levels of JSON within JSON strings that are looked into; RECORD "Decoded form"."""


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
        *,
        pieces: Pieces = NOTHING,
        cut: frozenset[str] = frozenset(),
    ) -> str:
        """The masked text.

        Args:
            text: a JSON text.
            path: of the field.
            scribe: writes tokens and evidence.
            budget: how long it may take.
            needles: all triggers of the text and their families, where each is plain text of a leaf: leaves
                without one of them are passed by. None: every leaf and key is judged.
            pieces: of findings that span this text and others.
            cut: leaves that may have been cut.

        Raises:
            OutOfTime: the budget is spent.
        """
        walk = JsonWalk(self._judge, self._max_depth, scribe, budget, needles, cut=cut)
        few = None if needles is None or pieces or cut else few_leaves(text, path, needles)
        if few is None or any(map(walk.joined, few.messages)):
            return walk.document(text, path, pieces)
        known = [(needle.encode(), family) for needle, family in needles or ()]
        changed = False
        for holder, key, where in few.leaves:
            leaf = holder[key]
            holder[key] = walk.leaf(leaf, where, key, (), known)
            changed = changed or holder[key] is not leaf
        return dump(few.value) if changed else text
