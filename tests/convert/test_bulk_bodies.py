"""Spans with captured bodies become columns too, and say the same as rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.building import OBSERVED, START, make_span
from convert.test_bulk_users import ACTORS, HTTP, SHOP, make_notes
from otel_audit.convert import alike, converter
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import CaptureOptions, CaptureRule, ConvertOptions
from otel_audit.convert.rows import RowBuilder
from otel_audit.convert.span_notes import Body, SpanNotes
from otel_audit.convert.spans import SpanData

BOTH = CaptureOptions(request_body=True, response_body=True, max_body_bytes=64)
JSON = Body(b'{"n": 1}', "application/json")
BODIES = (
    JSON, Body(b"a=1&b=2", "application/x-www-form-urlencoded"), Body(b"text", "text/plain"), Body(), None,
    Body(b'{"user": "ceo"}', "application/json"), Body(b"\x00\x01", "image/png"), Body(b'{"n": ', "application/json"),
    Body(b'{"a": "' + b"x" * 90 + b'"}', "application/json"), Body(b"ab", "text/plain", cut_at=2),
    Body(b"ab", "text/plain", is_open=True), Body(withheld="memory"), Body("ü".encode("latin-1"), "text/plain"),
)  # fmt: skip


def numbered(
    number: int, notes: SpanNotes | None, attributes: dict[str, Any] | None = None, kind: str = "server"
) -> SpanData:
    return make_span(
        kind, attributes={**HTTP, **(attributes or {})}, notes=notes, span_id=f"{number + 1:016x}", resource=SHOP
    )  # fmt: skip


def convert(spans: list[SpanData], capture: CaptureOptions = BOTH) -> list[dict[str, Any]]:
    batch = Converter(ConvertOptions(capture=capture)).convert(spans, observed_unix_nano=OBSERVED).records
    batch.validate(full=True)
    return batch.to_pylist()


def rows_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Span ids of rows made from now on."""
    made: list[str] = []
    build = RowBuilder.span_row

    def watched(self: RowBuilder, span: SpanData, *args: Any) -> Any:
        made.append(span.span_id)
        return build(self, span, *args)

    monkeypatch.setattr(converter.RowBuilder, "span_row", watched)
    return made


def test_plain_bodies_cost_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows_of(monkeypatch)
    spans = [numbered(number, make_notes(request=JSON, response=JSON)) for number in range(40)]
    records = convert(spans)
    assert (
        {record["request"] for record in records} == {record["response"] for record in records} == {'{"n":1}'}
    )
    assert {record["capture"]["state"] for record in records} == {"complete"}
    assert made == []


def test_one_that_is_cut_costs_its_own_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rows_of(monkeypatch)
    spans = [numbered(number, make_notes(response=JSON)) for number in range(40)]
    spans[7].notes = make_notes(response=Body(b"ab", "text/plain", cut_at=2))
    assert convert(spans)[7]["capture"]["responseTruncatedAt"] == 2
    assert made == [spans[7].span_id]


def test_rules_by_route_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = CaptureOptions(response_body=True, rules=(CaptureRule(route="/x", response_body=False),))
    spans = [numbered(number, make_notes(response=JSON)) for number in range(40)]
    assert {record["response"] for record in convert(spans, capture)} == {None}


@st.composite
def similar_spans(draw: st.DrawFn) -> list[SpanData]:
    extra = draw(st.sampled_from([{}, {}, {"session.id": "s"}, {"http.request.body": '{"own": 1}'}]))
    kind = draw(st.sampled_from(["server", "client"]))
    users = draw(st.sampled_from([(), ((START, ACTORS[0]),)]))
    usual = draw(st.sampled_from([(JSON, JSON), (None, JSON)]))
    spans = []
    for number in range(draw(st.integers(1, 12))):
        request, response = draw(st.sampled_from([usual, usual, usual, (None, None)])) or usual
        if draw(st.integers(0, 4)) == 0:
            request, response = draw(st.sampled_from(BODIES)), draw(st.sampled_from(BODIES))
        notes = make_notes(*users, request=request, response=response)
        spans.append(numbered(number, notes if notes else None, extra, kind))
    return spans


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spans=similar_spans())
def test_columns_say_what_rows_say(spans: list[SpanData], monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    for fewest in (1, 10**9):
        monkeypatch.setattr(alike, "FEWEST", fewest)
        copies = [
            make_span(
                span.kind,
                attributes=dict(span.attributes),
                notes=span.notes,
                span_id=span.span_id,
                resource=SHOP,
            )
            for span in spans
        ]
        batches.append(convert(copies))
    assert batches[0] == batches[1]
    assert len(batches[0]) == len(spans)
