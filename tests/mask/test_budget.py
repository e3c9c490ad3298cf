"""A field's time is that of the thread that judges it."""

from __future__ import annotations

import threading
import time

import pytest

from otel_audit.mask.budget import Budget, OutOfTime


def test_a_thread_that_waits_for_others_has_lost_no_time() -> None:
    budget = Budget(0.02)
    threading.Event().wait(0.06)
    budget.check()


def test_a_thread_that_works_on_is_out_of_time() -> None:
    budget, end = Budget(0.02), time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    with pytest.raises(OutOfTime):
        budget.check()
