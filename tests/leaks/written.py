"""What the write path leaves on disk, while it is at it and afterwards."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leaks.artefacts import files, ids, texts_of_files
from leaks.oracle import Harmless, Leak, Oracle
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.spans import LogData, SpanData
from otel_audit.pipeline.path import Pipeline

OBSERVED = 1_795_300_000_000_000_000
"""After every span of the corpus."""

FORMATS = (("parquet", "zstd"), ("ndjson", "gzip"), ("ndjson", "zstd"))


@dataclass(frozen=True)
class Written:
    """Path → content, at two moments.

    Attributes:
        spooled: when everything is durable and nothing has been sealed or shipped.
        shipped: when everything is at its destination and the pipeline is closed.
        records: how many were written.
    """

    spooled: dict[str, bytes]
    shipped: dict[str, bytes]
    records: int

    def leaks(self, harmless: Iterable[str] = ()) -> list[Leak]:
        """Everything planted that can be read at either moment."""
        contents = [*self.spooled.values(), *self.shipped.values()]
        known = Harmless([value for content in contents for value in ids(content)], tuple(harmless))
        oracle = Oracle(harmless=known)
        return [
            leak for moment in (self.spooled, self.shipped) for leak in oracle.leaks(texts_of_files(moment))
        ]


def write(
    folder: Path,
    batches: Iterable[tuple[list[SpanData], list[LogData]]],
    form: tuple[str, str] = FORMATS[0],
    **settings: object,
) -> Written:
    """Writes spans and log events the whole way, into a folder of its own."""
    stream = {"format": form[0], "compression": form[1]}
    options = pipeline_options(
        load(
            {
                "destination": str(folder / "log"),
                "spool": str(folder / "spool"),
                "rotation": {"max_age": "1h"},
                "streams": {"platform": stream, "model-io": stream},
                **settings,
            }
        )
    )
    pipeline = Pipeline(options)
    count = 0
    try:
        for spans, logs in batches:
            count += pipeline.write(spans, logs, observed_unix_nano=OBSERVED)
        spooled = files(folder)
    finally:
        complete = pipeline.close(60)
    assert complete
    return Written(spooled, files(folder), count)


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Lines of all loggers at all levels, with tracebacks."""
    said: list[str] = []
    handler, form, root = logging.Handler(logging.DEBUG), logging.Formatter(), logging.getLogger()
    handler.emit = lambda record: said.append(form.format(record))  # type: ignore[method-assign]
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
