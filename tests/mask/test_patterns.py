"""Searching through the binding below RE2's wrapper finds what the wrapper finds."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.mask.patterns import compile_pattern
from otel_audit.mask.recognizers import RECOGNIZERS

_EXAMPLES = [text.encode() for entry in RECOGNIZERS for text in (*entry.matches, *entry.rejects)]


def wrapped(source: bytes) -> object:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(source, options)


@pytest.mark.parametrize("entry", RECOGNIZERS, ids=lambda entry: entry.name)
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
