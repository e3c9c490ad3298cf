"""JSON text that was cut off, closed again: what was whole stays a value, the leaf that was open is left out."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["close_json"]

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("|\Z)|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)

_CLOSES: Final = {"{": "}", "[": "]"}

_DEEPEST: Final = 256
"""Levels that are followed; what is deeper is no value that anybody reads."""


def close_json(text: str) -> str | None:
    """Returns the longest beginning of a JSON text that can be closed, closed.

    A string or a name that was open is left out, and so is a number at the very end, of which digits may be
    missing. Whether the result is JSON is for a parser to say.

    Args:
        text: the beginning of a JSON object or array.

    Returns:
        ``None`` where not even the first bracket is there, or the levels do not match.
    """
    stack: list[str] = []
    end = 0
    is_value = True
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in _CLOSES:
            stack.append(_CLOSES[first])
            if len(stack) > _DEEPEST:
                return None
            end, is_value = token.end(), first == "["
        elif first in "}]":
            if not stack or stack.pop() != first:
                return None
            end, is_value = token.end(), bool(stack) and stack[-1] == "]"
        elif first == ":":
            is_value = True
        elif first == ",":
            is_value = bool(stack) and stack[-1] == "]"
        elif first == '"' and token[1] != '"':
            break
        elif is_value and (first == '"' or token.end() < len(text)):
            end = token.end()
    return text[:end] + "".join(reversed(stack)) if end else None
