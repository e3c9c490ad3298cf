"""Requests changed at random: a few seconds of it here, more by ``make fuzz``; and all that it ever found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receive.fuzz import FOUND, KINDS, kind_of, one, outcome, seeds

KNOWN = seeds()


@pytest.mark.parametrize("file", sorted(FOUND.iterdir()), ids=lambda file: str(file.name))
def test_what_was_found_is_refused_or_becomes_records(file: Path) -> None:
    assert outcome(kind_of(file), file.read_bytes())


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(KINDS), st.integers(0, 1 << 64))
def test_changed_requests_are_refused_or_become_records(kind: str, seed: int) -> None:
    assert outcome(kind, one(kind, random.Random(seed), KNOWN))
