"""Several automata find what one of all patterns finds, match by match."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.mask.alternatives import Alternatives, any_of
from otel_audit.mask.patterns import Pattern

PATTERNS = [
    b"@", b"[0-9]{3}", b"[13][1-9A-C]{4,6}", b"(?:^|[^0-9A-Za-z])[A-C]{2}[0-9]", b"[A-C][0-9][0-9]?",
    rb"\bB[^0-9]{0,4}[0-9]",
    b"[A-C]{3}$", b"B\n", rb"[0-9]\b", b"(?i:ab)[ -]?[0-9]+", b"[0-9](?:[ .-]{0,2}[0-9]){2,}",
]  # fmt: skip

TEXTS = st.text(alphabet="0139ABCab @-.\n\0", max_size=60).map(str.encode)


def matches(text: bytes, patterns: list[bytes], step: int) -> list[tuple[int, int]]:
    """By one pattern of all; the search goes on ``step`` bytes behind a match's beginning, or behind its end."""
    whole, found, position = Pattern(any_of(patterns)), [], 0
    while (spans := whole.find(text, position, len(text))) is not None:
        found.append(spans[0])
        position = spans[0][0] + step if step else spans[0][1]
    return found


def scanned(text: bytes, groups: list[list[bytes]], step: int) -> list[tuple[int, int]]:
    scan, found, position = Alternatives(groups).over(text), [], 0
    while (span := scan.find(position)) is not None:
        found.append(span)
        position = span[0] + step if step else span[1]
    return found


@settings(max_examples=300, deadline=None)
@given(
    text=TEXTS,
    groups=st.lists(st.lists(st.sampled_from(PATTERNS)), min_size=1),
    step=st.sampled_from([0, 1, 2]),
)
def test_finds_what_one_pattern_of_all_finds(text, groups, step):
    patterns = [pattern for group in groups for pattern in group]
    assert scanned(text, groups, step) == matches(text, patterns, step)
    assert Alternatives(groups).is_in(text) == bool(matches(text, patterns, step))


def test_no_patterns_match_nothing():
    assert not Alternatives([]).is_in(b"anything")
    assert Alternatives([]).over(b"anything").find(0) is None
