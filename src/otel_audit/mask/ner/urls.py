"""Paths and queries as an engine can read them: part by part, decoded, with spaces where signs stand for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote_to_bytes

__all__ = ["is_url", "masked_url"]

_URL_FIELDS: Final = frozenset({"requestPath", "requestQuery"})
_SOMETIMES: Final = frozenset({"spanName", "target.id", "requestHeaders", "responseHeaders"})
"""Fields in which a URL may stand, among other texts."""

_URL: Final = re.compile(r"(?:[A-Z]+ )?(?:https?:/)?/\S*")
_SIGNS: Final = re.compile(r"([/?&=;#]+)")
_WORDS: Final = re.compile(r"[^\W_]+(?:[-_][^\W_]+)+")
"""A slug: words with one kind of sign between them, most of the time."""


def is_url(field: str, text: str) -> bool:
    """Whether a text of a field is a URL or a part of one."""
    return field in _URL_FIELDS or (field in _SOMETIMES and _URL.fullmatch(text) is not None)


def masked_url(text: str, leaf: Callable[[str], str], *, is_query: bool = False) -> str:
    """A URL, path or query with each of its parts as a leaf makes it; parts that stay keep their encoding.

    Args:
        text: as it stands in the record.
        leaf: a part as it was meant → what stands there from now on; the very same text where that is what it was.
        is_query: whether it begins within a query, where a plus sign is a space.
    """
    written = []
    for part in _SIGNS.split(text):
        if "?" in part:
            is_query = True
        written.append(_part(part, leaf, is_query=is_query))
    return text if (new := "".join(written)) == text else new


def _part(part: str, leaf: Callable[[str], str], *, is_query: bool) -> str:
    meant = _meant(part.replace("+", " ") if is_query else part)
    sign = next((sign for sign in "-_" if sign in meant), "") if _WORDS.fullmatch(meant) else ""
    read = meant.replace(sign, " ") if sign else meant
    new = leaf(read)
    if new is read:
        return part
    return quote(new.replace(" ", sign) if sign else new, safe="")


def _meant(part: str) -> str:
    if "%" not in part:
        return part
    decoded = unquote_to_bytes(part)
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return decoded.decode("latin-1")
