"""Whether it worked: the order in which the signs count."""

from __future__ import annotations

from typing import Any

import pytest

from convert.building import exception, make_span, record_of

HTTP = {"http.request.method": "GET"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


@pytest.mark.parametrize(
    ("attributes", "fields", "outcome"),
    [
        ({**HTTP, "http.response.status_code": 200}, {}, "success"),
        ({**HTTP, "http.response.status_code": 200}, {"status": 2}, "failure"),
        ({**HTTP, "http.response.status_code": 200}, {"events": [exception()]}, "failure"),
        ({**HTTP, "http.response.status_code": 200}, {"events": [exception()], "status": 1}, "success"),
        ({**HTTP, "http.response.status_code": 404}, {"status": 1}, "failure"),
        ({**HTTP, "http.response.status_code": 500, "audit.outcome": "success"}, {}, "success"),
        (HTTP, {}, "unknown"),
        (HTTP, {"status": 1}, "success"),
        ({**HTTP, "error.type": "timeout"}, {}, "failure"),
        (CHAT, {}, "success"),
        ({**CHAT, "error.type": "rate_limit_error"}, {}, "failure"),
        ({**CHAT, "gen_ai.response.finish_reasons": ["error"]}, {}, "failure"),
        ({**CHAT, **HTTP, "http.response.status_code": 429}, {}, "failure"),
        ({"audit.action": "X"}, {}, "success"),
        ({"audit.action": "X"}, {"status": 2}, "failure"),
    ],
)
def test_order(attributes: dict[str, Any], fields: dict[str, Any], outcome: str) -> None:
    assert record_of(make_span("client", attributes=dict(attributes), **fields))["outcome"] == outcome


def test_error_type_and_status_message_beat_the_exception() -> None:
    record = record_of(
        make_span(
            attributes={**HTTP, "error.type": "500"},
            status=2,
            status_message="ValueError: x",
            events=[exception("First", "1"), exception("Last", "2")],
        )
    )
    assert (record["errorCode"], record["errorMessage"]) == ("500", "ValueError: x")


def test_last_exception_counts() -> None:
    record = record_of(
        make_span(attributes=dict(HTTP), events=[exception("First", "1"), exception("Last", "2")])
    )
    assert (record["errorCode"], record["errorMessage"]) == ("Last", "2")
