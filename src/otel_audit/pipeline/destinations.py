"""The destinations of a write path, out of what its streams say."""

from __future__ import annotations

from otel_audit.encode.options import EncodeOptions
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.losses import Losses
from otel_audit.pipeline.options import PipelineOptions

__all__ = ["destinations_of"]


def destinations_of(options: PipelineOptions, losses: Losses) -> list[Destination]:
    """Every place that some stream goes to, once."""
    formats: dict[str, dict[str, EncodeOptions]] = {}
    bounds: dict[str, dict[str, int]] = {}
    for stream in options.streams:
        for url in stream.destinations:
            formats.setdefault(url, {})[stream.name] = stream.files
            if url in stream.optional:
                bounds.setdefault(url, {})[stream.name] = stream.optional[url]
    return [
        Destination(
            url,
            by_stream,
            options.mask,
            bounds=bounds.get(url),
            options=options.shipping,
            lose=losses.add,
        )
        for url, by_stream in formats.items()
    ]
