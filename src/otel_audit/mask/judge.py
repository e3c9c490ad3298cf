"""What must be masked in one text.

Two ways lead to the same findings:

- *Everywhere*: each recogniser over the whole text, over every level of its decoding (``decode.py``) and over
  the text that encoded runs hold (``encoded_runs.py``).
- *Near triggers*, for the common case of an address or a number in plain text: only recognisers of the
  trigger's family, only near it. Where that could differ from *everywhere*, everywhere it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.decode import DECODERS, Decoder
from otel_audit.mask.encoded_runs import encoded_runs
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.findings import Finding, Span, behind, merged
from otel_audit.mask.patterns import compile_pattern
from otel_audit.mask.plain_texts import PlainTexts
from otel_audit.mask.recognizer import Family, Recognizer
from otel_audit.mask.recognizers import RECOGNIZERS
from otel_audit.mask.search import AT_MARGIN, NUMBER_MARGIN, Search
from otel_audit.mask.trigger import Trigger
from otel_audit.mask.views import NestedTooDeeply, View, views

__all__ = ["Judge"]

_TRIGGERS_MAX: Final = 8
"""Triggers in one text beyond which searching everywhere is cheaper."""

_RUNS_MAX: Final = 4
"""Levels of encoded runs within encoded runs that are looked into."""


def _token(entities: Iterable[str]) -> Recognizer:
    """What looks like one of our tokens is not one that we wrote."""
    names = "|".join(sorted({*entities, "WITHHELD"})).encode()
    return Recognizer(
        "token", "TOKEN", rb"\[(?:" + names + rb")(?::[^\]\s]{0,128})?\]",
        ("[EMAIL]",), triggers=(rb"\[(?:" + names + rb")[\]:]",),
    )  # fmt: skip


class Judge:
    """Finds personal data and credentials in texts.

    Args:
        recognizers: entries of the table; a test leaves one out to see that it is missed.
        decoders: likewise.
        encoded: whether encoded runs are looked into; likewise.
        structure: RE2 patterns of structure that the caller wants to see as triggers.

    Attributes:
        trigger: lets texts through that this judge may find something in.
        plain: texts in which nothing was found.
    """

    def __init__(
        self,
        recognizers: tuple[Recognizer, ...] = RECOGNIZERS,
        decoders: tuple[Decoder, ...] = DECODERS,
        *,
        encoded: bool = True,
        structure: Iterable[bytes] = (),
    ) -> None:
        table = (*recognizers, _token({*ENTITIES, *(entry.entity for entry in recognizers)}))
        self._search = Search(table)
        self._decoders = decoders
        self._foldable = [compile_pattern(decoder.mark) for decoder in decoders if decoder.name == "folding"]
        self._encoded = encoded
        self.plain = PlainTexts()
        self.trigger = Trigger(table, decoders, encoded=encoded, structure=structure)

    def findings(
        self,
        text: bytes,
        budget: Budget,
        before: bytes = b"",
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> list[Finding]:
        """What must be masked in a text.

        Args:
            text: decoded from JSON, not from anything else.
            budget: how long it may take.
            before: the name of the text's key and ``": "``; empty where it has none.
            known: all triggers of the text, or more, where that is known.

        Returns:
            Findings in order, apart from each other.

        Raises:
            OutOfTime: the budget is spent.
            NestedTooDeeply: the text is encoded in more levels than are undone.
        """
        whole = before + text if before else text
        triggers = self._triggers(whole) if known is None else self._located(whole, known)
        near = None if triggers is None else self._search.near(whole, triggers)
        if near is None:
            found = self.everywhere(whole, budget)
        else:
            budget.check()
            found = merged(*near)
        return behind(found, len(before)) if before else found

    def everywhere(self, whole: bytes, budget: Budget) -> list[Finding]:
        """The same by each recogniser over all of the text, without triggers."""
        found, claims = self._level(whole, budget)
        for view in views(whole, self._decoders):
            seen, claimed = self._level(view.text, budget)
            found += [_in_original(finding, view) for finding in seen]
            claims += [view.original(start, end) for start, end in claimed]
        return merged(found, claims)

    def _level(self, text: bytes, budget: Budget) -> tuple[list[Finding], list[Span]]:
        """Findings and claims in one level of decoding."""
        found, claims = self._search.whole(text, budget)
        if self._encoded:
            found += [
                Finding(run.start, run.end, run.entity, secret=False, value=None)
                for run in encoded_runs(text)
                if run.opaque or any(self._shows(hidden, budget, _RUNS_MAX) for hidden in run.texts)
            ]
        return found, claims

    def _shows(self, hidden: bytes, budget: Budget, levels: int) -> bool:
        """Whether a decoded text holds anything to mask.

        Raises:
            NestedTooDeeply: there are more levels of encoded runs in it.
        """
        for text in (hidden, *(view.text for view in views(hidden, self._decoders))):
            if self._search.whole(text, budget)[0]:
                return True
            for run in encoded_runs(text):
                if not levels:
                    raise NestedTooDeeply
                if run.opaque or any(self._shows(below, budget, levels - 1) for below in run.texts):
                    return True
        return False

    def _triggers(self, whole: bytes) -> list[tuple[int, int, Family]] | None:
        """Triggers in plain text and their families; None for text that must be searched everywhere."""
        triggers: list[tuple[int, int, Family]] = []
        plain, position, find = _has_no_marks(whole), 0, self.trigger.over(whole).find
        while (span := find(position)) is not None:
            start, end = span
            family = self.trigger.family(whole[start:end])
            if family is None or len(triggers) == _TRIGGERS_MAX:
                return None
            if not (plain or self._is_plain(whole, start, end, family)):
                return None
            triggers.append((start, end, family))
            position = self.trigger.behind(whole, start, end)
        return triggers

    def _located(
        self, whole: bytes, known: Sequence[tuple[bytes, Family]]
    ) -> list[tuple[int, int, Family]] | None:
        """The same where the triggers are known, but not where they are."""
        triggers: list[tuple[int, int, Family]] = []
        plain = _has_no_marks(whole)
        for trigger, family in known:
            start = whole.find(trigger)
            while start >= 0:
                end = start + len(trigger)
                if len(triggers) == _TRIGGERS_MAX or not (plain or self._is_plain(whole, start, end, family)):
                    return None
                triggers.append((start, end, family))
                start = whole.find(trigger, end)
        return triggers

    def _is_plain(self, whole: bytes, start: int, end: int, family: Family) -> bool:
        """Whether nothing near a trigger is encoded."""
        margin = AT_MARGIN if family is Family.AT else NUMBER_MARGIN
        near = whole[max(0, start - margin) : end + margin]
        if b"\\" in near or b"%" in near or b"&" in near:
            return False
        return near.isascii() or not any(fold.is_in(near) for fold in self._foldable)


def _has_no_marks(text: bytes) -> bool:
    return text.isascii() and not (b"\\" in text or b"%" in text or b"&" in text)


def _in_original(finding: Finding, view: View) -> Finding:
    start, end = view.original(finding.start, finding.end)
    return Finding(start, end, finding.entity, finding.secret, finding.value)
