"""What changed is judged by the names in its path, and stands where it stood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_audit.convert.converter import Converter
from otel_audit.convert.spans import LogData, ResourceData
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

AT = 1_795_300_000_000_000_000


def masked(*changes: Any) -> Any:
    attributes = {"audit.action": "UPDATE", "audit.changes": json.dumps(list(changes))}
    log = LogData("model.update", AT, AT, "", "", None, attributes, ResourceData({}))
    batch = Converter().convert((), [log], observed_unix_nano=AT)
    (row,) = Masker(MaskPolicy()).mask(batch).records.to_pylist()
    assert "hunter2" not in str(row)
    return json.loads(row["changes"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"path": "/user/password", "before": "hunter2"}, {"path": "/user/password", "before": "[WITHHELD]"}),
        ({"path": "/ssn", "after": 123456789}, {"path": "/ssn", "after": "[US_SSN]"}),
        (
            {"path": "/credentials/0/x", "after": {"y": [1]}},
            {"path": "/credentials/0/x", "after": "[WITHHELD]"},
        ),
        ({"path": "", "after": {"api_key": "k-1"}}, {"path": "", "after": {"api_key": "[WITHHELD]"}}),
        (
            {"path": "/users/jo@example.com/role", "after": {"a": 1}},
            {"path": "/users/[EMAIL]/role", "after": {"a": 1}},
        ),
        (
            {"path": "/cards/4111111111111111", "before": {"a": {"b": 1}}},
            {"path": "/cards/[CREDIT_CARD]", "before": {"a": {"b": 1}}},
        ),
        ({"path": "/user/api_key_2", "after": "abcd"}, {"path": "/user/api_key_2", "after": "[WITHHELD]"}),
        (
            {"path": "postgres://bob:hunter2@db:5432/x", "before": "jo@example.com"},
            {"path": "postgres://%5BWITHHELD%5D@db:5432/x", "before": "[EMAIL]"},
        ),
        ({"path": "/a~1b", "before": {"c": {}}}, {"path": "/a~1b", "before": {"c": {}}}),
        (
            {"path": "/a", "before": None, "after": {"b": None}},
            {"path": "/a", "before": None, "after": {"b": None}},
        ),
        ({"path": 7, "before": "jo@example.com"}, {"path": 7, "before": "[EMAIL]"}),
        (["a", 7], ["a", 7]),
    ],
    ids=str,
)
def test_a_change(change: Any, expected: Any) -> None:
    assert masked(change) == [expected]
    assert masked({"path": "/first", "after": 1}, change, change)[1:] == [expected, expected]


def test_a_long_path_keeps_its_value_where_it_was() -> None:
    change = {"path": "/p" * 40 + "/secret", "after": {"only": {"one": 1}}}
    assert masked(change) == [{**change, "after": "[WITHHELD]"}]
    harmless = {"path": "/p" * 40, "after": {"only": {"one": 1}}}
    assert masked(harmless) == [harmless]
