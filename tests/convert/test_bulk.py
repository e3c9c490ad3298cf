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
from opentelemetry.sdk.util import BoundedList
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

_URLS = [
    "http://a.example:8080/a?a=1", "http://a.example:8080/a?a=REDACTED", "https://b.example/a", "http://[::1]:80/a",
    "http://u:p@a.example:8080/a?a=1", "http://a.example:8080/a?a=1#f", "/a?a=1", "jane@x", "http://a.example",
    "HTTP://A.example:99999/a??a=1", "http://a.example:/a", "http://a.example:8080?a=1", "ü://ö/ä?ß", "", 7,
]  # fmt: skip

OLD_SERVER: dict[str, list[Any]] = {
    "http.method": ["GET", "POST", "_OTHER", "get", "", 5],
    "http.request.method": ["GET", "PUT"],
    "http.scheme": ["http", "https", "jane@x", ""],
    "url.scheme": ["http", "https"],
    "http.target": ["/a?a=1", "/a", "/b?a=%31", "/a?b=http://x/?c", "/a#f", "http://h/a", "", "a"],
    "url.path": ["/a", "/b"],
    "url.query": ["a=1", "a=%31", "?a=1"],
    "http.route": ["/a", "/{id}"],
    "http.status_code": [200, 404, 500, 0, -1, "200", True, 2**40],
    "http.response.status_code": [200, 500],
    "net.host.name": ["a.example:8080", "a.example", "[::1]:80", ":80", "b.example:81", 7, ""],
    "http.host": ["a.example:8080", "b.example", "", "c:1:2"],
    "http.server_name": ["a.example", "0.0.0.0", "a.example:81"],
    "server.address": ["a.example:8080", "a.example", ":80"],
    "net.host.port": [8080, 80, "8080", 99_999, True],
    "server.port": [8080, 81],
    "net.peer.ip": ["203.0.113.7", "203.0.113.8:99", "jane@x", "", None, "[::1]x", 5],
    "net.sock.peer.addr": ["203.0.113.7", "::1", "unix"],
    "http.client_ip": ["203.0.113.7", "198.51.100.1"],
    "client.address": ["203.0.113.7", "203.0.113.7:80", "host", "jane@x"],
    "network.peer.address": ["203.0.113.7", "10.0.0.1"],
    "net.peer.port": [50_000, 50_001, "50000", None],
    "client.port": [50_000, 50_001, 50_000.0, True],
    "http.user_agent": ["curl/8", "jane"],
    "user_agent.original": ["curl/8", "jane"],
    "http.flavor": ["1.1", "2", "", 1, [1]],
    "network.protocol.version": ["1.1", "2", 1, 1.0],
    "http.request_content_length": [5, 2**60, -1],
    "http.response_content_length": [6],
    "http.url": _URLS,
    "http.request.header.x_user_id": [["u1"], [" u2 "], [" "], ["u1", "u2"], ["x" * 300]],
    "http.request.header.baggage": [["user.id=u3"]],
    "enduser.id": ["u1", "u4"],
}

