"""One body on its way past us: its beginning is kept, until its record is written.

A body often outlives its span. Whoever lets the record go first, with the body still open, and whoever sees the
body end are different threads; which of them came first is decided once, without a lock, by a dictionary's
``setdefault``. Then either the record has the whole body, or it says ``open`` and the body follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from otel_audit.convert.span_notes import Body
from otel_audit.sdk.capture.decoding import Undecodable, decode, encodings_of
from otel_audit.sdk.capture.memory import MEMORY, Memory

__all__ = ["BodyRecorder"]

_STEP: Final = 4096
"""Bytes that are asked of the memory at a time: most bodies need one step."""

_ENDED, _OPEN = "ended", "open"


class BodyRecorder:
    """Keeps the first bytes of a body as it was sent. Nothing of it ever raises.

    ``write`` and ``end`` belong to whoever sees the body go by; they cost about a microsecond. ``read`` undoes
    the content encoding and belongs to conversion, on a thread of ours.

    Args:
        max_bytes: what is kept, as sent and decoded.
        media_type: the ``Content-Type`` as sent; may be set later, before the end.
        encoding: the ``Content-Encoding`` as sent, likewise.
        memory: what it is counted against, until it is no longer referred to.
    """

    __slots__ = (
        "_content", "_fate", "_is_cut", "_is_done", "_max_bytes", "_memory", "_reserved", "_then", "_withheld",
        "encoding", "media_type",
    )  # fmt: skip

    def __init__(
        self, max_bytes: int, media_type: str = "", encoding: str = "", *, memory: Memory = MEMORY
    ) -> None:
        self.media_type, self.encoding = media_type, encoding
        self._max_bytes, self._memory = max_bytes, memory
        self._reserved = 0
        self._content = bytearray()
        self._is_cut = self._is_done = False
        self._withheld = ""
        self._fate: dict[str, str] = {}
        self._then: Callable[[], None] | None = None

    def __del__(self) -> None:
        self._give_back()

    @property
    def is_done(self) -> bool:
        """Whether the body has ended, or nothing more of it is kept."""
        return self._is_done

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the body went by."""
        return not self._content and not self._is_cut and not self._withheld

    def write(self, chunk: bytes) -> None:
        """See the next bytes of the body.

        Args:
            chunk: any object with bytes in it; copied as far as it is kept.
        """
        if self._is_done:
            return
        try:
            content, size = self._content, len(chunk)
            room = self._max_bytes - len(content)
            if size > room:
                chunk, self._is_cut = memoryview(chunk).cast("B")[:room], True  # type: ignore[assignment]
                size = room
            needed = len(content) + size
            if needed > self._reserved and not self._reserve(needed):
                self.withhold("memory")
                return
            content += chunk
            if self._is_cut:
                # Nothing more is kept, so there is nothing to wait for, however long the body goes on.
                self._finish()
        except Exception:  # noqa: BLE001  (nothing of ours reaches the application)
            self.withhold("unreadable")

    def end(self, *, is_whole: bool = True) -> None:
        """See the end of the body; may be said more than once.

        Args:
            is_whole: whether all of it went by; a server need not read what a client sends.
        """
        if not is_whole and not self._is_done:
            self._is_cut = True
        self._finish()

    def withhold(self, reason: str) -> None:
        """Keep nothing of the body, and say why.

        Args:
            reason: a word of ``WITHHELD`` in ``convert/captured.py``.
        """
        self._withheld = self._withheld or reason
        self._content = bytearray()
        self._give_back()
        self._finish()

    def when_done(self, then: Callable[[], None]) -> None:
        """Call ``then`` once nothing more comes: at once, if that is so already. It may be called twice."""
        self._then = then
        if self._is_done:
            then()

    def leave_open(self) -> bool:
        """Let the record go. Returns whether the body was open still, and follows in a record of its own."""
        return self._fate.setdefault("", _OPEN) == _OPEN

    def read(self) -> Body:
        """What the record of the span holds of the body."""
        body = self.read_on()
        body.is_open = self.leave_open()
        return body

    def read_on(self) -> Body:
        """What is known of the body by now."""
        withheld, content, is_cut = self._withheld, bytes(self._content), self._is_cut
        is_open = not self._is_done
        if encodings := () if withheld else encodings_of(self.encoding):
            try:
                content, is_short = decode(content, encodings, self._max_bytes)
            except Undecodable:
                withheld = "encoding"
            else:
                is_cut = is_cut or (is_short and not is_open)
        return Body(
            content=b"" if withheld else content,
            media_type=self.media_type,
            cut_at=len(content) if is_cut and not withheld else None,
            is_open=is_open,
            withheld=withheld,
        )

    def _reserve(self, needed: int) -> bool:
        step = max(_STEP, needed - self._reserved)
        if not self._memory.take(step):
            return False
        self._reserved += step
        return True

    def _give_back(self) -> None:
        reserved, self._reserved = self._reserved, 0
        if reserved:
            self._memory.give_back(reserved)

    def _finish(self) -> None:
        if self._is_done:
            return
        self._is_done = True
        self._fate.setdefault("", _ENDED)
        if self._then is not None:
            self._then()
