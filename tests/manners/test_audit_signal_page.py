"""``docs/audit-signal.md`` names a test for each point of the draft, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "audit-signal.md").read_text(encoding="utf-8")

ROWS = dict(re.findall(r"^\| ([REPT]\d|Receipt) \| [MSO] \| .* \| (.*) \|$", PAGE, re.MULTILINE))
POINTS = [*(f"R{n}" for n in range(1, 7)), *(f"E{n}" for n in range(1, 7)), *(f"P{n}" for n in range(1, 9)),
          *(f"T{n}" for n in range(1, 8)), "Receipt"]  # fmt: skip


def test_every_point_of_the_draft_has_a_row():
    assert sorted(ROWS) == sorted(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_the_tests_that_a_row_names_are_there(point):
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", ROWS[point])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (file, test)


def test_the_example_of_the_page_is_python_that_names_what_is_public():
    import otel_audit

    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            assert node.module == "otel_audit"
            assert {alias.name for alias in node.names} <= set(otel_audit.__all__)
