"""Bodies that are streams of server-sent events: lines of ``data:``, each a chunk of an answer.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
What stands at the same way in the JSON texts of several lines is read as one text, as with events of a span, and so
are lines that are no JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from otel_audit.mask.budget import Budget
from otel_audit.mask.chunks import pieces_of_chunks
from otel_audit.mask.findings import Finding
from otel_audit.mask.joined import pieces_of_joined
from otel_audit.mask.json_values import OPENS
from otel_audit.mask.judge import Judge
from otel_audit.mask.neighbours import Way

__all__ = ["is_event_stream", "mask_event_stream"]

_STARTS: Final = re.compile(
    r"\s*(?:(?:event|id|retry)?:[^\n]*\n\s*){0,8}data:(?![\w.+-]+/[\w.+-]+[;,])[^\n]*\n"
)
"""Of a data URL there is one, in one line."""
_DATA: Final = re.compile(r"^data:[ ]?([^\r\n]*)", re.MULTILINE)


def is_event_stream(text: str) -> bool:
    """Whether a text is such a stream."""
    return _STARTS.match(text) is not None


def mask_event_stream(
    text: str,
    judge: Judge,
    budget: Budget,
    *,
    chunk: Callable[[str, dict[Way, list[Finding]]], str],
    rest: Callable[[str], str],
) -> str:
    """The stream masked.

    Args:
        text: the stream.
        judge: judges lines joined.
        budget: how long it may take.
        chunk: masks what is behind ``data:``, told the pieces of findings that span it and other lines.
        rest: masks what is between.

    Returns:
        The very same text where nothing is masked.

    Raises:
        OutOfTime: the budget is spent.
    """
    spans = [match.span(1) for match in _DATA.finditer(text)]
    pieces = _pieces([text[start:end] for start, end in spans], judge, budget)
    parts: list[str] = []
    at, is_changed = 0, False
    for number, (start, end) in enumerate([*spans, (len(text), len(text))]):
        between, line = text[at:start], text[start:end]
        new_between = rest(between) if between.strip() not in ("", "data:") else between
        new_line = chunk(line, pieces.get(number, {})) if line else line
        is_changed = is_changed or new_between is not between or new_line is not line
        parts += (new_between, new_line)
        at = end
    return "".join(parts) if is_changed else text


def _pieces(lines: Sequence[str], judge: Judge, budget: Budget) -> dict[int, dict[Way, list[Finding]]]:
    """Number of a line → pieces in it of findings that span several."""
    found = pieces_of_chunks([line if line.startswith(OPENS) else None for line in lines], judge, budget)
    plain = [number for number, line in enumerate(lines) if line and not line.startswith(OPENS)]
    texts = [lines[number].encode("utf-8", "surrogatepass") for number in plain]
    for index, pieces in pieces_of_joined(texts, judge, budget).items() if len(texts) > 1 else ():
        found.setdefault(plain[index], {})[()] = pieces
    return found
