"""What was captured beside a span goes where the span's own attributes would have gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from otel_audit.convert.columns import Row
from otel_audit.convert.sorter import Headers
from otel_audit.convert.span_notes import SpanNotes

__all__ = ["take_up_headers"]


def take_up_headers(row: Row, span_notes: SpanNotes) -> None:
    """Add captured headers to those that the span carries; where both have one, the span's own stays."""
    for leaf, captured in (
        ("requestHeaders", span_notes.request_headers),
        ("responseHeaders", span_notes.response_headers),
    ):
        if captured:
            row[leaf] = _merged(row.get(leaf), captured)


def _merged(
    own: object, captured: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[list[str], ...]]:
    headers = {name: list(values) for name, values in captured.items()}
    if own is not None:
        headers.update(zip(*cast(Headers, own), strict=True))
    ordered = tuple(sorted(headers))
    return ordered, tuple(headers[name] for name in ordered)
