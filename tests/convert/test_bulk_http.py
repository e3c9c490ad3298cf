"""Where old names, new names and URLs of one span differ, columns in bulk keep what rows keep."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind

from convert.building import OBSERVED, START, make_span
from otel_audit.convert import alike
from otel_audit.convert.converter import Converter
from otel_audit.convert.from_sdk import read_spans
from otel_audit.convert.rows import RowBuilder
from otel_audit.convert.spans import ResourceData, SpanData

SHOP = ResourceData({"service.name": "shop"}, "scope", "1")

OK = {"http.method": "GET", "http.status_code": 200}

CASES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a port belongs to its host": (
        "server",
        [{"server.address": "a", "http.host": "b:81"}, {"server.address": "b", "http.host": "b:81"}],
    ),
    "a port may differ where the host does not": (
        "server",
        [{"net.host.port": 80, "http.host": "b:81"}, {"net.host.port": 81, "http.host": "b:81"}],
    ),
    "the other URL fills what the first leaves open": (
        "client",
        [
            {"url.full": "http://a/x", "http.url": "http://a/x?q=1"},
            {"url.full": "http://a/x?q=1", "http.url": "http://a/x?q=2"},
            {"url.full": "/x", "http.url": "https://b:8080/x"},
        ],
    ),
    "two URLs that are one": (
        "client",
        [
            {"url.full": "http://u:p@a/x", "http.url": "http://u:p@a/x"},
            {"url.full": "http://u:p@a/x", "http.url": "http://v:p@a/x"},
        ],
    ),
    "what a URL says beyond its parts": (
        "client",
        [{"http.url": url} for url in ("http://a/x#f", "http://u@a/x", "http://a/x", "http://a:/x", "a", "HTTPS://[::1]:9")],
    ),
    "a query that a URL redacts": (
        "server",
        [
            {"url.query": "sig=1", "http.url": "http://a/x?sig=REDACTED"},
            {"url.query": "sig=%31", "http.url": "http://a/x?sig=1"},
            {"url.query": "sig=1", "http.url": "http://a/x?sig=2"},
        ],
    ),
    "paths and queries of a target": (
        "server",
        [{"http.target": target} for target in ("/a?b=http://x/?c", "/a", "/a#f", "http://h/a?b", "a?", "*")],
    ),
    "a target beside a path": (
        "server",
        [{"url.path": "/a", "http.target": "/a?x=1"}, {"url.path": "/b", "http.target": "/a?x=1"}],
    ),
    "methods and codes that differ": (
        "server",
        [
            {"http.request.method": "GET", "http.response.status_code": 404},
            {"http.request.method": "PUT", "http.response.status_code": 200},
        ],
    ),
    "peers of a server": (
        "server",
        [
            {"client.address": "jane@x", "http.client_ip": "1.2.3.4", "net.peer.ip": "1.2.3.4:80"},
            {"client.address": "1.2.3.4", "http.client_ip": "1.2.3.5", "net.peer.ip": "[::1]:80"},
            {"client.address": "::1", "http.client_ip": "jane@x", "net.peer.ip": "[::1]:80"},
        ],
    ),
    "peers of a client": (
        "client",
        [
            {"network.peer.address": "1.2.3.4", "net.peer.ip": "1.2.3.4", "client.address": "9.9.9.9"},
            {"network.peer.address": "1.2.3.4", "net.peer.ip": "1.2.3.5", "client.address": "9.9.9.9"},
        ],
    ),
    "names without a field": (
        "server",
        [
            {"http.flavor": "1.1", "network.protocol.version": "1.1", "net.peer.port": 5, "client.port": 5},
            {"http.flavor": "1.1", "network.protocol.version": "2", "net.peer.port": 5, "client.port": 6},
        ],
    ),
    "a user whom a header claims": (
        "server",
        [{"http.request.header.x_user": ["u1"]}, {"http.request.header.x_user": [" u2 "]}],
    ),
}  # fmt: skip

ROWS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a header beside an attribute": ("server", [{"http.request.header.x_user": ["u1"], "user.id": "u2"}]),
    "two headers": (
        "server",
        [{"http.request.header.x_user": ["u1"], "http.request.header.x_forwarded_user": ["u2"]}],
    ),
    "baggage": ("server", [{"http.request.header.baggage": ["user.id=u1"]}]),
    "a header that is empty": ("server", [{"http.request.header.x_user": [" "]}]),
    "a method in small letters": ("server", [{"http.request.method": "get"}]),
    "a port as text": ("server", [{"net.host.port": "80"}]),
    "an empty old name": ("client", [{"http.url": ""}]),
}


def convert(spans: list[SpanData], fewest: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], int]:
    """Returns the records, and how many of them were rows."""
    made: list[SpanData] = []
    span_row = RowBuilder.span_row

    def counted(self: RowBuilder, span: SpanData, *arguments: Any) -> Any:
        made.append(span)
        return span_row(self, span, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(alike, "FEWEST", fewest)
        patched.setattr(RowBuilder, "span_row", counted)
        records = Converter().convert(copy.deepcopy(spans), observed_unix_nano=OBSERVED).records
    return records.to_pylist(), len(made)


def made_of(kind: str, cases: list[dict[str, Any]]) -> list[SpanData]:
    # Four of each, so that no case has a lot of its own where lots are tried.
    return [
        make_span(
            kind, attributes=copy.deepcopy({**OK, **attributes}), resource=SHOP, span_id=f"{number:016x}"
        )
        for number, attributes in enumerate(cases * 4, 1)
    ]


@pytest.mark.parametrize("name", CASES)
def test_what_differs_is_kept_in_bulk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = made_of(*CASES[name])
    bulk, rows_of_bulk = convert(spans, 1, monkeypatch)
    rows, count = convert(spans, 10**9, monkeypatch)
    assert bulk == rows
    assert (rows_of_bulk, count) == (0, len(spans))


@pytest.mark.parametrize("name", ROWS)
def test_what_columns_cannot_say_goes_by_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = made_of(*ROWS[name])
    bulk, rows_of_bulk = convert(spans, 1, monkeypatch)
    rows, _ = convert(spans, 10**9, monkeypatch)
    assert bulk == rows
    assert rows_of_bulk == len(spans)


def test_a_value_that_is_left_out_still_leaves_its_note(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = BoundedAttributes(None, {}, immutable=False)
    # What an SDK that does not check would hold: the peer says the client's address and a lone surrogate.
    bounded._dict = {**OK, "client.address": "::1", "net.peer.ip": "[::1]\ud800"}  # type: ignore[assignment]
    spans = [
        ReadableSpan(
            "n",
            SpanContext(number, number, False),
            kind=SpanKind.SERVER,
            resource=Resource({"service.name": "shop"}),
            attributes=bounded,
            # As spans of a tracer have them: what is made by hand is read through public properties.
            events=BoundedList(None),
            links=BoundedList(None),
            start_time=START,
            end_time=START + 5,
            instrumentation_scope=InstrumentationScope("s", "1"),
        )
        for number in range(1, 5)
    ]
    monkeypatch.setattr(alike, "FEWEST", 1)
    records = Converter().convert(read_spans(spans), observed_unix_nano=OBSERVED).records
    assert records.column("attributes").to_pylist() == ['{"audit.notes":["surrogates-replaced"]}'] * 4
