"""One recorder per process and configuration: a processor, an exporter and ``install()`` with the same settings
share it.
"""

from __future__ import annotations

import threading
from typing import Final

from otel_audit.config import Settings
from otel_audit.sdk.recorder import Recorder

__all__ = ["CLOSE_TIMEOUT_S", "acquire", "collects_content", "only", "release"]

CLOSE_TIMEOUT_S: Final = 10.0
"""How long an ending process may take to hand on what waits; the rest stays in the spool."""

_shared: dict[Settings, Recorder] = {}
_lock = threading.Lock()


def acquire(settings: Settings, *, for_spans: bool = True) -> Recorder:
    """The process's recorder for these settings. Each call is answered by one :func:`release`.

    Args:
        settings: complete settings.
        for_spans: whether it is a door that spans come through.
    """
    with _lock:
        recorder = _shared.get(settings)
        if recorder is None:
            recorder = _shared[settings] = Recorder(settings)
        recorder.users += 1
        recorder.span_doors += for_spans
        # Marks cost as much as the rest of the hand-over; with one door there is nobody to tell.
        recorder.share(recorder.span_doors > 1)
        return recorder


def only() -> Recorder | None:
    """The recorder that was acquired first and is in use; None if there is none."""
    with _lock:
        return next(iter(_shared.values()), None)


def collects_content() -> bool:
    """Whether a log of this process asks for content that instrumentations leave out."""
    return any(settings.streams.model_io.content == "full" for settings in tuple(_shared))


def release(recorder: Recorder, timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
    """Give a recorder back; the last one to do so closes it. Returns False if something is left in the spool."""
    with _lock:
        recorder.users -= 1
        if recorder.users > 0:
            return True
        _shared.pop(recorder.settings, None)
    return recorder.close(timeout_s)
