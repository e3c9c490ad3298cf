"""Records over the bound keep their short fields, valid JSON, and a word about what was cut."""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from otel_audit.convert.converter import Converter
from otel_audit.convert.from_sdk import read_spans
from otel_audit.mask.masker import Masker
from otel_audit.mask.oversize import MARK
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.canonical import recompute, record_hashes

LIMIT = 100_000


def mask(*attributes, limit=LIMIT, events=()):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    spans = []
    for given in attributes:
        span = tracer.start_span("chat m", kind=SpanKind.CLIENT, attributes=given)
        for name, values in events:
            span.add_event(name, values)
        span.end()
        spans.append(span)
    batch = Converter().convert(read_spans(spans), observed_unix_nano=1_795_300_000_000_000_000)
    masked = Masker(MaskPolicy(), max_record_bytes=limit).mask(batch)
    assert record_hashes(recompute(masked.records).records).equals(masked.record_hashes)
    return masked.records.to_pylist()


def chat(*texts: str) -> dict[str, object]:
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": json.dumps(messages),
    }


def test_the_longest_text_is_cut_and_the_others_stay():
    (row,) = mask(chat("short", 'é\u2028\\"x' * 50_000, "jane@example.com too"))
    request = json.loads(row["request"])
    first, long, last = (message["parts"][0]["content"] for message in request["messages"])
    assert first == "short"
    assert last == "[EMAIL] too"
    assert long.endswith(MARK)
    assert long.removesuffix(MARK).strip('é\u2028\\"x') == ""
    assert LIMIT * 0.9 < len(row["request"].encode()) <= LIMIT
    assert "\u2028" not in row["request"]
    assert {"path": "request", "reason": "too-large"} in row["masking"]["dropped"]


def test_long_texts_share_what_there_is():
    (row,) = mask(chat("a" * 90_000, "b" * 90_000, "c" * 100))
    lengths = [len(m["parts"][0]["content"]) for m in json.loads(row["request"])["messages"]]
    assert lengths[2] == 100
    assert abs(lengths[0] - lengths[1]) < 10
    assert 90_000 < sum(lengths) <= LIMIT


def test_only_the_record_that_is_too_large_is_touched():
    rows = mask(chat("fine"), chat("x" * 200_000), chat("fine, too"))
    assert [row["masking"]["dropped"] is not None for row in rows] == [False, True, False]


def test_very_many_texts_lose_the_field():
    (row,) = mask(chat(*["x" * 500] * 1000))
    assert row["request"] is None
    assert {"path": "request", "reason": "too-large"} in row["masking"]["dropped"]
    assert row["modelInfo"]["modelName"] == "m"


def test_texts_inside_events_are_cut():
    stack = {"exception.type": "ValueError", "exception.stacktrace": "frame\n" * 50_000}
    (row,) = mask(chat("hello"), events=[("exception", stack)])
    (event,) = row["events"]
    assert len(event["attributes"]) <= LIMIT
    assert {"path": "events", "reason": "too-large"} in row["masking"]["dropped"]


@pytest.mark.parametrize("size", [10_000_000])
def test_ten_megabytes_become_one_within_the_default_bound(size):
    (row,) = mask(chat("x" * size), limit=1 << 20)
    assert len(row["request"]) <= 1 << 20
