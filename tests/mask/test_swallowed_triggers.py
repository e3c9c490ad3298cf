"""What stands between the word for a number and the number is looked at too."""

from __future__ import annotations

import pytest

from otel_audit.mask.budget import Budget
from otel_audit.mask.judge import Judge
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS

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


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("session: http://h/cb?token=s3cr3t", ["s3cr3t"]),
        ("a session: x=1?password=hunter2", ["hunter2"]),
        ("AA1.2.3.4.5-----BEGIN PRIVATE KEY-----\nMIIEvQ cut", ["MIIEvQ"]),
        ("AA12 34567 AUTHORIZATION: ApiKey plainly-Qx7vW", ["plainly"]),
        ("AB 12 345678 PASSWORD=hunter2", ["hunter2"]),
        ("to DE89370400440532013000 and DE89370400440532013000", ["DE8937040044"]),
        ("x-api-key: key-123/x-api-key: key-123", ["key-123"]),
        ("Authorization: ApiKey plainly-Qx7vW/Authorization: ApiKey plainly-Qx7vW", ["plainly"]),
    ],
)
def test_a_match_that_takes_in_more_than_it_finds_hides_nothing(text, secrets):
    data = text.encode()
    found = JUDGE.findings(data, Budget(60))
    assert found == JUDGE.everywhere(data, Budget(60))
    left = data
    for finding in reversed(found):
        left = left[: finding.start] + left[finding.end :]
    for secret in secrets:
        assert secret.encode() not in left
