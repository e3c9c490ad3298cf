"""URLs and hosts are split without ever raising."""

from __future__ import annotations

from dataclasses import astuple
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.convert.url import UrlParts, same_query, split_host, split_url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example/x?y=1#z", UrlParts("https", "", "a.example", None, "/x", "y=1", "z")),
        ("HTTP://u:p@w@[::1]:80/", UrlParts("http", "u:p@w", "::1", 80, "/", "", "")),
        ("/x?y", UrlParts("", "", "", None, "/x", "y", "")),
        ("https://a?x=/", UrlParts("https", "", "a", None, "", "x=/", "")),
        (
            "/redirect?to=https://b.example/x",
            UrlParts("", "", "", None, "/redirect", "to=https://b.example/x", ""),
        ),
        ("*", UrlParts("", "", "", None, "*", "", "")),
        ("", UrlParts("", "", "", None, "", "", "")),
    ],
)
def test_split_url(url: str, parts: UrlParts) -> None:
    assert split_url(url) == parts


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z][a-z0-9.]{0,10}", fullmatch=True),
    st.integers(1, 65_535) | st.none(),
    st.from_regex(r"(/[a-zA-Z0-9%._-]{0,5}){0,3}", fullmatch=True),
    st.from_regex(r"([a-z]=[a-zA-Z0-9%/:]{0,5}){0,2}", fullmatch=True),
)
def test_agrees_with_the_standard_library(
    scheme: str, host: str, port: int | None, path: str, query: str
) -> None:
    url = f"{scheme}://{host}{'' if port is None else f':{port}'}{path}{'?' + query if query else ''}"
    standard = urlsplit(url)
    parts = split_url(url)
    assert (parts.scheme, parts.host, parts.port, parts.path, parts.query) == (
        standard.scheme, standard.hostname, standard.port, standard.path, standard.query,
    )  # fmt: skip


@given(st.text())
def test_never_raises_and_loses_nothing_but_separators(text: str) -> None:
    parts = split_url(text)
    split_host(text)
    shown = "".join(map(str, astuple(parts)))
    assert set(text.lower()) - set("://?#@[]") <= set(shown.lower())


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("a:80", ("a", 80)), ("a", ("a", None)), ("a:", ("a", None)), ("a:x", ("a:x", None)),
        ("[::1]", ("::1", None)), ("::1", ("::1", None)), ("a:123456", ("a:123456", None)),
    ],
)  # fmt: skip
def test_split_host(text: str, host: tuple[str, int | None]) -> None:
    assert split_host(text) == host


@pytest.mark.parametrize(
    ("new", "old", "same"),
    [
        ("a=1&b=2", "a=1&b=2", True),
        ("a=x@y&s=1", "a=x%40y&s=REDACTED", True),
        ("a=1", "a=2", False),
        ("a=1", "a=1&b=2", False),
        ("a=REDACTED", "a=1", False),
    ],
)
def test_same_query(new: str, old: str, *, same: bool) -> None:
    assert same_query(new, old) is same
