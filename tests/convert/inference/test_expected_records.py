"""Whole records, written by hand from their source spans: three of each dialect and framework.

``tests/golden/expected/inference`` says what the records are; no command writes it. Ids, times, resource and scope are
the envelope's, and have tests of their own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convert.inference.sources import TESTS, exported
from otel_audit.convert.converter import Converter

EXPECTED = TESTS / "golden" / "expected" / "inference"

ENVELOPE = frozenset(
    {
        "recordId", "schemaVersion", "sampled", "scope", "timestamp", "timeUnixNano", "observedTimestamp",
        "observedTimeUnixNano", "durationNs", "tenant", "versionId", "namespace", "service", "traceId",
        "spanId", "parentSpanId", "resource",
    }
)  # fmt: skip


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}-{index}")
        for path in sorted(EXPECTED.glob("*.json"))
        for index, case in enumerate(json.loads(path.read_text()))
    ]


def minified(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def compact(value: Any) -> Any:
    """A value without the nulls and empty lists that columns have where a record has nothing."""
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items() if item is not None and item != []}
    return [compact(item) for item in value] if isinstance(value, list) else value


def record_of(source: Path, place: int) -> dict[str, Any]:
    export = exported(source.with_suffix(".json"))
    logs = source.with_suffix(".logs.json")
    events = exported(logs).logs if logs.exists() else []
    batch = Converter().convert(export.spans, events, observed_unix_nano=1_795_302_001_000_000_000)
    record: dict[str, Any] = compact(batch.records.slice(place, 1).to_pylist()[0])
    return {key: value for key, value in record.items() if key not in ENVELOPE}


@pytest.mark.parametrize("case", cases())
def test_a_record_is_what_was_written_by_hand(case: dict[str, Any]) -> None:
    expected, found = dict(case["record"]), record_of(TESTS / case["source"], case["span"])
    for name in ("request", "response"):
        if name in expected:
            expected[name] = minified(expected[name])
    if "attributes" in found:
        found["attributes"] = json.loads(found["attributes"])
    info = found["modelInfo"]
    if "requestParameters" in info:
        expected["modelInfo"]["requestParameters"] = minified(expected["modelInfo"]["requestParameters"])
    if "extra" in info:
        info["extra"] = dict(info["extra"])
    if "joined" in found:
        found["joined"] = len(found["joined"])
    assert found == expected


def test_every_dialect_has_three() -> None:
    files = sorted(EXPECTED.glob("*.json"))
    assert len(files) == 19
    assert all(len(json.loads(path.read_text())) == 3 for path in files)
