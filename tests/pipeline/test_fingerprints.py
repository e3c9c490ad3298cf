"""The set that copies are told by, beside Python's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.pipeline.fingerprints import Fingerprints

HOUR_NS = 3_600 * 10**9


def halves(values: list[int]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    high = np.array([value % 997 * 2**53 + value for value in values], np.uint64)
    return high, np.array(values, np.uint64)


def known(found: Fingerprints, values: list[int]) -> list[bool]:
    return found.contains(*halves(values)).tolist()


@given(st.lists(st.sets(st.integers(1, 2_000), max_size=60), max_size=40))
def test_nothing_is_known_that_was_not_added_and_the_last_so_many_are(batches: list[set[int]]) -> None:
    found, added = Fingerprints(100, HOUR_NS), list[int]()
    for batch in batches:
        new = [
            value for value, is_known in zip(batch, known(found, list(batch)), strict=True) if not is_known
        ]
        found.add(*halves(new), 0)
        added += new
        assert all(known(found, added[-100:]))
        assert len(found) <= 250
    assert not any(known(found, list(range(3_000, 3_050))))
    assert all(
        value in added
        for value, yes in zip(range(2_001), known(found, list(range(2_001))), strict=True)
        if yes
    )


def test_what_is_older_than_the_window_goes() -> None:
    found = Fingerprints(80, HOUR_NS)
    for hour in range(4):
        found.add(*halves(list(range(100 * hour, 100 * hour + 30))), hour * HOUR_NS)
    assert all(known(found, list(range(200, 230)) + list(range(300, 330))))
    assert not any(known(found, list(range(30))))


def test_memory_is_taken_at_the_start() -> None:
    found = Fingerprints(1_000, HOUR_NS)
    for start in range(0, 10_000, 500):
        found.add(*halves(list(range(start, start + 500))), 0)
    assert 1_000 <= len(found) <= 1_300
