"""What reaches a terminal moves no cursor and hides nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.cli.text import visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 日本 😀", "Grüße, 日本 😀"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x9b31m", r"\x9b31m"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("ad\u200bmin", r"ad\u200bmin"),
        ("\ufeffbom", r"\ufeffbom"),
        ("a\u2028b", r"a\u2028b"),
        ("a\u2800b\u3164c\ufe0f", r"a\u2800b\u3164c\ufe0f"),
        ("\U000e0041tag", r"\U000e0041tag"),
        ("\ud800", r"\ud800"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_invisible_or_moving_is_left(text: str) -> None:
    categories = {unicodedata.category(character) for character in visible(text)}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_only_our_own_lines_are_kept_apart() -> None:
    assert visible_lines("one\x1b\ntwo") == "one\\x1b\ntwo"
