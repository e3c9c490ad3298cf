"""Two states become the list of what differs, and only that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit import changes_between

CASES: list[tuple[Any, Any, list[dict[str, Any]]]] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [{"path": "/a", "before": 1, "after": 2}]),
    ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [{"path": "/a/b/c", "before": 1, "after": 2}]),
    ({"a": 1}, {"b": 1}, [{"path": "/a", "before": 1}, {"path": "/b", "after": 1}]),
    ({"a": None}, {}, [{"path": "/a", "before": None}]),
    ({"a": 1}, {"a": None}, [{"path": "/a", "before": 1, "after": None}]),
    ({"a": 1}, {"a": True}, [{"path": "/a", "before": 1, "after": True}]),
    ({"a": 1}, {"a": 1.0}, []),
    ({"a/b": 1, "c~d": 1}, {}, [{"path": "/a~1b", "before": 1}, {"path": "/c~0d", "before": 1}]),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [{"path": "/a/1/b", "before": 2, "after": 3}]),
    ({"a": [1]}, {"a": [1, 2]}, [{"path": "/a", "before": [1], "after": [1, 2]}]),
    ({"a": "xy"}, {"a": ["x", "y"]}, [{"path": "/a", "before": "xy", "after": ["x", "y"]}]),
    ({7: 1}, {7: 2}, [{"path": "/7", "before": 1, "after": 2}]),
    ("old", "new", [{"path": "", "before": "old", "after": "new"}]),
    (float("nan"), float("nan"), []),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(("before", "after", "expected"), CASES, ids=str)
def test_what_differs(before: Any, after: Any, expected: list[dict[str, Any]]) -> None:
    assert changes_between(before, after) == expected


@given(JSON, JSON)
def test_the_changes_lead_from_one_state_to_the_other(before: Any, after: Any) -> None:
    state: Any = {"root": before}
    for change in changes_between({"root": before}, {"root": after}):
        *way, last = [step.replace("~1", "/").replace("~0", "~") for step in change["path"].split("/")[1:]]
        state = _copy(state)
        holder = state
        for step in way:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        key: Any = int(last) if isinstance(holder, list) else last
        if "before" in change:
            assert _same(holder[key], change["before"])
        if "after" in change:
            holder[key] = change["after"]
        else:
            del holder[key]
    assert _same(state["root"], after)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _same(one: Any, other: Any) -> bool:
    return repr(_sorted(one)) == repr(_sorted(other))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_hostile_states_end_in_bounds() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    (change,) = changes_between(deep, {"a": deep["a"]["a"]} | {"b": 1})[:1]
    assert change["path"].count("/") <= 17
    many = {str(number): number for number in range(100_000)}
    (change,) = changes_between(many, {})
    assert change["path"] == ""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        def __hash__(self) -> int:
            return 1

    assert len(changes_between({"a": Odd()}, {"a": Odd()})) == 1
