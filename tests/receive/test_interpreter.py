"""A process that receives runs as suits it, and leaves the interpreter as it was."""

from __future__ import annotations

import gc
import sys

from otel_audit.receive.interpreter import made_for_receiving


def test_it_is_as_before_afterwards() -> None:
    switch_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    with made_for_receiving():
        assert sys.getswitchinterval() < switch_s / 5
        assert gc.get_threshold()[0] > thresholds[0]
        assert gc.get_freeze_count()
    assert abs(sys.getswitchinterval() - switch_s) < switch_s / 100
    assert gc.get_threshold() == thresholds
    assert not gc.get_freeze_count()
