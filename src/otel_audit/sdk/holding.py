"""Where a record waits for a body that outlives its span.

Most bodies that are open when their span ends are closed a moment later: a framework ends the span before the
server has sent the response. So the record waits, at most ``capture.hold``. Then it goes as it is, says ``open``,
and the body follows in a record of its own, once it has ended or nothing more of it is kept.

What waits is found in a dictionary. Whoever takes it out sees to it: the thread that saw the body end, our own
when time is up, or whoever flushes. Nobody takes a lock or waits.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_audit.convert.span_notes import NOTES_KEY, SpanNotes
from otel_audit.sdk.capture.body import BodyRecorder
from otel_audit.sdk.rests import Rest

__all__ = ["Holding"]

_LEAST_WAIT_S: Final = 0.02
"""Records that are due a moment later go together."""

_holdings: Final[weakref.WeakSet[Holding]] = weakref.WeakSet()


def _start_over_in_child() -> None:
    # What the parent holds, the parent writes.
    for holding in tuple(_holdings):
        holding._reset()


os.register_at_fork(after_in_child=_start_over_in_child)


class _Held:
    """A span, its notes, those of its bodies that are waited for, and what follows once it has gone without them."""

    __slots__ = ("bodies", "due", "notes", "rest", "span")

    def __init__(
        self, span: ReadableSpan, notes: SpanNotes, bodies: Sequence[BodyRecorder], due: float
    ) -> None:
        self.span, self.notes, self.bodies, self.due = span, notes, bodies, due
        self.rest: Rest | None = None

    def is_complete(self) -> bool:
        return all(body.is_done for body in self.bodies)


class Holding:
    """Holds spans back until their bodies have ended.

    Args:
        put: takes a span that has waited, or the rest of one that has not waited long enough.
        report_defect: called when something of ours fails; must not raise.
        hold_s: how long a span waits; 0: not at all.
        max_held: how many may wait at a time; others go at once, open.
    """

    def __init__(
        self,
        put: Callable[[ReadableSpan | Rest], object],
        report_defect: Callable[[], None],
        *,
        hold_s: float,
        max_held: int,
    ) -> None:
        self._put, self._report_defect = put, report_defect
        self._hold_s, self._max_held = hold_s, max_held
        self._is_closed = False
        self._reset()
        _holdings.add(self)

    def _reset(self) -> None:
        self._held: dict[int, _Held] = {}
        self._followed: dict[int, _Held] = {}
        self._wake = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_idle = False

    def __len__(self) -> int:
        """Spans that wait."""
        return len(self._held)

    def holds(self, span: ReadableSpan) -> bool:
        """Hold an ended span back if a body of it is open. Returns whether it will be put later."""
        context = getattr(span, "_context", None)  # a log event has none
        notes = None if context is None else context.__dict__.get(NOTES_KEY)
        if notes is None:
            return False
        bodies = [
            body
            for body in (notes.request, notes.response)
            if type(body) is BodyRecorder and not body.is_done
        ]
        if not bodies:
            return False
        held = _Held(span, notes, bodies, time.monotonic() + self._hold_s)
        if self._hold_s <= 0 or len(self._held) >= self._max_held or not self._is_watched():
            self._follow(held)
            return False
        key = id(held)
        self._held[key] = held
        if self._is_idle:
            self._wake.set()
        for body in bodies:
            body.when_done(lambda: self._seen_to_end(key))
        if self._is_closed:  # in the meantime
            self._release(key)
        return True

    def let_go(self) -> None:
        """Put everything that waits, open or not."""
        for key in list(self._held):
            self._release(key)

    def close(self) -> None:
        """Put everything that waits, and the rest of what was put open, as far as it is known; hold nothing more."""
        self._is_closed = True
        self._wake.set()
        self.let_go()
        for key in list(self._followed):
            self._put_rest(key)

    def _seen_to_end(self, key: int) -> None:
        """A body has ended, on the thread that saw it. Never raises: it is the application's."""
        try:
            held = self._held.get(key)
            if held is not None and held.is_complete() and self._held.pop(key, None) is not None:
                self._put(held.span)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self._report_defect()

    def _release(self, key: int) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._follow(held, put=True)

    def _follow(self, held: _Held, *, put: bool = False) -> None:
        """Let a record go, and see to what of its bodies is open still."""
        held.bodies = [body for body in held.bodies if body.leave_open()]
        if held.bodies:
            # Made before the span goes: once its record is written, its notes have forgotten their bodies.
            held.rest = Rest(held.span, held.notes, held.bodies)
        if put:
            self._put(held.span)
        if not held.bodies:
            return
        key = id(held)
        self._followed[key] = held
        for body in held.bodies:
            body.when_done(lambda: self._seen_to_end_later(key))
        if self._is_closed:
            self._put_rest(key)

    def _seen_to_end_later(self, key: int) -> None:
        try:
            held = self._followed.get(key)
            if held is not None and held.is_complete():
                self._put_rest(key)
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self._report_defect()

    def _put_rest(self, key: int) -> None:
        held = self._followed.pop(key, None)
        if held is not None and held.rest is not None:
            self._put(held.rest)

    def _is_watched(self) -> bool:
        """Whether our thread runs; it is started at the first span that waits."""
        if self._thread is not None:
            return not self._is_closed
        with self._start_lock:
            if self._thread is None and not self._is_closed:
                thread = threading.Thread(target=self._watch, name="otel-audit-hold", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending: nobody would see that time is up
                    return False
                self._thread = thread
        return not self._is_closed

    def _watch(self) -> None:
        while not self._is_closed:
            self._is_idle = True
            if not self._held:
                self._wake.wait()
                self._wake.clear()
            self._is_idle = False
            self._pass_due()

    def _pass_due(self) -> None:
        """Release what is due, then wait for the next; what waits stands in the order in which it is due."""
        for key in list(self._held):
            held = self._held.get(key)
            if held is None:
                continue
            left_s = held.due - time.monotonic()
            # Not kept while this waits: its bodies are given back as soon as somebody else sees to it.
            del held
            if left_s > 0:
                self._wake.wait(max(left_s, _LEAST_WAIT_S))
                self._wake.clear()
                return
            try:
                self._release(key)
            except Exception:  # noqa: BLE001  (one span must not cost the others their time)
                self._report_defect()
