"""Reads files to their end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.progress import Progress

from otel_audit.cli.joining import read_files
from otel_audit.cli.progress import working
from otel_audit.cli.text import visible
from otel_audit.errors import InputError
from otel_audit.pipeline.path import Pipeline

__all__ = ["Outcome", "ingest_once"]

_FLUSH_EVERY: Final = 250_000
"""Records after which the command waits for its destination: far less than a spool holds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the files.

    Attributes:
        read: spans and log events.
        written: records.
        is_delivered: all of them are at their destinations.
    """

    read: int
    written: int
    is_delivered: bool


def ingest_once(
    files: Sequence[str], pipeline: Pipeline, problems: list[InputError], *, timeout_s: float
) -> Outcome:
    """Make records of files, and bring them to their destinations.

    Args:
        files: OTLP files.
        pipeline: is closed at the end.
        problems: takes what cannot be read.
        timeout_s: how long to wait for the destinations.

    Raises:
        InputError: a file cannot be opened or read.
    """
    read = written = 0
    with working("reading") as progress:

        def on_read(path: str, count: int) -> None:
            nonlocal read
            read += count
            _describe(progress, f"{visible(Path(path).name)}: {read:,} spans and events read")

        try:
            unflushed = 0
            for export in read_files(files, problems, on_read):
                count = pipeline.write(export.spans, export.logs, observed_unix_nano=time.time_ns())
                written, unflushed = written + count, unflushed + count
                if unflushed > _FLUSH_EVERY:
                    pipeline.flush(timeout_s)
                    unflushed = 0
                _describe(progress, f"{written:,} of {read:,} written")
        except OSError as error:
            raise InputError("cannot be read", source=str(error.filename)) from error
        finally:
            _describe(progress, "delivering")
            delivered = pipeline.close(timeout_s)
    return Outcome(read, written, delivered)


def _describe(progress: Progress, what: str) -> None:
    progress.update(progress.task_ids[0], description=what)