CLIENT: dict[str, list[Any]] = {
    "http.method": ["GET", "PURGE"],
    "http.url": _URLS,
    "url.full": _URLS,
    "url.template": ["/a", "/{id}", ""],
    "http.host": ["a.example", "a.example:8080", "b.example"],
    "net.peer.name": ["a.example", "10.0.0.1"],
    "server.address": ["a.example", "a.example:8080"],
    "net.peer.port": [8080, 80, "80"],
    "server.port": [8080, 80],
    "net.peer.ip": ["10.0.0.1", "10.0.0.2"],
    "network.peer.address": ["10.0.0.1", "10.0.0.2", 5],
    "client.address": ["10.0.0.3", "x"],
    "net.sock.peer.port": [8080, 81],
    "network.peer.port": [8080],
    "http.status_code": [200, 500],
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


NEEDED = ("http.request.method", "http.method", "http.status_code", "gen_ai.operation.name")


@st.composite
def similar_spans(draw: st.DrawFn) -> list[SpanData]:
    """Spans of one shape, most of them ordinary."""
    table = draw(st.sampled_from([HTTP, CHAT, OLD_SERVER, CLIENT]))
    names = draw(st.permutations([name for name in table if name in NEEDED or draw(st.booleans())]))
    kind = draw(st.sampled_from(["server", "client"]))
    # Where nearly all spans are odd, no columns are tried; where few are, two values hardly ever differ.
    often = draw(st.sampled_from([0, 2, 9]))
    spans = []
    for number in range(draw(st.integers(1, 12))):
        odd = draw(st.integers(0, 9)) <= often
        attributes = {
            name: copy.deepcopy(
                draw(st.sampled_from(table[name][: 2 if often == 9 else None])) if odd else table[name][0]
            )
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


_SDK_OLD_VALUES: dict[str, list[Any]] = {
    "http.method": ["GET", _Shade.RED, "G\ud800T"],
    "http.status_code": [200, True, HTTPStatus.NOT_FOUND],
    "http.url": ["http://a:80/x?q=1", "http://a:80/\ud800", "http://\u2028/", _Shade.RED, b"http://a:80/x"],
    "http.target": ["/x?q=1", "/x?q=\ud800", ("/x",)],
    "http.host": ["a:80", "[a]\ud800", _Shade.RED],
    "net.peer.ip": ["203.0.113.7", "[203.0.113.7]\ud800", None],
    "client.address": ["203.0.113.7", "\ud800"],
    "net.peer.port": [5, HTTPStatus.OK, True, 5.0],
    "client.port": [5, HTTPStatus.OK, 5.0, (5,)],
    "http.flavor": ["1.1", "\ud800", _Shade.RED],
    "network.protocol.version": ["1.1", "\ud800", _Shade.RED],
    "http.request.header.x_user": [("u1",), ("\ud800",), (_Shade.RED,)],
}


@st.composite
def similar_sdk_spans(draw: st.DrawFn) -> list[ReadableSpan]:
    """Ended spans of one shape as the SDK holds them, some with a value that is no plain one."""
    table, of = draw(
        st.sampled_from(
            [
                (_SDK_VALUES, ("http.", "url.", "client.")),
                (_SDK_VALUES, ("gen_ai.",)),
                (_SDK_OLD_VALUES, ("",)),
            ]
        )
    )
    names = [name for name in table if name.startswith((*of, "enduser.", "custom"))]
    spans = []
    for number in range(draw(st.integers(1, 12))):
        attributes = {
            name: draw(st.sampled_from(table[name])) if draw(st.integers(0, 30)) == 0 else table[name][0]
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
            # As spans of a tracer have them: what is made by hand is read through public properties.
            events=BoundedList(None),
            links=BoundedList(None),
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


LEFT_OUT = {
    "http": (),
    "old": ("http.request.header.baggage", "enduser.id"),
    "client": (),
    "chat": ("session.id", "http.response.status_code", "user.id"),
}
"""What needs a row: a second claim to an identity, and what a call says beside its dialect."""


@pytest.mark.parametrize("variant", [0, 1])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_ordinary_spans_do_go_in_bulk(name: str, variant: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RowBuilder, "span_row", None)
    table = {"http": HTTP, "old": OLD_SERVER, "client": CLIENT, "chat": CHAT}[name]
    plain = {key: values for key, values in table.items() if key not in LEFT_OUT[name]}
    # The second values of some names differ from what others say; whatever is told twice is compared.
    attributes = {
        key: values[variant % len(values)] if key.startswith(("http.host", "net.", "url.full")) else values[0]
        for key, values in plain.items()
    }
    kind = "client" if table is CLIENT else "server"
    spans = [
        make_span(kind, attributes=dict(attributes), resource=SHOP, span_id=f"{n:016x}") for n in range(1, 41)
    ]
    records = Converter().convert(spans, observed_unix_nano=OBSERVED).records
    assert records.num_rows == 40
    assert "audit.unreadable" not in records.column("eventName").to_pylist()


@pytest.mark.parametrize("name", ["http_old_default", "http_dup", "http_new", "http_new_headers"])
def test_http_spans_of_every_convention_go_in_bulk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SpanData] = []

    def counted(self: RowBuilder, span: SpanData, *_: Any) -> None:
        made.append(span)

    monkeypatch.setattr(RowBuilder, "span_row", counted)
    (path,) = (path for path in CORPUS if path.stem == name)
    read = [span for export in read_file(path) for span in export.spans]
    coded = [span for span in read if not span.events and span.kind != "internal"]
    assert len({span.resource.scope_name for span in coded}) == 5
    spans = [copy.copy(span) for span in coded for _ in range(alike.FEWEST)]
    options = ConvertOptions(bound_event_time=False)
    records = Converter(options).convert(spans, observed_unix_nano=OBSERVED).records
    assert made == []
    assert records.num_rows == len(spans)
