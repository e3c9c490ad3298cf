"""Shapes of JSON that several threads may read."""

from __future__ import annotations

from typing import TypeVar

import msgspec

__all__ = ["ready_to_read"]

_Shape = TypeVar("_Shape", bound=type[msgspec.Struct])


def ready_to_read(shape: _Shape) -> _Shape:
    """Class decorator: let msgspec look into a shape while nobody else can.

    Two threads that decode a shape for the first time, and let it look at the same moment, can crash the process.
    """
    msgspec.json.Decoder(shape)
    return shape
