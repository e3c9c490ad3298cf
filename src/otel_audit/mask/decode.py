"""Disguises and how each is undone; :mod:`~otel_audit.mask.views` undoes them.

Rules:

1. Text is UTF-8; of encoded bytes, what is no character of UTF-8 is one of Latin-1 (``%E4``).
2. A decoder never changes plain ASCII text without its own marks; each brings a *trigger*, an RE2 pattern that
   matches, in raw or JSON-escaped form, at least where the decoder changes something that could matter.

Sources: JSON escapes RFC 8259 section 7, and those of Python, JavaScript and C; percent-encoding RFC 3986
section 2.1; quoted-printable RFC 2045 section 6.7; character references HTML section 13.5, zeros in front and
semicolon left out as it allows; digits and full-width forms, and names of characters, from the Unicode character
database.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_audit.mask.folding import FOLDED, FOLDING_TRIGGER, fold

__all__ = ["DECODERS", "Decoder"]


@dataclass(frozen=True, slots=True)
class Decoder:
    """One kind of disguise.

    Attributes:
        name: for messages and for switching it off in tests.
        mark: RE2 pattern of one encoded piece.
        decode: the piece → the bytes that it stands for; the piece itself where it stands for nothing.
        trigger: RE2 pattern for the prefilter; matches wherever undoing a piece could bring out a finding that
            the triggers of the recognisers do not see in the raw text.
        is_doubtful: whether what looks like a piece is more often none, such as ``=41`` of ``?card=4111``.
    """

    name: str
    mark: bytes
    decode: Callable[[bytes], bytes]
    trigger: bytes
    is_doubtful: bool = False


_SIMPLE_ESCAPES: Final = {
    b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t", b"\\b": b"\b", b"\\f": b"\f",
    b"\\/": b"/", b'\\"': b'"', b"\\'": b"'", b"\\\\": b"\\",
}  # fmt: skip


def _unescape(piece: bytes) -> bytes:
    simple = _SIMPLE_ESCAPES.get(piece)
    if simple is not None:
        return simple
    match piece[1:2]:
        case b"u" if piece[2:3] != b"{":
            units = bytes.fromhex(piece.replace(b"\\u", b"").decode())
            return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
        case b"u" | b"U":
            code = int(piece[2:].strip(b"{}"), 16)
            return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else piece
        case b"N":
            try:
                return unicodedata.lookup(piece[3:-1].decode()).encode("utf-8", "surrogatepass")
            except KeyError:
                return piece
        case b"x":
            return _of_bytes(bytes.fromhex(piece.replace(b"\\x", b"").decode()))
    return _of_bytes(bytes(int(octal, 8) for octal in piece[1:].split(b"\\")))


def _unpercent(piece: bytes) -> bytes:
    if piece[1:2] in (b"u", b"U"):
        return chr(int(piece[2:], 16)).encode("utf-8", "surrogatepass")
    return _of_bytes(bytes.fromhex(piece.replace(b"%", b"").decode()))


def _unquote(piece: bytes) -> bytes:
    return b"" if piece.endswith(b"\n") else _of_bytes(bytes.fromhex(piece.replace(b"=", b"").decode()))


def _of_bytes(units: bytes) -> bytes:
    """One character: in UTF-8, or else a byte of Latin-1."""
    return units if len(units) > 1 or units.isascii() else units.decode("latin-1").encode()


_BARE_REFERENCES: Final = ("amp", "lt", "gt", "quot", "nbsp", "shy")
"""Named references that HTML reads without their semicolon and that can stand in a disguise."""

_ZEROS: Final = re.compile(r"(?<=[#xX])0+(?=[0-9A-Fa-f])")


def _unreference(piece: bytes) -> bytes:
    return html.unescape(_ZEROS.sub("", piece.decode())).encode("utf-8", "surrogatepass")


_HEX: Final = b"[0-9A-Fa-f]"


def _utf8(unit: bytes) -> bytes:
    """RE2: the bytes of one character, each encoded in the same way.

    Args:
        unit: how a byte is encoded, its two hexadecimal digits as ``{}``.
    """
    following = unit.replace(b"{}", b"[89ABab]" + _HEX)
    return b"|".join(
        unit.replace(b"{}", lead) + following * count
        for lead, count in ((b"[Ff][0-4]", 3), (b"[Ee]" + _HEX, 2), (b"[CDcd]" + _HEX, 1), (_HEX * 2, 0))
    )


DECODERS: Final[tuple[Decoder, ...]] = (
    Decoder(
        "json-escapes",
        rb"(?:\\u[Dd][89ABab]" + _HEX * 2 + rb"\\u[Dd][C-Fc-f]" + _HEX * 2 + rb"|\\u" + _HEX * 4
        + rb"|\\u\{" + _HEX + rb"{1,6}\}|\\U00" + _HEX * 6 + b"|" + _utf8(rb"\\x{}")
        + rb"|\\N\{[A-Za-z][A-Za-z0-9 \-]{1,80}\}|\\30[23]\\2[0-7]{2}|\\[0-3][0-7]{2}|\\[0-7]{2}"
        + rb"""|\\[nrtbf/"'\\])""",
        _unescape,
        rb"\\(?:u[{0-9A-Fa-f]|x" + _HEX + rb"|U00|N\{|[0-7]{2})",
    ),
    Decoder(
        "percent",
        rb"(?:%[uU]" + _HEX * 4 + b"|" + _utf8(b"%{}") + b")",
        _unpercent,
        rb"%[0-9A-Fa-fuU]" + _HEX,
    ),
    Decoder(
        "html",
        rb"&(?:#0*[0-9]{1,7};?|#[xX]0*" + _HEX + rb"{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};|(?:"
        + "|".join(_BARE_REFERENCES).encode() + rb"))",
        _unreference,
        rb"&(?:#|[A-Za-z][A-Za-z0-9]*;|(?:" + "|".join(_BARE_REFERENCES).encode() + rb"))",
    ),
    Decoder(
        "quoted-printable",
        rb"(?:=\r?\n|" + _utf8(b"={}") + b")",
        _unquote,
        # An encoded at sign, three bytes in a row, or a line that goes on within a word.
        rb"[0-9A-Za-z._%+\-]=40[A-Za-z]|(?:=[2-7]" + _HEX + rb"){3}"
        rb"|[0-9A-Za-z.@_+\-]=(?:\\+r|\r)?(?:\\+n|\n)[0-9A-Za-z.@]",
        is_doubtful=True,
    ),
    Decoder(
        "folding",
        FOLDED,
        fold,
        FOLDING_TRIGGER,
    ),
)  # fmt: skip
