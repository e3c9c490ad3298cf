"""Which headers are kept, by name, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Final

__all__ = ["HeaderNames"]

_MOST: Final = 256
"""Headers of one message that are looked at; servers accept about a hundred."""

_LONGEST: Final = 16 << 10
"""Characters of one value, and bytes of one name, that are kept."""


class HeaderNames:
    """A choice of headers.

    Args:
        globs: patterns of names; ``-`` and ``_`` are the same, and so are capitals and small letters.
    """

    __slots__ = ("_pattern",)

    def __init__(self, globs: Iterable[str]) -> None:
        patterns = [translate(glob.lower().replace("_", "-")) for glob in globs]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def choose(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, Sequence[str]]:
        """The chosen ones of a message's headers.

        Args:
            headers: names and values as sent; bytes are read as Latin-1, which every byte is.

        Returns:
            Lower-case name → values in order; ``_`` has become ``-``.
        """
        chosen: dict[str, list[str]] = {}
        matches = self._pattern and self._pattern.match
        if matches is None:
            return {}
        for index, (name, value) in enumerate(headers):
            if index >= _MOST:
                break
            known = _text(name)[:_LONGEST].lower().replace("_", "-")
            if matches(known):
                chosen.setdefault(known, []).append(_text(value)[:_LONGEST])
        return chosen  # type: ignore[return-value]  # lists are sequences; nobody changes them


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return bytes(value).decode("latin-1") if isinstance(value, bytes | bytearray | memoryview) else str(value)
