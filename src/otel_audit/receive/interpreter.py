"""How Python runs a process that does nothing but receive."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["made_for_receiving"]

_SWITCH_S: Final = 0.0005
"""How long a thread that makes records keeps the others waiting: the one that takes bytes asks at each part of a
body, and waited Python's 5 ms each time."""

_NEW_CONTAINERS: Final = 100_000
"""Of objects that hold others, before cycles are looked for. A large batch has so many while it is converted, none of
them in a cycle; looking at them, with everything else that is loaded, kept all threads waiting for 70 ms and more."""


@contextmanager
def made_for_receiving() -> Iterator[None]:
    """For as long as it is entered: threads take turns often, cycles are looked for seldom, and never among what is
    there already."""
    switch_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_CONTAINERS, *thresholds[1:])
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch_s)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
