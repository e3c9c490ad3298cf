"""Undoing disguises: text as a reader would decode it, with every byte's way back to the original.

Rules:

1. Text is UTF-8; of encoded bytes, what is no character of UTF-8 is one of Latin-1 (``%E4``). Offsets are bytes.
2. A round undoes one level of all enabled decoders at once, from left to right; rounds repeat until nothing
   changes, at most :data:`MAX_ROUNDS`. What would still change then is :class:`NestedTooDeeply`.
3. A decoder never changes plain ASCII text without its own marks; each brings a *trigger*, an RE2 pattern that
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
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from otel_audit.mask.folding import FOLDED, FOLDING_TRIGGER, fold
from otel_audit.mask.patterns import Pattern, compile_pattern

__all__ = ["DECODERS", "MAX_ROUNDS", "Decoder", "NestedTooDeeply", "View", "views"]

MAX_ROUNDS: Final = 4
"""Levels of encoding within one text that are undone; RECORD "Decoded form"."""


class NestedTooDeeply(Exception):
    """A text is encoded in more levels than are undone."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """One kind of disguise.

    Attributes:
        name: for messages and for switching it off in tests.
        mark: RE2 pattern of one encoded piece.
        decode: the piece → the bytes that it stands for; the piece itself where it stands for nothing.
        trigger: RE2 pattern for the prefilter; matches wherever undoing a piece could bring out a finding that
            the triggers of the recognisers do not see in the raw text.
    """

    name: str
    mark: bytes
    decode: Callable[[bytes], bytes]
    trigger: bytes


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
    ),
    Decoder(
        "folding",
        FOLDED,
        fold,
        FOLDING_TRIGGER,
    ),
)  # fmt: skip


class View:
    """A text with some pieces replaced, and the way back.

    Attributes:
        text: the decoded bytes.
    """

    __slots__ = ("_parent", "_raw_ends", "_raw_starts", "_text_ends", "_text_starts", "text")

    def __init__(self, text: bytes, pieces: list[tuple[int, int, int, int]], parent: View | None) -> None:
        self.text = text
        self._parent = parent
        self._text_starts = [piece[0] for piece in pieces]
        self._text_ends = [piece[1] for piece in pieces]
        self._raw_starts = [piece[2] for piece in pieces]
        self._raw_ends = [piece[3] for piece in pieces]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The bytes of the original text that ``text[start:end]`` stands for; ``start < end``."""
        raw = self._raw(start)[0], self._raw(end - 1)[1]
        return raw if self._parent is None else self._parent.original(*raw)

    def _raw(self, position: int) -> tuple[int, int]:
        piece = bisect_right(self._text_starts, position) - 1
        if piece < 0:
            return position, position + 1
        if position < self._text_ends[piece]:
            return self._raw_starts[piece], self._raw_ends[piece]
        behind = position - self._text_ends[piece] + self._raw_ends[piece]
        return behind, behind + 1


def views(text: bytes, decoders: tuple[Decoder, ...]) -> list[View]:
    """The text undone level by level; empty where there is nothing to undo.

    Raises:
        NestedTooDeeply: a level remains that is more than doubled backslashes.
    """
    found: list[View] = []
    if not decoders or (
        text.isascii() and not (b"\\" in text or b"%" in text or b"&" in text or b"=" in text)
    ):
        return found
    view: View | None = None
    for _ in range(MAX_ROUNDS):
        view = _undo(text, decoders, view)
        if view is None:
            return found
        found.append(view)
        text = view.text
    rest = _undo(text.replace(b"\\\\", b""), decoders, None)
    if rest is not None:
        raise NestedTooDeeply
    return found


_FIRST_BYTES: Final = {
    b"\\": "json-escapes", b"%": "percent", b"&": "html", b"=": "quoted-printable",
}  # fmt: skip
"""Which decoder a piece belongs to, by its first byte; any other byte is of folding."""


@lru_cache(maxsize=16)
def _prepared(decoders: tuple[Decoder, ...]) -> tuple[Pattern, dict[str, Callable[[bytes], bytes]]]:
    pattern = compile_pattern(b"|".join(decoder.mark for decoder in decoders))
    return pattern, {decoder.name: decoder.decode for decoder in decoders}


def _undo(text: bytes, decoders: tuple[Decoder, ...], parent: View | None) -> View | None:
    pattern, decode = _prepared(decoders)
    parts: list[bytes] = []
    pieces: list[tuple[int, int, int, int]] = []
    copied = length = 0
    for start, end in pattern.spans(text):
        piece = text[start:end]
        plain = decode[_FIRST_BYTES.get(piece[:1], "folding")](piece)
        if plain == piece:
            continue
        parts += (text[copied:start], plain)
        at = length + start - copied
        length = at + len(plain)
        copied = end
        pieces.append((at, length, start, end))
    if not pieces:
        return None
    parts.append(text[copied:])
    return View(b"".join(parts), pieces, parent)
