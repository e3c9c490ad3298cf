"""What stands between the word for a number and the number is looked at too."""

from __future__ import annotations

import pytest

from otel_audit.mask.json_text import STRUCTURE_TRIGGERS
from otel_audit.mask.judge import Budget, Judge

JUDGE = Judge(structure=STRUCTURE_TRIGGERS)


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("phone: jane@x.io 4155550100", ["EMAIL", "PHONE"]),
        ("tel: jd@a.co 4155550100", ["EMAIL", "PHONE"]),
        ("phone: AIzaSyA1234567890abcdefghijklmnopqrstuv", ["API_KEY"]),
        ("call +1 415 555 0100 now", ["PHONE"]),
    ],
)
def test_between_word_and_number(text, entities):
    assert [finding.entity for finding in JUDGE.findings(text.encode(), Budget(60))] == entities


def test_the_key_of_a_field_is_such_a_word():
    (finding,) = JUDGE.findings(b"AIzaSyA1234567890abcdefghijklmnopqrstuv", Budget(60), b"phone: ")
    assert (finding.start, finding.end, finding.entity) == (0, 39, "API_KEY")
