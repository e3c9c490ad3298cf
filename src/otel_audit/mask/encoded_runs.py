"""Base64, base32 and hexadecimal within a text: runs that are long, stand in a data URL, or hold text.

Base64: alphabets of RFC 4648 sections 4 and 5, with or without padding, in one line or in lines of at least 60
characters (MIME has 76). Base32: RFC 4648 section 6, in either case. Hexadecimal: two digits a byte, without signs
between, or with one or two between any two bytes as dumps have it.

What a run holds is text in ASCII or UTF-16, or compressed: that nobody reads in a log, so it goes unread.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.patterns import compile_pattern

__all__ = ["BASE64_TRIGGER_BYTES", "ENCODED_TRIGGERS", "EncodedRun", "encoded_runs", "is_of_id"]

# --- base64 ----------------------------------------------------------------------------------------------

_BASE64_TEXT: Final = rb"[I-Za-f][A-HQ-Xg-nw-z0-3][AEIMQUYcgkosw048BFJNRVZdhlptx159][A-Za-z0-9+/_\-]" * 3
"""Nine printable ASCII bytes; each four characters stand for three."""
BASE64_TRIGGER_BYTES: Final = 12
"""Length of a match of that."""
_BASE64_UTF16: Final = rb"(?:[A-f][AQgw][AB][A-Za-z0-9+/_\-]A[A-H][AEIMQUYcgkosw048]A){2}"
"""Six ASCII characters in UTF-16: every other byte is zero."""
_COMPRESSED: Final = rb"H4sI|KLUv|UEsD|Qlpo|/Td6|_Td6"
"""How gzip, zstd, zip, bzip2 and xz begin in base64: by their magic numbers."""
_DEFLATED: Final = rb"e(?:J[w-z]|A[E-H]|N[o-r]|F[4-7])"
"""How zlib begins: RFC 1950 section 2.2, windows of 32 KiB."""
_BASE64_RUN: Final = rb"[A-Za-z0-9+/_\-]{60,}(?:\r?\n[A-Za-z0-9+/_\-]+)*={0,2}|[A-Za-z0-9+/_\-]{12,}={0,2}"
_LONG_RUN: Final = 256
"""Characters of base64 from which on it is withheld unread: images, documents, sound. Random bytes of that
length hold, nearly always, three groups that could be text, which is what the trigger looks for."""
_DATA_URL: Final = re.compile(rb"(?i)data:[a-z0-9.+/;=\-]{0,128};base64,\Z")
_DATA_URL_REACH: Final = 160
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_HEX: Final = re.compile(rb"[0-9a-f\-]+|[0-9A-F\-]+")
_STARTS_COMPRESSED: Final = re.compile(_COMPRESSED)
_STARTS_DEFLATED: Final = re.compile(_DEFLATED)

# --- base32 ----------------------------------------------------------------------------------------------

_BASE32_TEXT: Final = (
    rb"(?i:[E-P][ABEFIJMNQRUVYZ45][A-Z2-7][C-HS-X][ACEGIKMOQSUWY246][I-Z2-7][BCDJKLRSTZ23][A-Z2-7]){2}"
)
"""Ten printable ASCII bytes; each eight characters stand for five."""
_BASE32_RUN: Final = rb"[A-Za-z2-7]{16,}={0,6}"

# --- hexadecimal -----------------------------------------------------------------------------------------

_HEX_RUN: Final = rb"[0-9A-Fa-f]{20,}"
_HEX_TEXT: Final = rb"(?:[2-7][0-9A-Fa-f]){10}"
"""Ten printable ASCII bytes. In one of 500 ids of 32 digits there are as many; then they are looked at."""
_BETWEEN_BYTES: Final = rb"(?:[ :\-.,;_]|, |,? ?0x)"
_SPACED_HEX_RUN: Final = rb"[0-9A-Fa-f]{2}(?:" + _BETWEEN_BYTES + rb"[0-9A-Fa-f]{2}){9,}"
_SPACED_HEX_TEXT: Final = rb"[2-7][0-9A-Fa-f](?:" + _BETWEEN_BYTES + rb"[2-7][0-9A-Fa-f]){9}"
_HEX_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
"""What is none."""
_PRINTABLE: Final = re.compile(rb"[\x20-\x7f]{10}")

ENCODED_TRIGGERS: Final = (
    _BASE64_TEXT,
    _BASE64_UTF16,
    # Behind a slash, too: a run may be a segment of a path.
    rb"(?:^|[^A-Za-z0-9+_\-]|\\[bfnrt])(?:(?:" + _COMPRESSED + rb")|" + _DEFLATED + rb"[A-Za-z0-9+/_\-]{9})",
    b"(?i:;base64,)",
    _HEX_TEXT,
    _SPACED_HEX_TEXT,
    _BASE32_TEXT,
)
"""RE2: where a run could hold something."""


_BASE64_SIGNS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-")
_ID_SIGNS: Final = b"0123456789abcdef-"
_LONGEST_ID: Final = 64


def is_of_id(text: bytes | memoryview, start: int, end: int) -> bool:
    """Whether a trigger of base64 is a part of a hexadecimal id, which is no run of base64."""
    trigger = bytes(text[start:end])
    if trigger.isdigit() or trigger.translate(None, b"0123456789abcdef"):
        return False
    low, high = max(0, start - _LONGEST_ID), min(len(text), end + _LONGEST_ID)
    before = bytes(text[low:start]).rstrip(_ID_SIGNS)
    behind = bytes(text[end:high]).lstrip(_ID_SIGNS)
    return (before[-1] not in _BASE64_SIGNS if before else not low) and (
        behind[0] not in _BASE64_SIGNS if behind else high == len(text)
    )


@dataclass(frozen=True, slots=True)
class EncodedRun:
    """A run.

    Attributes:
        start: first byte in the text.
        end: byte behind its last.
        entity: ``BASE64``, which base32 counts as, or ``HEX``.
        opaque: whether it goes whatever it holds.
        texts: what it may stand for, at each alignment at which it looks like text.
    """

    start: int
    end: int
    entity: str
    opaque: bool
    texts: tuple[bytes, ...]


def encoded_runs(text: bytes) -> Iterator[EncodedRun]:
    """The runs of a text that are worth a look; ids are none."""
    for start, end in compile_pattern(_BASE64_RUN).spans(text):
        run = text[start:end]
        if _HEX.fullmatch(run):
            continue
        texts = (*_texts(run), *_wide_texts(run))
        opaque = _is_compressed(run) or (
            _DATA_URL.search(text, max(0, start - _DATA_URL_REACH), start) is not None
        )
        if texts or opaque:
            yield EncodedRun(start, end, "BASE64", opaque or len(run) >= _LONG_RUN, texts)
    for start, end in compile_pattern(_HEX_RUN).spans(text):
        texts = tuple(_hex_texts(text[start:end]))
        if texts:
            yield EncodedRun(start, end, "HEX", False, texts)

    if compile_pattern(_SPACED_HEX_TEXT).is_in(text):
        for start, end in compile_pattern(_SPACED_HEX_RUN).spans(text):
            digits = text[start:end].replace(b"0x", b"").translate(None, _HEX_DIGITS)
            texts = tuple(_hex_texts(digits))
            if texts:
                yield EncodedRun(start, end, "HEX", False, texts)
    if compile_pattern(_BASE32_TEXT).is_in(text):
        for start, end in compile_pattern(_BASE32_RUN).spans(text):
            texts = tuple(_base32_texts(text[start:end]))
            if texts:
                yield EncodedRun(start, end, "BASE64", False, texts)


def _base32_texts(run: bytes) -> Iterator[bytes]:
    """What base32 stands for wherever it looks like ASCII."""
    run = run.rstrip(b"=").upper()
    seen = set()
    for start, _ in compile_pattern(_BASE32_TEXT).spans(run):
        if start % 8 not in seen:
            seen.add(start % 8)
            packed = run[start % 8 :]
            packed = packed[: len(packed) - (len(packed) % 8 in (1, 3, 6))]
            yield base64.b32decode(packed + b"=" * (-len(packed) % 8))


def _texts(run: bytes) -> Iterator[bytes]:
    """What base64 stands for wherever it looks like ASCII."""
    run = run.translate(_TO_STANDARD, b"\r\n=")
    seen = set()
    for start, _ in compile_pattern(_BASE64_TEXT).spans(run):
        if start % 4 not in seen:
            seen.add(start % 4)
            yield _decoded(run[start % 4 :])


def _wide_texts(run: bytes) -> Iterator[bytes]:
    """What base64 stands for where it looks like UTF-16, in UTF-8."""
    run = run.translate(_TO_STANDARD, b"\r\n=")
    found = compile_pattern(_BASE64_UTF16).find(run, 0, len(run))
    if found is not None:
        content = _decoded(run[found[0][0] % 4 :])
        for encoding in ("utf-16-le", "utf-16-be"):
            yield content.decode(encoding, "replace").encode()


def _is_compressed(run: bytes) -> bool:
    """Whether a run, or what of it is behind a slash, begins as something compressed does."""
    at = 0
    while at >= 0:
        if _STARTS_COMPRESSED.match(run, at):
            return True
        if _STARTS_DEFLATED.match(run, at):
            try:
                zlib.decompressobj().decompress(_decoded(run[at:].translate(_TO_STANDARD, b"\r\n=")), 1)
            except zlib.error:
                pass
            else:
                return True
        at = run.find(b"/", at) + 1 or -1
    return False


def _decoded(packed: bytes) -> bytes:
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    return base64.b64decode(packed + b"=" * (-len(packed) % 4))


def _hex_texts(run: bytes) -> Iterator[bytes]:
    for shift in (0, 1):
        content = bytes.fromhex(run[shift : len(run) - (len(run) - shift) % 2].decode())
        if _PRINTABLE.search(content):
            yield content
