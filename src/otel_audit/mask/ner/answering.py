"""What runs in the process that has the engine."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from otel_audit.mask.ner.frames import LENGTH, as_frame
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.ner.port import Engine

__all__ = ["main", "serve"]

_NOWHERE: Final = os.devnull


def main() -> None:
    """Serve with Presidio."""
    serve(_presidio)


def _presidio(options: NerOptions) -> Engine:
    from otel_audit.mask.ner.presidio import PresidioEngine  # noqa: PLC0415  (loading it is what may fail)

    return PresidioEngine(options)


def serve(make: Callable[[NerOptions], Engine]) -> None:
    """Load an engine, then answer until nobody asks any more.

    Args:
        make: loads it, or raises.
    """
    # Ctrl-C is for the application, which may still have something to be looked at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What libraries print must not get between the answers.
    nowhere = os.open(_NOWHERE, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    questions = sys.stdin.buffer
    given = _read(questions)
    if given is None:
        return
    try:
        engine = make(NerOptions(**{**given, "fields": tuple(given["fields"])}))
    except FileNotFoundError:
        _write(answers, {"ready": False, "cause": "model-missing"})
        return
    except ImportError:
        _write(answers, {"ready": False, "cause": "not-installed"})
        return
    except Exception:  # noqa: BLE001  (of others, and nobody reads what they say)
        _write(answers, {"ready": False, "cause": "defect"})
        return
    _write(answers, {"ready": True})
    while (question := _read(questions)) is not None:
        _write(answers, {"names": _names(engine, question["texts"])})


def _names(engine: Engine, texts: list[str]) -> list[list[tuple[int, int, str]] | None]:
    try:
        found = engine.find(texts)
    except Exception:  # noqa: BLE001  (likewise)
        if len(texts) == 1:
            return [None]
        # One text that an engine fails on must not cost the others.
        return [names for text in texts for names in _names(engine, [text])]
    return [[(name.start, name.end, name.entity) for name in names] for names in found]


def _read(questions: BinaryIO) -> Any:
    start = questions.read(LENGTH)
    if len(start) < LENGTH:
        return None
    content = questions.read(int.from_bytes(start, "big"))
    return json.loads(content)


def _write(answers: BinaryIO, message: object) -> None:
    answers.write(as_frame(message))
    answers.flush()
