"""Text as a reader would decode it, with every byte's way back to the original.

Rules:

1. A round undoes one level of several decoders at once, from left to right; rounds repeat until nothing changes, at
   most :data:`MAX_ROUNDS`. What would still change then is :class:`NestedTooDeeply`.
2. What looks like one encoding may be none, and hide what is written in another: of ``card=41%2011``, ``=41`` is a
   letter of quoted-printable. So decoders of doubtful marks go by themselves, and where marks of several others
   stand in one text, each of these does so, too.
3. Offsets are bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

from otel_audit.mask.decode import Decoder
from otel_audit.mask.patterns import Pattern, compile_pattern

__all__ = ["MAX_ROUNDS", "NestedTooDeeply", "View", "views"]

MAX_ROUNDS: Final = 4
"""Levels of encoding within one text that are undone; RECORD "Decoded form"."""

_Decoders: TypeAlias = "tuple[Decoder, ...]"


class NestedTooDeeply(Exception):
    """A text is encoded in more levels than are undone."""


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


def views(text: bytes, decoders: _Decoders) -> list[View]:
    """The text undone level by level, by all decoders and by some alone; empty where there is nothing to undo.

    Raises:
        NestedTooDeeply: a level remains that is more than doubled backslashes.
    """
    if not decoders or (text.isascii() and not any(mark in text for mark in _FIRST_BYTES)):
        return []
    sure, marked, doubtful = _sorted(decoders)
    found = _levels(text, sure, None)
    alone = [by for mark, by in marked.items() if mark in text]
    if len(alone) > 1:
        for by in alone:
            found += _levels(text, by, None)
    for by in doubtful:
        for level, parent in ((text, None), *((view.text, view) for view in tuple(found))):
            view = _undo(level, by, parent)
            if view is not None:
                found += [view, *_levels(view.text, sure, view)]
    return found


def _levels(text: bytes, decoders: _Decoders, view: View | None) -> list[View]:
    """Every level of a text, which is that of the view; without a view it is the original."""
    found: list[View] = []
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


@lru_cache(maxsize=16)
def _sorted(decoders: _Decoders) -> tuple[_Decoders, dict[bytes, _Decoders], list[_Decoders]]:
    """Those that go together, each of them alone by the byte that its pieces begin with, and the doubtful ones.

    Folding takes nothing from anybody, so it goes with each.
    """
    sure = tuple(decoder for decoder in decoders if not decoder.is_doubtful)
    folding = tuple(decoder for decoder in sure if decoder.name not in _FIRST_BYTES.values())
    marked = {
        mark: (decoder, *folding)
        for mark, name in _FIRST_BYTES.items()
        for decoder in sure
        if decoder.name == name
    }
    return sure, marked, [(decoder,) for decoder in decoders if decoder.is_doubtful]


_FIRST_BYTES: Final = {
    b"\\": "json-escapes", b"%": "percent", b"&": "html", b"=": "quoted-printable",
}  # fmt: skip
"""Which decoder a piece belongs to, by its first byte; any other byte is of folding."""


@lru_cache(maxsize=16)
def _prepared(decoders: _Decoders) -> tuple[Pattern, dict[str, Callable[[bytes], bytes]]]:
    pattern = compile_pattern(b"|".join(decoder.mark for decoder in decoders))
    return pattern, {decoder.name: decoder.decode for decoder in decoders}


def _undo(text: bytes, decoders: _Decoders, parent: View | None) -> View | None:
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
