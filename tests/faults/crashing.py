"""A crash, or an error, at every step of the whole write path. Run as ``python -m faults.crashing``.

A parent that has loaded everything, and has no threads but Arrow's, forks one process after another. The k-th life
is killed, or gets an error, at its k-th step: a call of the spool's files, or a creation of an object, before it is
carried out or after. Another process then takes over what it left, and the log is read back: what a life was told
is durable is there exactly once, and chains, files and digests are true. The lives end when one has fewer than k
steps.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from faults.torture.committed import read
from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.convert.spans import SpanData
from otel_audit.errors import Retry, SpoolError
from otel_audit.pipeline.path import Pipeline
from otel_audit.pipeline.prepared import Prepared
from otel_audit.spool.files import Files
from otel_audit.store.cloud import CloudStore
from otel_audit.store.local import LocalStore
from otel_audit.store.open import open_store
from otel_audit.store.url import Scheme, parse_url
from spool.faults import CHANGING, SYNCING

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED_UNIX_NANO = 1_795_300_000_000_000_000
MOST_STEPS = 1_000

Attempt = Callable[[], None]


class Steps:
    """Counts steps, and does what is to be done at the k-th.

    Args:
        k: which, from 1.
        how: ``kill`` or ``error``.
        point: ``before`` or ``after`` the step.
    """

    def __init__(self, k: int, how: str, point: str) -> None:
        self.k, self.how, self.point, self.done = k, how, point, 0

    @property
    def is_reached(self) -> bool:
        """Whether there was a k-th step."""
        return self.done >= self.k

    def over(self, kind: type, name: str, error: Callable[[], Exception]) -> None:
        """Make calls of a method steps."""
        real = getattr(kind, name)

        def step(*arguments: Any, **named: Any) -> Any:
            self.done += 1
            if self.done != self.k:
                return real(*arguments, **named)
            if self.point == "after":
                real(*arguments, **named)
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise error()

        setattr(kind, name, step)


class Life:
    """One process's work, and what is known of it outside.

    Args:
        destination: of its log.
        folder: for its spool, and the file in which it notes what is durable.
        batches: what it writes, and last what the one does that takes over: ids of spans, and their records.
    """

    def __init__(self, destination: str, folder: Path, batches: list[tuple[list[str], Prepared]]) -> None:
        self.destination, self.folder = destination, folder
        *self.batches, self.last = batches

    def work(self) -> None:
        """Write all batches; flush in the middle and at the end."""
        pipeline = self._open()
        with (self.folder / "durable").open("w") as durable:
            for number, (ids, prepared) in enumerate(self.batches):
                if _insist(pipeline, prepared):
                    durable.write("".join(f"{each}\n" for each in ids))
                    durable.flush()
                    os.fsync(durable.fileno())
                if number == 0:
                    pipeline.flush(30)
        with suppress(SpoolError):
            # What it could not write down any more is found by whoever comes.
            pipeline.close(30)

    def take_over(self) -> list[str]:
        """What a process that comes later makes of it. Returns what is wrong."""
        pipeline = self._open()
        ids, prepared = self.last
        pipeline.append(prepared)
        wrong = [] if pipeline.flush(60) else ["not everything could be committed"]
        pipeline.close(10)
        with closing(open_store(self.destination)) as store:
            found = read(store)
        wrong += found.problems
        durable = [*(self.folder / "durable").read_text().split(), *ids]
        wrong += [f"{each} is there {found.ids[each]} times" for each in durable if found.ids[each] != 1]
        return wrong + [f"{each} is there {n} times" for each, n in found.ids.items() if n > 1]

    def _open(self) -> Pipeline:
        arguments = {"destination": self.destination, "spool": str(self.folder / "spool")}
        return Pipeline(pipeline_options(load(arguments, environment={})))


def _insist(pipeline: Pipeline, prepared: Prepared) -> bool:
    """Append until it goes through, as the queue before a pipeline does. Returns whether it did."""
    for _ in range(5):
        try:
            pipeline.append(prepared)
        except SpoolError:
            continue
        return True
    return False


def in_child(act: Callable[[], int]) -> int:
    """Exit status of a forked child that does it; minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            status = act()
        except BaseException:  # noqa: BLE001 - a forked child must never go on as its parent would
            traceback.print_exc()
            status = 99
        os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def crash(life: Life, steps: Steps, layer: str) -> bool:
    """Let it end at its k-th step, or go on from an error there. Returns whether it had so many."""

    def act() -> int:
        if layer == "files":
            for name in sorted(CHANGING | SYNCING):
                steps.over(Files, name, lambda: OSError(errno.EIO, "injected"))
        else:
            kind = LocalStore if parse_url(life.destination).scheme is Scheme.FILE else CloudStore
            steps.over(kind, "create", lambda: Retry("injected"))
        life.work()
        return 1 if steps.is_reached else 0

    status = in_child(act)
    if status not in {0, 1, -signal.SIGKILL}:
        raise RuntimeError(f"step {steps.k}: the process ended with {status}")
    return status != 0


def recover(life: Life, said: Path) -> list[str]:
    """What is wrong after another process has taken over."""

    def act() -> int:
        said.write_text(json.dumps(life.take_over()))
        return 0

    status = in_child(act)
    return json.loads(said.read_text()) if status == 0 else [f"taking over ended with {status}"]


def prepare() -> list[tuple[list[str], Prepared]]:
    """Three batches with records of both streams, each span in one of them.

    Made in the parent: a fork copies them, and children need not load and compile what it takes to make them.
    """
    found: list[list[SpanData]] = []
    for name in "http_new.json", "genai_openai_span_only.json":
        exports = read_file(str(CORPUS / name), problems=[])
        found.append([span for export in exports for span in export.spans])
    requests, chats = found
    pipeline = Pipeline(pipeline_options(load({"destination": "memory://none"}, environment={})))
    batches = []
    for batch in requests[:4] + chats[:2], requests[4:6] + chats[2:3], requests[6:8] + chats[3:4]:
        ids = [span.span_id for span in batch]
        prepared = pipeline.prepare(batch, observed_unix_nano=OBSERVED_UNIX_NANO)
        assert prepared.count == len(ids)
        batches.append((ids, prepared))
    return batches


def main() -> int:
    """Prints how many steps were tried; 1 if something is wrong after any of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--destination", required=True, help="each life gets a folder of its own in it")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--layer", choices=["files", "store"], required=True)
    parser.add_argument("--how", choices=["kill", "error"], required=True)
    parser.add_argument("--point", choices=["before", "after"], required=True)
    parser.add_argument("--part", default="0/1", help="i/n: only steps k with k %% n = i")
    arguments = parser.parse_args()
    # A life that meets errors says so; what counts is what is found.
    logging.disable(logging.CRITICAL)
    part, parts = map(int, arguments.part.split("/"))
    batches = prepare()
    # Loads the store's client, once for all; nothing is sent.
    open_store(arguments.destination).close()
    # Arrow has threads of its own by now, and starts others in a forked child.
    if threading.active_count() > 1:
        raise RuntimeError("the parent has threads: its children would hang on their locks")
    tried, failures = 0, 0
    for k in range(1, MOST_STEPS):
        if k % parts != part:
            continue
        folder = arguments.folder / str(k)
        folder.mkdir()
        life = Life(f"{arguments.destination}/{k}", folder, batches)
        if not crash(life, Steps(k, arguments.how, arguments.point), arguments.layer):
            break
        tried += 1
        for wrong in recover(life, folder / "wrong"):
            failures += 1
            print(f"step {k}: {wrong}", file=sys.stderr)
    print(tried)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
