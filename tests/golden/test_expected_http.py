"""Records that a person wrote down from the spans, for each way that HTTP is recorded; no command rewrites them.

Left out of the expectations: ``recordId``, which is checked against its definition here, ``observedTimestamp``,
and stack traces in events.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from convert.building import compact
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions
from otel_audit.convert.otlp_files import read_file

TESTS = Path(__file__).parents[1]
EXPECTED = sorted(
    path
    for pattern in ("http_*.json", "rpc_*.json")
    for path in (TESTS / "golden" / "expected").glob(pattern)
    if ".spans." not in path.name
)


def converted(source: Path) -> dict[str, dict[str, Any]]:
    """Returns the records of a file by span id."""
    (export,) = read_file(source)
    starts = {span.span_id: span.start_unix_nano for span in export.spans}
    batch = Converter(ConvertOptions(bound_event_time=False)).convert(
        export.spans, export.logs, observed_unix_nano=1_800_000_000_000_000_000
    )
    records = {}
    for row in batch.records.to_pylist():
        record = compact(row)
        record["timestamp"] = rfc3339(record.pop("timeUnixNano"))
        assert record.pop("observedTimeUnixNano") == 1_800_000_000_000_000_000
        assert record.pop("recordId") == record_id(record, starts[record["spanId"]])
        for event in record.get("events", ()):
            event["attributes"] = json.loads(event["attributes"])
            event["attributes"].pop("exception.stacktrace", None)
        records[record["spanId"]] = record
    return records


def rfc3339(unix_nano: int) -> str:
    seconds, nanos = divmod(unix_nano, 10**9)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanos:09d}Z"


def record_id(record: dict[str, Any], start: int) -> str:
    """UUIDv8 as RECORD defines it, without the code under test."""
    parts = ["otel-audit/1", "default", "span", record["traceId"], record["spanId"], record["spanKind"],
             str(start), record["service"]["name"]]  # fmt: skip
    number = int.from_bytes(hashlib.sha256(rfc8785.dumps(parts)).digest()[:16], "big")
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 8 << 76 | 2 << 62))


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_records_are_as_written_down(path: Path) -> None:
    expectation = json.loads(path.read_bytes())
    records = converted(TESTS / expectation["source"])
    assert len(expectation["records"]) >= 3
    for span_id, expected in expectation["records"].items():
        assert records[span_id] == {**expectation["common"], **expected}, span_id


def test_every_dialect_of_http_has_expectations() -> None:
    assert {path.stem for path in EXPECTED} >= {
        "http_old_default", "http_new", "http_dup", "http_new_headers", "http_django", "http_tornado",
        "http_undici", "http_aiohttp_server", "rpc_grpc",
    }  # fmt: skip
