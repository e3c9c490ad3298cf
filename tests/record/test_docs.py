from __future__ import annotations

from pathlib import Path

from otel_audit.record.docs import record_page
from otel_audit.record.schema import FIELDS

PAGE = Path(__file__).parents[2] / "docs/record.md"


def test_the_page_is_the_table_of_today() -> None:
    assert PAGE.read_text() == record_page(), "run `make docs`"


def test_every_field_has_a_row_of_seven_cells() -> None:
    rows = [line for line in record_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [field.name for field in FIELDS]
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}
