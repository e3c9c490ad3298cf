"""``docs/configuration.md`` says what the table of settings says."""

from pathlib import Path

from otel_audit.config.reference import markdown


def test_the_page_is_current():
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert page.read_text() == markdown(), "run `make docs`"
