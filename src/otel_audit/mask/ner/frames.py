"""Frames between us and the process that has the engine: four bytes of length, big-endian, and a JSON text.

::

    → options                          ← {"ready": true} or {"ready": false, "cause": word}
    → {"texts": [text, …]}             ← {"names": [[[start, end, entity], …] or null, …]}

``null`` stands for a text that the engine failed on.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from typing import Any, Final

__all__ = ["LENGTH", "Broken", "TooLate", "as_frame", "receive", "send"]

LENGTH: Final = 4

_BLOCK: Final = 1 << 16


class Broken(Exception):
    """The other side is gone."""


class TooLate(Exception):
    """The other side did not read or answer in time."""


def as_frame(message: object) -> bytes:
    """A message as it is sent."""
    content = json.dumps(message).encode()
    return len(content).to_bytes(LENGTH, "big") + content


def send(descriptor: int, message: object, deadline_s: float) -> None:
    """Write a frame to a pipe that does not block.

    Args:
        descriptor: of the pipe.
        message: what JSON can say.
        deadline_s: on the monotonic clock.

    Raises:
        Broken: nobody reads any more.
        TooLate: nobody read in time.
    """
    rest = memoryview(as_frame(message))
    with selectors.DefaultSelector() as ready:
        ready.register(descriptor, selectors.EVENT_WRITE)
        while rest:
            _wait(ready, deadline_s)
            try:
                rest = rest[os.write(descriptor, rest[:_BLOCK]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Broken from None


def receive(descriptor: int, deadline_s: float) -> Any:
    """Read a frame from a pipe that does not block. Arguments and errors as of :func:`send`."""
    content = bytearray()
    length: int | None = None
    with selectors.DefaultSelector() as ready:
        ready.register(descriptor, selectors.EVENT_READ)
        while length is None or len(content) < length:
            _wait(ready, deadline_s)
            wanted = LENGTH - len(content) if length is None else length - len(content)
            try:
                block = os.read(descriptor, min(wanted, _BLOCK))
            except BlockingIOError:
                continue
            if not block:
                raise Broken
            content += block
            if length is None and len(content) == LENGTH:
                length = int.from_bytes(content, "big")
                content.clear()
    try:
        return json.loads(content)
    except ValueError:
        raise Broken from None


def _wait(ready: selectors.BaseSelector, deadline_s: float) -> None:
    left = deadline_s - time.monotonic()
    if left <= 0 or not ready.select(left):
        raise TooLate
