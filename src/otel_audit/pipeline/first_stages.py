"""The stages before the spool: convert, then mask, by what is known of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from otel_audit.convert.converter import Converter
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.mask.masker import MaskedBatch, Masker
from otel_audit.pipeline.options import PipelineOptions
from otel_audit.registry.endpoints import with_registered
from otel_audit.registry.known import KnownModels

__all__ = ["FirstStages"]


class FirstStages:
    """Makes masked batches of spans and log events. Thread-safe.

    Args:
        options: of the write path.
    """

    def __init__(self, options: PipelineOptions) -> None:
        self._configured = options.convert
        self._models = options.convert.models
        self._converters: dict[str, Converter] = {}
        self._masker = Masker(
            options.mask, max_record_bytes=options.max_record_bytes, tags=options.dedupe is not None
        )
        self._known = None if options.registry is None else KnownModels(options.registry)
        self._revision = -1

    def run(
        self,
        spans: Sequence[SpanData],
        logs: Sequence[LogData],
        *,
        observed_unix_nano: int,
        tenant: str | None = None,
    ) -> MaskedBatch | None:
        """Convert and mask a batch; None where nothing in it becomes a record.

        Args:
            spans: used up.
            logs: likewise.
            observed_unix_nano: when they reached us.
            tenant: whose records they are; None for that of the options. As many are remembered as there are.
        """
        if spans or logs:
            self.know_models()
        batch = self._converter(tenant).convert(spans, logs, observed_unix_nano=observed_unix_nano)
        return self._masker.mask(batch) if len(batch) else None

    def _converter(self, tenant: str | None) -> Converter:
        name = self._configured.tenant if tenant is None else tenant
        converter = self._converters.get(name)
        if converter is None:
            converter = Converter(replace(self._configured, models=self._models, tenant=name))
            self._converters[name] = converter
        return converter

    def know_models(self) -> None:
        """Go by what is known of the registries of models. The first call reads them, or waits a moment for a
        thread that does; later ones cost nothing unless something else is known.
        """
        known = self._known
        if known is None or known.revision == self._revision:
            return
        known.begin()
        self._revision = known.revision
        models = with_registered(self._configured.models, known.endpoints)
        if models != self._models:
            self._models = models
            self._converters = {}
        self._masker.know(known.tags)

    def start_over(self) -> None:
        """In a forked child: what was seen is the parent's; what is known of models stays."""
        self._masker.forget()
        if self._known is not None:
            self._known.start_over()
            self._revision = -1

    def close(self) -> None:
        """Read no registry any more, and look for no names."""
        self._masker.close()
        if self._known is not None:
            self._known.close()
