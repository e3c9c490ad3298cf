"""The slow, obvious way: every recogniser over every leaf and key, no trigger."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.mask.json_text import STRUCTURE_TRIGGERS
from otel_audit.mask.judge import Budget, Finding, Judge
from otel_audit.mask.patterns import compile_pattern
from otel_audit.mask.recognizers import Family


class SlowJudge(Judge):
    """Lets everything through and searches everywhere."""

    def __init__(self) -> None:
        super().__init__(structure=STRUCTURE_TRIGGERS)
        self.trigger = compile_pattern(b"(?s:.+)")

    def family(self, trigger: bytes) -> Family | None:
        return None

    def findings(
        self,
        text: bytes,
        budget: Budget,
        before: bytes = b"",
        known: Sequence[tuple[bytes, Family]] | None = None,
    ) -> list[Finding]:
        found = self.everywhere(before + text, budget)
        kept = []
        for finding in found:
            if finding.end > len(before):
                finding.start, finding.end = max(0, finding.start - len(before)), finding.end - len(before)
                kept.append(finding)
        return kept
