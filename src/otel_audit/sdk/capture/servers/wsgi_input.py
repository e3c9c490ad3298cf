"""The body of a request to a WSGI application, seen as the application reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from otel_audit.sdk.capture.body import BodyRecorder

__all__ = ["Input"]


class Input:
    """Stands in the place of ``wsgi.input``; what it does not know is the stream's own.

    Args:
        stream: of the server.
        recorder: sees what is read.
        expected: bytes that the client announced; ``None`` where it did not.
    """

    def __init__(self, stream: Any, recorder: BodyRecorder, expected: int | None) -> None:
        self._stream, self._recorder, self._left = stream, recorder, expected

    def read(self, *size: int) -> bytes:
        return self._seen(self._stream.read(*size), is_end=size[:1] != (0,))

    def readline(self, *size: int) -> bytes:
        return self._seen(self._stream.readline(*size), is_end=size[:1] != (0,))

    def readlines(self, *hint: int) -> list[bytes]:
        lines: list[bytes] = self._stream.readlines(*hint)
        for line in lines:
            self._seen(line)
        if not lines:
            self._recorder.end()
        return lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            yield self._seen(line)
        self._recorder.end()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name in {"readinto", "readinto1"}:

            def read_into(buffer: Any) -> Any:
                count = found(buffer)
                if count is not None:
                    self._seen(bytes(memoryview(buffer).cast("B")[:count]), is_end=len(buffer) > 0)
                return count

            return read_into
        if name == "read1":
            return lambda *size: self._seen(found(*size), is_end=size[:1] != (0,))
        return found

    def _seen(self, chunk: bytes, *, is_end: bool = False) -> bytes:
        recorder = self._recorder
        if not recorder.is_done:
            recorder.write(chunk)
            if self._left is not None:
                self._left -= len(chunk)
            if (is_end and not chunk) or (self._left is not None and self._left <= 0):
                recorder.end()
        return chunk
