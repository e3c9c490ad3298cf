"""One body on its way past us, from whoever has it to whoever reads it."""

from __future__ import annotations

from typing import Final

from otel_audit.sdk.capture.body import BodyRecorder

__all__ = ["Observer"]

_EVENTS: Final = "text/event-stream"

_DONE: Final = b"data: [DONE]"
"""The last event of a stream of OpenAI's protocol. Its clients stop here, and never see the stream itself end."""

_TAIL: Final = 32
"""Bytes in which that is looked for, with the line ends behind it."""


class Observer:
    """Sees a body as somebody else reads it. Whoever drops it unread has seen its end.

    Nothing of it raises. It must not be part of a reference cycle: what it is attached to goes when the
    application lets it go.

    Args:
        recorder: keeps the beginning of the body; let go as soon as it has ended.
        length: bytes that there will be, if that is known: nobody need see an end behind them.
    """

    __slots__ = ("_left", "_recorder", "_tail")

    def __init__(self, recorder: BodyRecorder | None, length: int | None = None) -> None:
        self._recorder, self._left = recorder, length
        is_events = recorder is not None and recorder.media_type.lower().startswith(_EVENTS)
        self._tail: bytes | None = b"" if is_events else None

    def __del__(self) -> None:
        self.end(is_whole=False)

    def see(self, chunk: object) -> None:
        """See what was read.

        Args:
            chunk: bytes, or text, which is sent as UTF-8; anything else is not a part of a body.
        """
        recorder = self._recorder
        if recorder is None:
            return
        try:
            if isinstance(chunk, str):
                chunk = chunk.encode("utf-8", "replace")
            elif not isinstance(chunk, bytes | bytearray):
                chunk = memoryview(chunk).cast("B")  # type: ignore[arg-type]  # an object that has none raises
        except (TypeError, ValueError, MemoryError):
            recorder.withhold("unreadable")
            return
        if not chunk:
            return
        if self._tail is not None:
            self._tail = (self._tail + bytes(chunk[-_TAIL:]))[-_TAIL:]
        recorder.write(chunk)  # type: ignore[arg-type]  # any buffer of bytes will do
        if self._left is not None:
            self._left -= len(chunk)
            if self._left <= 0:
                self.end()

    def end(self, *, is_whole: bool = True) -> None:
        """See the end; what comes after the first has no effect.

        Args:
            is_whole: whether all of the body went by.
        """
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.end(is_whole=is_whole or (self._tail or b"").rstrip().endswith(_DONE))

    def start_over(self, recorder: BodyRecorder, length: int | None) -> None:
        """What comes next is the body from its beginning."""
        self._recorder, self._left = recorder, length
