"""Trying the destinations before the first record, where the settings ask for it."""

from __future__ import annotations

from contextlib import closing

from otel_audit.errors import ConfigurationError, StoreError
from otel_audit.pipeline.options import PipelineOptions

__all__ = ["try_destinations"]


def try_destinations(options: PipelineOptions) -> None:
    """Create a probe at every destination; this loads the stores' clients, which is why it must be asked for."""
    from otel_audit.store.open import open_store  # noqa: PLC0415
    from otel_audit.store.probing import try_create  # noqa: PLC0415

    for url in dict.fromkeys(url for stream in options.streams for url in stream.destinations):
        with closing(open_store(url)) as store:
            try:
                try_create(store)
            except StoreError as error:
                raise ConfigurationError(
                    f"the destination {store.url} does not take records: {error.cause}"
                ) from error
