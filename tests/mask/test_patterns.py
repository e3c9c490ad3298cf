"""Searching through the binding below RE2's wrapper finds what the wrapper finds."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.mask.patterns import PatternSet, compile_pattern
from otel_audit.mask.recognizers import RECOGNIZERS

_EXAMPLES = [text.encode() for entry in RECOGNIZERS for text in (*entry.matches, *entry.rejects)]


def wrapped(source: bytes) -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(source, options)


@pytest.mark.parametrize("entry", RECOGNIZERS, ids=lambda entry: entry.name)
@settings(max_examples=30)
@given(st.lists(st.sampled_from(_EXAMPLES), max_size=3).map(b" ".join))
def test_same_spans_and_groups(entry, text):
    ours = compile_pattern(entry.pattern)
    theirs = wrapped(entry.pattern)
    match = theirs.search(text)
    found = ours.find(text, 0, len(text))
    assert (found is None) == (match is None)
    if found is not None:
        assert found == [match.span(group) for group in range(theirs.groups + 1)]
    assert list(ours.spans(text)) == [match.span() for match in theirs.finditer(text)]


def test_a_set_tells_which_have_a_match() -> None:
    patterns = PatternSet([b"a+b", rb"[0-9]{3}", b"x"], [b"ab", b"123", b"x"])
    assert patterns.matching(b"12 aab 345") == [0, 1]
    assert patterns.matching(b"nothing here") == []


def test_a_set_that_does_not_see_a_proof_passes_nothing_by() -> None:
    patterns = PatternSet([b"a+b", b"x"], [b"ab", b"no match of it"])
    assert list(patterns.matching(b"nothing here")) == [0, 1]


def test_every_recogniser_is_seen_by_the_set() -> None:
    entries = [entry for entry in RECOGNIZERS if not entry.runs]
    patterns = PatternSet(
        [entry.pattern for entry in entries], [entry.matches[0].encode() for entry in entries]
    )
    for index, entry in enumerate(entries):
        for text in entry.matches:
            assert index in patterns.matching(text.encode())
    assert len(patterns.matching(b"nothing here")) < len(entries)
