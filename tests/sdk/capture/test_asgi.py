"""ASGI applications: each message passes on at once and as it is, and is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import fastapi
import pytest
from fastapi.testclient import TestClient
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

import otel_audit

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}


class _Server:
    """Calls an application with these messages, and keeps what it sends."""

    def __init__(self, app: Any, *messages: dict[str, Any], **scope: Any) -> None:
        self.app, self.messages, self.sent = app, list(messages), []
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/x",
            "raw_path": b"/x", "query_string": b"", "root_path": "", "scheme": "http", "headers": [],
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1234), **scope,
        }  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def run(self) -> list[dict[str, Any]]:
        asyncio.run(self.app(self.scope, self.receive, self.send))
        return self.sent


def _served(log, app: Any, *messages: dict[str, Any], **scope: Any) -> _Server:
    # Without the spans of single messages, which are no records.
    instrumented = OpenTelemetryMiddleware(
        app, tracer_provider=log.provider, exclude_spans=["receive", "send"]
    )
    return _Server(instrumented, *messages, **scope)


def _request(*chunks: bytes) -> list[dict[str, Any]]:
    last = len(chunks) - 1
    return [
        {"type": "http.request", "body": chunk, "more_body": index < last}
        for index, chunk in enumerate(chunks)
    ]


def _body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _answering(*messages: dict[str, Any], reads: int = 1) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(reads):
            await receive()
        for message in messages:
            await send(message)

    return app


TYPED = {"headers": [(b"content-type", b"text/plain")]}


def test_what_went_in_and_what_came_out(open_log):
    log = open_log()
    messages = [START, _body(b"one ", more=True), _body(b"jane@example.com")]
    server = _served(log, _answering(*messages, reads=2), *_request(b"a", b"b"), **TYPED)
    assert all(sent is message for sent, message in zip(server.run(), messages, strict=True))
    record = log.record()
    assert (record["request"], record["response"]) == ("ab", "one [EMAIL]")
    assert record["capture"]["state"] == "complete"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_no_http_passes_untouched(open_log, kind):
    log, got = open_log(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append((scope, receive, send))

    server = _Server(otel_audit.AuditASGIMiddleware(app), type=kind)
    server.run()
    ((scope, receive, send),) = got
    assert scope is server.scope
    assert (receive, send) == (server.receive, server.send)
    assert scope.keys() == _Server(app, type=kind).scope.keys()
    log.installation.uninstall()


def test_only_what_is_captured_is_wrapped(open_log):
    log, got = open_log({"response_body": True}), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append((receive, send))

    server = _Server(otel_audit.AuditASGIMiddleware(app))
    server.run()
    ((receive, send),) = got
    assert receive == server.receive
    assert send != server.send
    log.installation.uninstall()


@pytest.mark.parametrize(
    ("headers", "version", "cut_at"),
    [
        ([], "1.1", None),
        ([(b"content-length", b"0")], "1.1", None),
        ([(b"Content-Length", b"5")], "1.1", 0),
        ([(b"transfer-encoding", b"chunked")], "1.1", 0),
        ([], "2", 0),
    ],
)
def test_a_body_that_nobody_asked_for_is_missed_only_where_there_may_be_one(
    open_log, headers, version, cut_at
):
    log = open_log()
    _served(log, _answering(START, _body(b"x"), reads=0), headers=headers, http_version=version).run()
    assert log.record()["capture"]["requestTruncatedAt"] == cut_at


def test_a_body_that_was_not_announced_is_recorded_if_it_comes(open_log):
    log = open_log()
    _served(log, _answering(START, _body(b"x")), *_request(b"hello"), **TYPED).run()
    record = log.record()
    assert (record["request"], record["capture"]["requestTruncatedAt"]) == ("hello", None)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_what_has_no_body_has_none(open_log, method, status):
    log = open_log()
    _served(log, _answering({**START, "status": status}, _body(b"not sent")), method=method).run()
    record = log.record()
    assert (record["response"], record["capture"]["state"]) == (None, "complete")


def test_an_application_that_fails_fails_as_before(open_log):
    log = open_log()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(_body(b"x" * 300, more=True))
        raise RuntimeError("own")

    with pytest.raises(RuntimeError, match="own"):
        _served(log, app).run()
    record = log.record()
    assert record["capture"]["responseTruncatedAt"] == 300
    assert record["response"] == "x" * 44


def test_a_client_that_goes_away_is_heard_of_as_before(open_log):
    log, heard = open_log(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])

    _served(log, app, {"type": "http.request", "body": b"half", "more_body": True}, **TYPED).run()
    assert heard == ["http.request", "http.disconnect"]
    assert log.record()["capture"]["requestTruncatedAt"] == 4


def test_a_body_that_never_ends_is_recorded_once_enough_of_it_went_by(open_log):
    log = open_log({"response_body": True, "max_body_bytes": 1000, "hold": "1h"})
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send(START)
        for _ in range(5_000):
            await send(_body(b"y" * 100, more=True))
            sent += 1

    _served(log, app).run()
    record = log.record()
    assert sent == 5_000
    assert record["capture"]["responseTruncatedAt"] == 1000
    assert record["capture"]["state"] == "complete"


def test_a_file_that_the_server_sends_by_itself_is_noted(open_log):
    log = open_log()
    _served(log, _answering(START, {"type": "http.response.pathsend", "path": "/etc/hostname"})).run()
    assert log.record()["attributes"]["audit.notes"] == ["body-sent-as-file"]


def test_headers_of_any_shape_pass_as_they_are(open_log):
    log = open_log({"request_headers": ["*"], "response_headers": ["*"], "response_body": True})
    headers = [(b"\xff", b"\xff"), (b"", b""), (b"x-mail", b"jane@example.com"), (b"Content-Type", b"\x00")]
    once = _Server(otel_audit.AuditASGIMiddleware(_answering({**START, "headers": iter(headers)})))
    assert list(once.run()[0]["headers"]) == headers
    sent = _served(log, _answering({**START, "headers": headers}, _body(b"x")), headers=headers * 100).run()
    assert sent[0]["headers"] is headers
    record = log.record()
    assert record["responseHeaders"]["x-mail"] == ["[EMAIL]"]
    assert "jane@" not in str(record)


def test_requests_beside_each_other_keep_their_own(open_log):
    log = open_log()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await asyncio.gather(*(asyncio.to_thread(len, b"") for _ in range(3)))
        await send(START)
        await send(_body(b"re " + body))

    async def all_at_once() -> None:
        servers = [_served(log, app, *_request(b"%d" % n), **TYPED) for n in range(50)]
        await asyncio.gather(*(server.app(server.scope, server.receive, server.send) for server in servers))

    asyncio.run(all_at_once())
    answers = {record["request"]: record["response"] for record in log.records()}
    assert answers == {str(n): f"re {n}" for n in range(50)}


def _framework(first: str, log: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    @app.post("/orders/{number}")
    def order(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {"number": number, **body}

    @app.get("/stream")
    async def stream() -> fastapi.responses.StreamingResponse:
        async def parts() -> Any:
            yield b"one "
            yield b"two"

        return fastapi.responses.StreamingResponse(parts(), media_type="text/plain")

    FastAPIInstrumentor.instrument_app(app, tracer_provider=log.provider, exclude_spans=["receive", "send"])
    return app


@pytest.mark.parametrize("order", ["we first", "the instrumentation first"])
def test_fastapi_needs_nothing_whoever_came_first(open_log, order):
    log = open_log() if order == "we first" else open_log({})
    app = _framework(order, log)
    if order != "we first":
        log.installation.uninstall()
        provider = log.provider
        log = open_log()
        provider.add_span_processor(log.installation._processor)
    with TestClient(app) as client:
        assert client.post("/orders/7", json={"mail": "jane@example.com"}).json()["number"] == 7
        assert client.get("/stream").text == "one two"
    found = {record["route"]: (record["request"], record["response"]) for record in _http(log.records())}
    assert found == {
        "/orders/{number}": ({"mail": "[EMAIL]"}, {"number": 7, "mail": "[EMAIL]"}),
        "/stream": (None, "one two"),
    }


def _http(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records if record["eventName"] == "http.server"]
