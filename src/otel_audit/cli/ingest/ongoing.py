"""``otel-audit ingest --watch``, from its start to the signal that ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Final

from rich.progress import Progress

from otel_audit.cli.ingest.sources import Source, open_source
from otel_audit.cli.ingest.taken import Taken
from otel_audit.cli.ingest.watch import Watch
from otel_audit.cli.main import PROBLEM, note, warn
from otel_audit.cli.progress import working
from otel_audit.convert.exports import Export
from otel_audit.errors import ConfigurationError, InputError, SpoolError, StoreError
from otel_audit.pipeline.options import DedupeOptions, PipelineOptions
from otel_audit.pipeline.path import Pipeline

__all__ = ["watch_on"]

_FOLDER: Final = "watching"
"""Of the spool: what watches have taken."""

_DEDUPE: Final = DedupeOptions(window_s=30 * 86_400.0, max_entries=250_000)
"""More than a round holds, and longer than a watch should be down: only what one left half done comes again."""

_SPOOL_RETRY_S: Final = 1.0

_STOP_TIMEOUT_S: Final = 30.0
"""How long an orderly end waits for the destinations: whoever sent the signal does not wait for ever."""

_SAID_EVERY_S: Final = 60.0
"""Between two lines about the same."""


class _Ended(Exception):
    """There is no more time for what waits."""


@dataclass
class _Tally:
    """What has come to pass since the start."""

    read: int = 0
    written: int = 0
    problems: int = 0
    said_s: dict[str, float] = field(default_factory=dict)

    def is_time_to_say(self, what: str) -> bool:
        now = time.monotonic()
        if now - self.said_s.get(what, float("-inf")) < _SAID_EVERY_S:
            return False
        self.said_s[what] = now
        return True

    def __str__(self) -> str:
        return f"read {self.read:,} spans and log events, wrote {self.written:,} records"


def watch_on(places: Sequence[str], options: PipelineOptions, *, every_s: float) -> int:
    """Watch places until SIGTERM or SIGINT. Returns the exit code.

    Args:
        places: folders, files, URLs of buckets.
        options: where the records go.
        every_s: between two looks.

    Raises:
        InputError: what was taken cannot be noted.
        ConfigurationError: a place is not one, or another watch has it.
    """
    sources = [open_source(place) for place in places]
    _refuse_own_files(sources, options)
    options.spool_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = Taken(options.spool_root / _FOLDER, [source.name for source in sources])
    # A slot of its own, so that what was half done meets the log that it was half done in.
    pipeline = Pipeline(replace(options, service=f"{options.service}-{taken.id}", dedupe=_DEDUPE))
    tally, ends = _Tally(), threading.Event()

    def write(export: Export) -> None:
        read = len(export)
        tally.written += _write(pipeline, export, tally, ends)
        tally.read += read

    def report(problem: InputError | StoreError) -> None:
        # A bucket that is away comes back; what cannot be read does not get better.
        is_passing = isinstance(problem, StoreError)
        tally.problems += not is_passing
        if not is_passing or tally.is_time_to_say(str(problem)):
            warn(str(problem))

    watch = Watch(sources, taken, write, report)
    with contextlib.ExitStack() as at_end:
        at_end.callback(taken.close)
        for source in sources:
            at_end.callback(source.close)
        at_end.enter_context(_ended_by_signals(ends))
        progress = at_end.enter_context(working("watching"))
        try:
            pipeline.open()
            note(
                f"watching {', '.join(source.name for source in sources)}; "
                f"what was taken is remembered in {taken.path}"
            )
            with contextlib.suppress(_Ended):
                _look_on(watch, tally, ends, progress, every_s)
        finally:
            _describe(progress, "delivering")
            delivered = pipeline.close(_STOP_TIMEOUT_S)
    note(str(tally))
    if not delivered:
        warn("not everything is at its destination yet: it waits in the spool, and the next watch ships it")
    return PROBLEM if tally.problems or not delivered else 0


def _look_on(watch: Watch, tally: _Tally, ends: threading.Event, progress: Progress, every_s: float) -> None:
    watch.finish_planned()
    while not ends.is_set():
        before = tally.read
        is_more = watch.look()
        _describe(progress, f"watching: {tally}")
        if tally.read > before and tally.is_time_to_say("tally"):
            note(str(tally))
        if not is_more:
            ends.wait(every_s)


def _describe(progress: Progress, what: str) -> None:
    progress.update(progress.task_ids[0], description=what)


def _write(pipeline: Pipeline, export: Export, tally: _Tally, ends: threading.Event) -> int:
    """Make records of an export, and offer them to the spool until it takes them. Returns how many were new."""
    prepared = pipeline.prepare(export.spans, export.logs, observed_unix_nano=time.time_ns())
    while True:
        try:
            pipeline.append(prepared)
        except SpoolError as error:
            if tally.is_time_to_say(str(error)):
                warn(str(error))
            if ends.wait(_SPOOL_RETRY_S):
                raise _Ended from error
        else:
            return prepared.count


def _refuse_own_files(sources: Sequence[Source], options: PipelineOptions) -> None:
    """The log is not made of itself."""
    places = {url for stream in options.streams for url in stream.destinations}
    own = [f"{place.rstrip('/')}/" for place in [*places, str(options.spool_root)]]
    for source in sources:
        watched = f"{source.name.rstrip('/')}/"
        for place in own:
            if place.startswith(watched) or watched.startswith(place):
                raise ConfigurationError(
                    f"{source.name} cannot be watched: the log or its spool is in it, or it is in them ({place})"
                )


@contextlib.contextmanager
def _ended_by_signals(ends: threading.Event) -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> None:
        ends.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
