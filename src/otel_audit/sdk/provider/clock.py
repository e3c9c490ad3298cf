"""Whether the clock of this machine can be believed, as far as the kernel knows; nobody else is asked."""

from __future__ import annotations

import ctypes
import functools
import logging
import sys
from typing import Final

__all__ = ["warn_of_clock"]

_log = logging.getLogger(__name__)

_UNSYNCHRONISED: Final = 0x0040
_NANOSECONDS: Final = 0x2000
_MAX_OFFSET_S: Final = 1.0


class _Timex(ctypes.Structure):
    """``struct timex`` of ``adjtimex(2)``, Linux on 64 bits, with its reserve."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@functools.cache
def warn_of_clock() -> None:
    """Say so in a line, once in a process, if the clock is more than a second off, or nothing keeps it right."""
    if not sys.platform.startswith("linux"):
        return
    timex = _Timex(modes=0)
    try:
        failed = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0
    except (OSError, AttributeError):
        return
    if failed:
        return
    offset_s = timex.offset / (1e9 if timex.status & _NANOSECONDS else 1e6)
    if abs(offset_s) > _MAX_OFFSET_S:
        _log.warning("the clock of this machine is %.1f s off; audit records carry its time", abs(offset_s))
    elif timex.status & _UNSYNCHRONISED:
        _log.warning("nothing keeps the clock of this machine synchronised; audit records carry its time")
