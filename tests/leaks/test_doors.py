"""Planted at every place of a span, through both doors: nothing of it reaches a disk or a log."""

from __future__ import annotations

import json

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

import otel_audit
from leaks.artefacts import files, rows
from leaks.oracle import Oracle
from leaks.planted import PLANTED
from leaks.sentences import SENTENCES
from leaks.spans import ATTRIBUTES, make_logs, make_providers, make_spans
from leaks.written import FORMATS, Written, everything_logged, write
from otel_audit.convert.from_otlp import read_protobuf
from sdk.written import LIFE


class _Kept(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.fixture(scope="module")
def through_the_sdk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, list[str]]:
    folder = tmp_path_factory.mktemp("sdk")
    with everything_logged() as said:
        processor = otel_audit.AuditSpanProcessor(
            destination=str(folder / "log"), spool=str(folder / "spool"), rotation={"max_age": "1h"}
        )
        count = 0
        for text in SENTENCES.values():
            for provider in make_providers(text):
                kept = _Kept()
                provider.add_span_processor(processor)
                provider.add_span_processor(kept)
                make_spans(provider, text)
                count += len(kept.spans)
        assert processor._recorder._queue.flush(60)
        spooled = files(folder)
        processor.shutdown()
    return Written(spooled, files(folder), count), said


@pytest.fixture(scope="module", params=FORMATS, ids=" ".join)
def through_otlp(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Written, list[str]]:
    batches = []
    for text in SENTENCES.values():
        kept = _Kept()
        for provider in make_providers(text):
            provider.add_span_processor(kept)
            make_spans(provider, text)
        spans = read_protobuf(encode_spans(kept.spans).SerializeToString(), signal="traces").spans
        batches.append((spans, list(make_logs(text))))
    with everything_logged() as said:
        return write(tmp_path_factory.mktemp("otlp"), batches, request.param), said


def test_every_sentence_and_place_is_read_where_nothing_is_masked() -> None:
    oracle = Oracle()
    for planted, text in SENTENCES.items():
        for place, (_, make) in ATTRIBUTES.items():
            found = {
                leak.planted for leak in oracle.leaks([(place, json.dumps(make(text), default=bytes.decode))])
            }
            assert planted.name in found, place
    assert set(SENTENCES) == set(PLANTED)


def assert_clean(on_disk: Written, said: list[str]) -> None:
    for moment in (on_disk.spooled, on_disk.shipped):
        names = [row["eventName"] for content in moment.values() for row in rows(content)]
        assert sum(name not in LIFE for name in names) == on_disk.records
    assert [str(leak) for leak in on_disk.leaks()] == []
    assert [str(leak) for leak in Oracle().leaks(("log", line) for line in said)] == []


def test_nothing_is_read_behind_the_door_of_the_sdk(through_the_sdk) -> None:
    assert_clean(*through_the_sdk)


def test_nothing_is_read_behind_the_door_of_otlp(through_otlp) -> None:
    assert_clean(*through_otlp)
