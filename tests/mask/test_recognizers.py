"""The table of recognisers holds what its examples promise, and leaves alone what is no personal data."""

from __future__ import annotations

import pytest

from otel_audit.mask.budget import Budget
from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.judge import Judge
from otel_audit.mask.recognizer import Recognizer
from otel_audit.mask.recognizers import RECOGNIZERS

_JUDGE = Judge()
_MATCHES = [(entry, text) for entry in RECOGNIZERS for text in entry.matches]
_REJECTS = [(entry, text) for entry in RECOGNIZERS for text in entry.rejects]


def entities(text: str) -> list[str]:
    return [finding.entity for finding in _JUDGE.findings(text.encode(), Budget(60))]


@pytest.mark.parametrize(("entry", "text"), _MATCHES, ids=lambda value: getattr(value, "name", value))
def test_matches(entry: Recognizer, text: str) -> None:
    assert entities(text) == [entry.entity]


@pytest.mark.parametrize(("entry", "text"), _REJECTS, ids=lambda value: getattr(value, "name", value))
def test_rejects(entry: Recognizer, text: str) -> None:
    assert entities(text) == []


def test_each_entry_has_a_name_of_its_own_and_examples() -> None:
    assert len({entry.name for entry in RECOGNIZERS}) == len(RECOGNIZERS)
    assert all(entry.matches and entry.rejects for entry in RECOGNIZERS)
    assert {entry.entity for entry in RECOGNIZERS} <= ENTITIES


@pytest.mark.parametrize(
    "text",
    [
        "7bdfa8a77d572146ee6a8862d10dc5cd",
        "54d260cdbc80cc38",
        "9d0c6c1e-6b0f-8a35-9a5e-2f3b7a1c4e90",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "1795284941119980390",
        "1795284941119",
        "2026-11-21T18:04:16.394044809Z",
        "order #422868",
        "Order number 4539578763621486",
        "4006381333931",
        "$1,234,567.89",
        "1024.75 EUR",
        "v1.45.1",
        "1.4.2",
        "10.0.19041.1",
        "Chrome/141.0.0.0 Safari/537.36",
        "sha256:4c1d0f3e5b6a79881726354453627180a0b1c2d3e4f5061728394a5b6c7d8e9f",
        "max_tokens: 4096, temperature: 0.7",
        "0.4539578763621486",
        "[0.0123456789012345, -0.9876543210987654]",
        "[0.12390347, 0.84150359, 12.58367430]",
        "std::vector<int>",
        "12:30:45",
        "risk-based pricing",
        "@app.route('/x')",
        "see RFC 8785, section 3.2.2.3",
        "127.0.0.1:8080",
        "ISBN 978-3-16-148410-0",
        "| 4521 | 5233 | 1233 | 4556 |",
        "18:04:16 2026:1121:1804:1639",
        "4048 · 2160 · 1080 · 0720",
        "706c656173652072656164",
        "FileNotFoundExceptionAtLine12",
        "eNotAGoodNameForAThing",
        "10 m² and 3 ft³, see note ¹ and ②",
        r"C:\temp\101\new",
        "R&D &#169; 2026",
        "[12, 5424, 1803, 2769, 4516, 7]",
        "06405971-2823-bf69-2f54-52c625575a66",
        "dwIF8Q5ZQ5fbqvVzxSpsIg==",
    ],
)
def test_decoys(text: str) -> None:
    assert entities(text) == []


@pytest.mark.parametrize("context", ["", "card: ", "my card is ", "x=", "(", "\n"])
def test_a_card_needs_no_word_boundary_of_one_kind(context: str) -> None:
    assert entities(f"{context}4111111111111111") == ["CREDIT_CARD"]


def test_overlapping_findings_are_one() -> None:
    findings = _JUDGE.findings(b"password=jane.doe@example.com", Budget(60))
    assert [(finding.start, finding.end, finding.secret) for finding in findings] == [(9, 29, True)]
