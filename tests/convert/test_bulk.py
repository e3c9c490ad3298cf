"""Columns in bulk give what rows give, span by span, for ordinary spans and for everything beside them."""

from __future__ import annotations

import copy
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind

from convert.building import OBSERVED, START, exception, make_span
from otel_audit.convert import alike
from otel_audit.convert.converter import Converter
from otel_audit.convert.from_sdk import read_spans
from otel_audit.convert.options import ConvertOptions, ModelEndpoint
from otel_audit.convert.otlp_files import read_file
from otel_audit.convert.rows import RowBuilder
from otel_audit.convert.spans import ResourceData, SpanData

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.json"))

SHOP = ResourceData({"service.name": "shop", "service.version": "1"}, "scope", "1")

HTTP: dict[str, list[Any]] = {
    "http.request.method": ["GET", "POST", "_OTHER", "get", ""],
    "url.scheme": ["https", "http", "jane@x"],
    "url.path": ["/a", "/b"],
    "url.query": ["a=1", "?a=1", ""],
    "http.route": ["/a", "/{id}"],
    "http.response.status_code": [200, 404, 500, 0, -1, "200", True],
    "server.address": ["a.example", "127.0.0.1:8821", "[::1]:80", 7],
    "server.port": [443, 99_999],
    "client.address": ["203.0.113.7", "::1", "host", "jane@x", None],
    "enduser.id": ["u1", "", 42, "x" * 300],
    "http.request.header.accept": [["a"], ["a", "b"], [], "a", [1]],
    "http.request.header.x_request_id": [["r"], [""]],
    "http.response.header.x_request_id": [["s"]],
    "network.protocol.version": ["1.1", 2, 0.0, -0.0, True, 1, 1.5, float("nan"), b"x", [1], 2**60],
    "network.peer.address": ["10.0.0.1"],
    "error.type": ["500"],
}

CHAT: dict[str, list[Any]] = {
    "gen_ai.operation.name": ["chat"],
    "gen_ai.provider.name": ["openai"],
    "gen_ai.request.model": ["m", "n"],
    "gen_ai.usage.input_tokens": [5, 2**60],
    "gen_ai.response.id": ["r1"],
    "gen_ai.response.finish_reasons": [["stop"], ["error"]],
    "gen_ai.input.messages": ['[{"role":"user","parts":[{"type":"text","content":"hi"}]}]', "broken"],
    "server.address": ["llm"],
    "enduser.id": ["u1"],
    "user.id": ["u2"],
    "session.id": ["s"],
    "error.type": ["timeout"],
    "http.response.status_code": [429],
    "custom": [1, "x"],
}


@st.composite
def similar_spans(draw: st.DrawFn) -> list[SpanData]:
    """Spans of one shape, most of them ordinary."""
    table = draw(st.sampled_from([HTTP, CHAT]))
    optional = [name for name in table if name not in ("http.request.method", "gen_ai.operation.name")]
    names = [name for name in table if name not in optional]
    names += draw(st.lists(st.sampled_from(optional), unique=True))
    kind = draw(st.sampled_from(["server", "client"]))
    spans = []
    for number in range(draw(st.integers(1, 12))):
        odd = draw(st.integers(0, 9)) == 0
        attributes = {
            name: copy.deepcopy(draw(st.sampled_from(table[name])) if odd else table[name][0])
            for name in names
        }
        fields: dict[str, Any] = {
            "span_id": f"{number + 1:016x}",
            "status": draw(st.sampled_from([0, 0, 0, 1, 2])),
        }
        if draw(st.integers(0, 9)) == 0:
            fields |= draw(
                st.sampled_from(
                    [
                        {"events": [exception()]}, {"status_message": "m"}, {"trace_id": "abc"},
                        {"start_unix_nano": 0}, {"end_unix_nano": START - 1}, {"start_unix_nano": 1},
                        {"dropped_links": 1}, {"parent_span_id": ""}, {"oddities": ["wrong-type"]}, {"name": ""},
                    ]
                )
            )  # fmt: skip
        spans.append(make_span(kind, attributes=attributes, resource=SHOP, **fields))
    return spans


def both_ways(
    spans: list[SpanData], monkeypatch: pytest.MonkeyPatch, options: ConvertOptions | None = None
) -> tuple[Any, Any]:
    batches = []
    for fewest in (1, 10**9):
        monkeypatch.setattr(alike, "FEWEST", fewest)
        # A copy keeps one resource object for all, as a door does.
        given = copy.deepcopy(spans)
        batches.append(Converter(options).convert(given, observed_unix_nano=OBSERVED).records)
    return batches[0], batches[1]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(spans=similar_spans())
