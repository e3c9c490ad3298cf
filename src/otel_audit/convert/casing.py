"""Names are put into lower case, and only names.

Masking comes later and knows many keys by their letters: a key in another case is none to it, yet most of it can
still be read. So what may be a key stays as it was written.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_name", "lower_name"]

_WORD: Final = r"(?:[A-Za-z]{1,24}[0-9]{0,8}|[A-Za-z0-9]{1,8})"
_NAME: Final = re.compile(rf"{_WORD}(?:[-_./ ]{_WORD})*")
"""Words of letters, or short ones, with signs between: no key is as readable as that."""


def is_name(text: str) -> bool:
    """Whether a text is written like a name."""
    return _NAME.fullmatch(text) is not None


def lower_name(name: str) -> str:
    """The name in lower case; as it is where it is not written like a name."""
    return name.lower() if is_name(name) else name
