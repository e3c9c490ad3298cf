"""Decoding keeps the way back to the original bytes."""

from __future__ import annotations

import pytest

from otel_audit.mask.decode import DECODERS
from otel_audit.mask.views import MAX_ROUNDS, NestedTooDeeply, views


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (rb"jane\u0040example.com", b"jane@example.com"),
        (rb"\ud83d\ude00 x\n", "😀 x\n".encode()),
        (rb"\u{1F600}\U0001F600\x41\xc3\xa4\xe4", "😀😀Aää".encode()),
        (rb"\100\56\604 \302\240\344", "@.04 \u00a0ä".encode()),
        (b"a%40b%2e%E4%C3%A4%A0", "a@b.ää\u00a0".encode()),
        (b"%u0040", b"@"),
        (b"a&#64;b&#x40;c&commat;&nbsp;d", "a@b@c@\u00a0d".encode()),
        (b"a&#000000000064;b&#X0000000040;&#64c&#150;", "a@b@@c–".encode()),
        ("４１１１\u200b\u00a0１１".encode(), b"4111 11"),
        ("٤١\u2011١".encode(), b"41-1"),
    ],
)
def test_one_round(encoded: bytes, decoded: bytes) -> None:
    assert views(encoded, DECODERS)[0].text == decoded


def test_original_of_a_decoded_span() -> None:
    text = b"mail %6A%61%6E%65&#64;example.com now"
    view = next(view for view in views(text, DECODERS) if b"jane@example.com" in view.text)
    start = view.text.index(b"jane@example.com")
    low, high = view.original(start, start + len(b"jane@example.com"))
    assert text[low:high] == b"%6A%61%6E%65&#64;example.com"


def test_original_over_several_rounds() -> None:
    text = b"<%2534%2531> tail"
    view = views(text, DECODERS)[-1]
    assert view.text == b"<41> tail"
    assert view.original(1, 3) == (1, 11)
    assert view.original(4, 9) == (12, 17)


@pytest.mark.parametrize(
    "text",
    [
        b"?card=4111%201111%201111%201111",
        b"?q=4111%20&c=4111%201111%201111%201111",
        rb"C:\4111%201111%201111%201111",
        rb"&#4111%201111%201111%201111 \n",
        b"a=40b c=4111&nbsp;1111&nbsp;1111&nbsp;1111",
    ],
)
def test_what_looks_like_one_encoding_hides_none_of_another(text: bytes) -> None:
    shown = [view.text.replace(b"\xc2\xa0", b" ") for view in views(text, DECODERS)]
    assert any(b"4111 1111 1111 1111" in text for text in shown)


def test_plain_text_has_no_views() -> None:
    assert views(b"plain text, 100 of it", DECODERS) == []
    assert views("naïve Привет 你好".encode(), DECODERS) == []


def test_too_many_levels() -> None:
    with pytest.raises(NestedTooDeeply):
        views(b"%" + b"25" * (MAX_ROUNDS + 1) + b"40", DECODERS)


def test_many_backslashes_are_no_levels() -> None:
    assert views(b"\\" * 500, DECODERS)
