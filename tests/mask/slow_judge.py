"""The slow, obvious way: every recogniser over every leaf and key, no trigger."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.mask.alternatives import Alternatives
from otel_audit.mask.budget import Budget
from otel_audit.mask.decode import DECODERS
from otel_audit.mask.findings import Finding, behind
from otel_audit.mask.judge import Judge
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.recognizer import Family
from otel_audit.mask.recognizers import RECOGNIZERS
from otel_audit.mask.trigger import Trigger


class AnyText(Trigger):
    """Lets everything through."""

    def __init__(self) -> None:
        super().__init__(RECOGNIZERS, DECODERS, encoded=True)
        self._all = Alternatives([[b"(?s:.+)"]])

    def family(self, trigger: bytes) -> Family | None:
        return None


class SlowJudge(Judge):
    """Searches everywhere."""

    def __init__(self) -> None:
        super().__init__(structure=STRUCTURE_TRIGGERS)
        self.trigger = AnyText()

    def findings(
        self,
        text: bytes,
        budget: Budget,
        before: bytes = b"",
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> list[Finding]:
        return behind(self.everywhere(before + text, budget), len(before))
