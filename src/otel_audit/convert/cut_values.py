"""Texts that an SDK may have cut, as far as their length tells.

SDKs cut attribute values to ``OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`` characters, or as many as
``OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`` or ``OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`` say, and leave no mark.
So a text of exactly that many characters may have been cut, and the first digits of a card number may be its last.
Masking takes the ends of such texts off. It is told the texts, since conversion may put them anywhere.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from otel_audit.convert.spans import LogData, SpanData
from otel_audit.convert.url import split_url
from otel_audit.convert.values import clean_text

__all__ = ["cut_texts", "cut_texts_of", "cut_under"]

_MAX_DEPTH: Final = 48
"""Levels that conversion follows values to."""


def cut_texts(attributes: Mapping[str, object], limits: Container[int]) -> frozenset[str]:
    """The texts of attributes that have exactly as many characters as a limit lets through.

    Args:
        attributes: as an SDK or a protocol has them; texts in lists and maps count, names do not.
        limits: characters.

    Returns:
        The texts as conversion makes them plain, and the parts at the end of those that it takes apart.
    """
    found: set[str] = set()
    for text in _texts(attributes.values(), _MAX_DEPTH):
        if len(text) in limits:
            found.update(_forms(clean_text(text, [])))
    return frozenset(found)


def cut_under(bounded: Iterable[Any]) -> frozenset[str]:
    """The same of attributes that say under which limit they are, as ``BoundedAttributes`` of the API do."""
    found: frozenset[str] = frozenset()
    for attributes in bounded:
        limit = getattr(attributes, "max_value_len", None)
        if limit is not None:
            found |= cut_texts(attributes, (limit,))
    return found


def cut_texts_of(
    spans: Sequence[SpanData], logs: Sequence[LogData], limits: frozenset[int]
) -> frozenset[str]:
    """All such texts of a batch: those that its door knows of, and those that ``limits`` make ones.

    Args:
        spans: before conversion uses up their attributes.
        logs: likewise.
        limits: of senders whose values do not say what limit they were under.
    """
    known = [span.cut for span in spans if span.cut] + [log.cut for log in logs if log.cut]
    if limits:
        known += [cut_texts(attributes, limits) for attributes in _attributes(spans, logs)]
    return frozenset().union(*known)


def _attributes(spans: Sequence[SpanData], logs: Sequence[LogData]) -> Iterator[Mapping[str, object]]:
    for span in spans:
        yield span.shown()
        yield from (event.attributes for event in span.events)
        yield from (link.attributes for link in span.links)
    for log in logs:
        yield log.attributes


def _texts(values: Iterable[object], levels: int) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            if levels:
                yield from _texts(value.values(), levels - 1)
        elif isinstance(value, (list, tuple)) and levels:
            yield from _texts(value, levels - 1)


def _forms(text: str) -> Iterator[str]:
    """A text, and what of it is its end in a record where it is a URL or has space around it."""
    for form in {text, text.strip()}:
        parts = split_url(form)
        yield from filter(None, (form, parts.fragment or parts.query or parts.path))
