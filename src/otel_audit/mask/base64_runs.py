"""Base64 within a text: runs that are long, stand in a data URL, or hold text that must be masked.

Alphabets of RFC 4648 sections 4 and 5, with or without padding, in one line or in lines of at least 60
characters (MIME has 76).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.patterns import compile_pattern

__all__ = ["BASE64_TRIGGERS", "Base64Run", "base64_runs"]

_BASE64_GROUP: Final = rb"[I-Za-f][A-HQ-Xg-nw-z0-3][AEIMQUYcgkosw048BFJNRVZdhlptx159][A-Za-z0-9+/_\-]"
"""Four characters that stand for three printable ASCII bytes."""
_BASE64_TEXT: Final = _BASE64_GROUP * 3
_BASE64_RUN: Final = rb"[A-Za-z0-9+/_\-]{60,}(?:\r?\n[A-Za-z0-9+/_\-]+)*={0,2}|[A-Za-z0-9+/_\-]{12,}={0,2}"
_LONG_RUN: Final = 256
"""Characters of base64 from which on it is withheld unread: images, documents, sound. Random bytes of that
length hold, nearly always, three groups that could be text, which is what the trigger looks for."""
_DATA_URL: Final = re.compile(rb"(?i)data:[a-z0-9.+/;=\-]{0,128};base64,\Z")
_DATA_URL_REACH: Final = 160
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_HEX: Final = re.compile(rb"[0-9a-f\-]+|[0-9A-F\-]+")

BASE64_TRIGGERS: Final = (_BASE64_TEXT, b"(?i:;base64,)")
"""RE2: where a run could hold text, and data URLs."""


@dataclass(frozen=True, slots=True)
class Base64Run:
    """A run of base64.

    Attributes:
        start: first byte in the text.
        end: byte behind its last.
        opaque: whether it goes whatever it holds.
        texts: what it may stand for, at each alignment at which it looks like text.
    """

    start: int
    end: int
    opaque: bool
    texts: tuple[bytes, ...]


def base64_runs(text: bytes) -> Iterator[Base64Run]:
    """The runs of a text that are worth a look; hexadecimal ids are none."""
    for start, end in compile_pattern(_BASE64_RUN).spans(text):
        run = text[start:end]
        if _HEX.fullmatch(run):
            continue
        texts = tuple(_decoded(run))
        in_url = _DATA_URL.search(text, max(0, start - _DATA_URL_REACH), start) is not None
        if texts or in_url:
            yield Base64Run(start, end, in_url or len(run) >= _LONG_RUN, texts)


def _decoded(run: bytes) -> Iterator[bytes]:
    run = run.translate(_TO_STANDARD, b"\r\n=")
    seen = set()
    for start, _ in compile_pattern(_BASE64_TEXT).spans(run):
        if start % 4 in seen:
            continue
        seen.add(start % 4)
        part = run[start % 4 :]
        part = part[: len(part) - (len(part) % 4 == 1)]
        yield base64.b64decode(part + b"=" * (-len(part) % 4))
