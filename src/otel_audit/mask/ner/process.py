"""The process that has the engine, asked within a time.

It is started for the first texts, and again for the next ones when it has died or was ended because it stalled; one
that cannot load, or dies again and again, is left alone for a while. Meanwhile nobody looks, and says so.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from otel_audit.isolated import command
from otel_audit.mask.ner.frames import Broken, TooLate, receive, send
from otel_audit.mask.ner.options import NAMES, NerOptions
from otel_audit.mask.ner.port import Failure, Name

__all__ = ["ProcessFinder"]

_log = logging.getLogger(__name__)

_MOST_TEXTS: Final = 32
_MOST_CHARACTERS: Final = 64_000
"""Of one question: what was answered when the time is over counts."""

_LONGEST_PAUSE_S: Final = 60.0
_ENDING_S: Final = 1.0

_SURROGATES: Final = re.compile("[\ud800-\udfff]")

_CAUSES: Final = {
    "model-missing": "there is no such model; none is fetched from the network",
    "not-installed": 'it is not installed: pip install "otel-audit[ner]"',
}


class ProcessFinder:
    """A :class:`~otel_audit.mask.ner.port.Finder`. Thread-safe: one batch at a time.

    Args:
        options: model and times.
        module: whose ``main()`` answers; a test gives one with another engine.
    """

    def __init__(self, options: NerOptions, module: str = "otel_audit.mask.ner.answering") -> None:
        self._options, self._module = options, module
        self._start_over()

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failures, self._not_before_s = 0, 0.0

    def find(self, texts: Sequence[str]) -> list[list[Name] | Failure]:
        """The names in each text, or why nobody looked. Never raises."""
        answers: list[list[Name] | Failure] = []
        with self._lock:
            failure = self._load()
            deadline_s = time.monotonic() + self._options.timeout_s
            for some in _questions(texts):
                if failure is not None:
                    answers += [failure] * len(some)
                    continue
                try:
                    answers += self._ask(some, deadline_s)
                    self._failures = 0
                except TooLate:
                    failure = "time-out"
                except (Broken, OSError):
                    failure = "error"
                if failure is not None:
                    self._end(failure)
                    answers += [failure] * len(some)
        return answers

    def forget(self) -> None:
        """In a forked child: what runs belongs to the parent; its pipes must not stay open here."""
        process = self._process
        self._start_over()
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            process.returncode = 0  # not a child of this process

    def close(self) -> None:
        """End what runs; it is started again when it is needed."""
        with self._lock:
            if self._process is not None:
                self._kill(self._process)

    def _load(self) -> Failure | None:
        """Sees to it that there is an engine. Returns why there is none."""
        if self._process is not None:
            return None
        if time.monotonic() < self._not_before_s:
            return "error"
        try:
            process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                command(self._module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError:
            return self._failed("no process can be started", "error")
        self._process = process
        for pipe in self._pipes():
            os.set_blocking(pipe, False)
        questions, answers = self._pipes()
        deadline_s = time.monotonic() + self._options.load_timeout_s
        try:
            send(questions, asdict(self._options), deadline_s)
            answer = receive(answers, deadline_s)
        except TooLate:
            self._kill(process)
            return self._failed("it did not load in time", "time-out")
        except Broken:
            answer = {}
        if answer.get("ready") is True:
            return None
        self._kill(process)
        self._failures = max(self._failures, 6)  # what cannot load now will not in a second
        return self._failed(_CAUSES.get(answer.get("cause"), "it cannot be loaded"), "error")

    def _ask(self, texts: Sequence[str], deadline_s: float) -> list[list[Name] | Failure]:
        questions, answers = self._pipes()
        send(questions, {"texts": [_SURROGATES.sub("?", text) for text in texts]}, deadline_s)
        answer = receive(answers, deadline_s)
        found = answer.get("names") if isinstance(answer, dict) else None
        if not isinstance(found, list) or len(found) != len(texts):
            raise Broken
        return [_names(names, text) for names, text in zip(found, texts, strict=True)]

    def _pipes(self) -> tuple[int, int]:
        process = self._process
        assert process is not None  # noqa: S101  it was loaded
        assert process.stdin is not None  # noqa: S101  they are pipes
        assert process.stdout is not None  # noqa: S101
        return process.stdin.fileno(), process.stdout.fileno()

    def _end(self, failure: Failure) -> None:
        if self._process is not None:
            self._kill(self._process)
        self._failed("it stalled" if failure == "time-out" else "it died", failure)

    def _failed(self, why: str, failure: Failure) -> Failure:
        pause_s = min(_LONGEST_PAUSE_S, 2.0**self._failures - 1)
        self._failures += 1
        self._not_before_s = time.monotonic() + pause_s
        _log.error("nobody looks for names, and texts are withheld: %s", why)
        return failure

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_S)


def _questions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = characters = 0
    for place, text in enumerate(texts):
        if place > start and (place - start == _MOST_TEXTS or characters + len(text) > _MOST_CHARACTERS):
            yield texts[start:place]
            start, characters = place, 0
        characters += len(text)
    if start < len(texts):
        yield texts[start:]


def _names(names: Any, text: str) -> list[Name] | Failure:
    """What an engine said of a text; it is not trusted to keep to it."""
    try:
        found = [Name(start, end, entity) for start, end, entity in names]
        if all(0 <= name.start < name.end <= len(text) and name.entity in NAMES for name in found):
            return found
    except (TypeError, ValueError):
        pass
    return "error"
