"""The corpus gives the records that were committed; ``regenerate.py`` writes them anew."""

from __future__ import annotations

import pytest

from golden.regenerate import RECORDS, converted, runs


@pytest.mark.parametrize("run", runs())
def test_records_are_those_committed(run: str) -> None:
    assert converted(run).splitlines() == (RECORDS / f"{run}.jsonl").read_text().splitlines()


def test_no_golden_file_without_a_run() -> None:
    assert sorted(path.stem for path in RECORDS.glob("*.jsonl")) == runs()