def test_bulk_gives_what_rows_give(spans: list[SpanData], monkeypatch: pytest.MonkeyPatch) -> None:
    bulk, rows = both_ways(spans, monkeypatch)
    bulk.validate(full=True)
    assert bulk.to_pylist() == rows.to_pylist()


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(spans=similar_spans())
def test_bulk_gives_what_rows_give_where_settings_name_routes(
    spans: list[SpanData], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ConvertOptions(
        models=(ModelEndpoint("/b", "churn", "3"), ModelEndpoint("127.0.0.1/*", "local")),
        route_actions=(("/{id}", "look"),),
    )
    bulk, rows = both_ways(spans, monkeypatch, options)
    assert bulk.to_pylist() == rows.to_pylist()


def test_only_spans_of_a_named_route_need_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SpanData] = []
    span_row = RowBuilder.span_row

    def counted(self: RowBuilder, span: SpanData, *arguments: Any) -> Any:
        made.append(span)
        return span_row(self, span, *arguments)

    monkeypatch.setattr(RowBuilder, "span_row", counted)
    spans = [
        make_span(attributes={"http.request.method": "POST", "url.path": "/m" if n % 10 == 0 else "/x",
                              "http.response.status_code": 200}, resource=SHOP, span_id=f"{n:016x}")
        for n in range(1, 101)
    ]  # fmt: skip
    options = ConvertOptions(models=(ModelEndpoint("/m", "churn"),))
    records = Converter(options).convert(spans, observed_unix_nano=OBSERVED).records
    assert len(made) == 10
    assert records.column("stream").to_pylist() == ["platform"] * 90 + ["model-io"] * 10


class _Shade(StrEnum):
    RED = "red"


_SDK_VALUES: dict[str, list[Any]] = {
    "http.request.method": ["GET", _Shade.RED, "G\ud800T"],
    "http.response.status_code": [200, True, HTTPStatus.NOT_FOUND, 2**70],
    "url.path": ["/a", "/\udfff", "/é", _Shade.RED, b"/x", ("/",)],
    "http.route": ["/a", "", "/\u2028"],
    "client.address": ["203.0.113.7", "\ud800"],
    "enduser.id": ["u1", "ü", "\ud800", _Shade.RED],
    "http.request.header.accept": [("a",), ("a", "b"), (), ("\ud800",), (None,), "a", (_Shade.RED,)],
    "custom": ["x", ("x", 1), float("nan"), b"\x00", "\ud800", _Shade.RED, 2**70, None],
    "gen_ai.operation.name": ["chat", ("chat",), "\ud800"],
    "gen_ai.request.model": ["m", "\ud800", _Shade.RED],
    "gen_ai.provider.name": ["openai", "\ud800"],
    "gen_ai.response.finish_reasons": [("stop",), ("\ud800",), (), (_Shade.RED,)],
    "gen_ai.usage.input_tokens": [5, HTTPStatus.OK, True],
    "gen_ai.request.temperature": [0.5, float("nan")],
    "gen_ai.output.messages": ['[{"role":"user","parts":[{"type":"text","content":"hi"}]}]', "\ud800"],
}  # fmt: skip


@st.composite
def similar_sdk_spans(draw: st.DrawFn) -> list[ReadableSpan]:
    """Ended spans of one shape as the SDK holds them, some with a value that is no plain one."""
    of = draw(st.sampled_from([("http.", "url.", "client."), ("gen_ai.",)]))
    names = [name for name in _SDK_VALUES if name.startswith((*of, "enduser.", "custom"))]
    spans = []
    for number in range(draw(st.integers(1, 12))):
        attributes = {
            name: draw(st.sampled_from(_SDK_VALUES[name]))
            if draw(st.integers(0, 30)) == 0
            else _SDK_VALUES[name][0]
            for name in names
        }
        bounded = BoundedAttributes(None, {}, immutable=False)
        bounded._dict = attributes  # type: ignore[assignment]  # what an SDK without checks would hold
        span = ReadableSpan(
            "n",
            SpanContext(number + 1, number + 1, False),
            kind=SpanKind.SERVER,
            resource=_RESOURCE,
            attributes=bounded,
            start_time=START,
            end_time=START + 5,
            instrumentation_scope=_SCOPE,
        )
        spans.append(span)
    return spans


_RESOURCE = Resource({"service.name": "shop"})
_SCOPE = InstrumentationScope("s", "1")


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(spans=similar_sdk_spans())
def test_bulk_looks_at_what_the_sdk_holds_as_rows_do(
    spans: list[ReadableSpan], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [repr(span.attributes) for span in spans]
    batches = []
    for fewest in (1, 10**9):
        monkeypatch.setattr(alike, "FEWEST", fewest)
        batch = Converter().convert(read_spans(spans), observed_unix_nano=OBSERVED).records
        batch.validate(full=True)
        batches.append(batch.to_pylist())
    assert batches[0] == batches[1]
    assert len(batches[0]) == len(spans)
    assert [repr(span.attributes) for span in spans] == held


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_bulk_gives_what_rows_give_on_real_spans(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = [span for export in read_file(path) for span in export.spans]
    bulk, rows = both_ways(spans, monkeypatch, ConvertOptions(bound_event_time=False))
    assert bulk.to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("table", [HTTP, CHAT], ids=["http", "chat"])
def test_ordinary_spans_do_go_in_bulk(table: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RowBuilder, "span_row", None)
    left_out = (
        ("session.id", "http.response.status_code", "user.id") if table is CHAT else ("network.peer.address",)
    )
    attributes = {name: values[0] for name, values in table.items() if name not in left_out}
    spans = [make_span(attributes=dict(attributes), resource=SHOP, span_id=f"{n:016x}") for n in range(1, 41)]
    records = Converter().convert(spans, observed_unix_nano=OBSERVED).records
    assert records.num_rows == 40
    assert "audit.unreadable" not in records.column("eventName").to_pylist()
