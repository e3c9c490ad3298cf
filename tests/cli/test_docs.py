"""The page of the command line is what the commands say."""

from __future__ import annotations

from pathlib import Path

from otel_audit.cli.docs import markdown

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run `make docs`"
