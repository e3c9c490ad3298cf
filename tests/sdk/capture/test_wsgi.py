"""WSGI applications: what goes by is recorded, and goes by as it would without us."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import flask
import pytest
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit.sdk.capture.memory import MEMORY

JSON = {"CONTENT_TYPE": "application/json"}


class _Server:
    """Calls an application as PEP 3333 says, and looks at what it gets."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.status, self.headers = status, headers
        return self.written.append

    def begin(self, body: bytes = b"", **environ: Any) -> Iterable[bytes]:
        full = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/x",
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
            "wsgi.input": io.BytesIO(body),
        }
        if body:
            full["CONTENT_LENGTH"] = str(len(body))
        full.update(environ)
        setup_testing_defaults(full)
        return self.app(full, self.start_response)

    def ask(self, body: bytes = b"", **environ: Any) -> bytes:
        parts = self.begin(body, **environ)
        try:
            return b"".join([*self.written, *parts])
        finally:
            if hasattr(parts, "close"):
                parts.close()


def _served(log, app: Any) -> _Server:
    """With the instrumentation that most WSGI applications have."""
    return _Server(OpenTelemetryMiddleware(app, tracer_provider=log.provider))


def _spanned(log, app: Any, route: str = "/") -> Any:
    """With a server span of its own making."""

    def spanned(environ: Any, start_response: Any) -> Any:
        attributes = {"http.request.method": "POST", "http.route": route}
        with log.tracer.start_as_current_span("served", kind=SpanKind.SERVER, attributes=attributes):
            return app(environ, start_response)

    return spanned


def _answering(*parts: bytes, headers: Iterable[tuple[str, str]] = (("Content-Type", "text/plain"),)) -> Any:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", list(headers))
        return iter(parts)

    return app


def test_what_went_in_and_what_came_out(open_log):
    log = open_log()
    server = _served(log, _answering(b"one ", b"two"))
    assert server.ask(b'{"mail": "jane@example.com"}', **JSON) == b"one two"
    record = log.record()
    assert record["request"] == {"mail": "[EMAIL]"}
    assert record["response"] == "one two"
    assert record["capture"]["state"] == "complete"


def test_nothing_is_wrapped_and_nothing_kept_while_capture_is_off(open_log):
    log = open_log({})
    before = OpenTelemetryMiddleware.__call__
    assert before.__module__ == "opentelemetry.instrumentation.wsgi"
    assert not hasattr(before, "__wrapped__")
    _served(log, _answering(b"x")).ask(b"y")
    record = log.record()
    assert (record["request"], record["response"], record["capture"]["state"]) == (None, None, "none")


def test_uninstall_puts_back_what_was_there(open_log):
    before = {owner: vars(owner)["__call__"] for owner in (flask.Flask, OpenTelemetryMiddleware)}
    log = open_log()
    assert all(vars(owner)["__call__"] is not method for owner, method in before.items())
    log.installation.uninstall()
    assert all(vars(owner)["__call__"] is method for owner, method in before.items())


def test_a_patch_over_ours_stays_and_passes_everything_on(open_log, monkeypatch):
    log = open_log()
    ours = flask.Flask.__call__

    def theirs(self: Any, *arguments: Any) -> Any:
        return ours(self, *arguments)

    monkeypatch.setattr(flask.Flask, "__call__", theirs)
    log.installation.uninstall()
    app = flask.Flask("x")
    app.get("/")(lambda: "hello")
    assert app.test_client().get("/").data == b"hello"


READS = {
    "at once": lambda stream: stream.read(),
    "by size": lambda stream: b"".join(iter(lambda: stream.read(3), b"")),
    "exactly": lambda stream: stream.read(11),
    "by line": lambda stream: b"".join(iter(stream.readline, b"")),
    "all lines": lambda stream: b"".join(stream.readlines()),
    "iterated": b"".join,
    "read1": lambda stream: b"".join(iter(lambda: stream.read1(4), b"")),
    "readinto": lambda stream: (buffer := bytearray(11), stream.readinto(buffer))[0],
    "nothing of no size": lambda stream: stream.read(0) + stream.read(11),
}


@pytest.mark.parametrize("way", READS)
def test_the_request_is_seen_however_it_is_read(open_log, way):
    log, got = open_log(), []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        got.append(READS[way](environ["wsgi.input"]))
        start_response("200 OK", [])
        return [b""]

    _served(log, app).ask(b"ab\ncd\nef\ngh", CONTENT_TYPE="text/plain")
    assert got == [b"ab\ncd\nef\ngh"]
    record = log.record()
    assert record["request"] == "ab\ncd\nef\ngh"
    assert record["capture"] == {
        "state": "complete", "requestTruncatedAt": None, "responseTruncatedAt": None, "continues": None
    }  # fmt: skip


def test_a_request_that_is_not_read_to_its_end_is_cut_there(open_log):
    log = open_log()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(300)
        start_response("413 Too Large", [])
        return [b"no"]

    _served(log, app).ask(b"x" * 1000, CONTENT_TYPE="text/plain")
    record = log.record()
    assert record["capture"]["requestTruncatedAt"] == 300
    assert record["request"] == "x" * 44


@pytest.mark.parametrize(
    "said",
    [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"wsgi.input_terminated": True}],
    ids=["chunks", "terminated"],
)
def test_a_request_of_unknown_length_is_seen_to_its_end(open_log, said):
    log = open_log()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert environ["wsgi.input"].read() == b"in parts"
        environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b""]

    stream = io.BytesIO(b"in parts")
    _served(log, app).ask(CONTENT_TYPE="text/plain", **{"wsgi.input": stream, **said})
    record = log.record()
    assert (record["request"], record["capture"]["requestTruncatedAt"]) == ("in parts", None)


def test_a_request_without_a_body_has_none(open_log):
    log = open_log()
    _served(log, _answering(b"x")).ask(REQUEST_METHOD="GET")
    record = log.record()
    assert (record["request"], record["capture"]["requestTruncatedAt"]) == (None, None)


def test_the_server_gets_the_very_objects_that_it_looks_at(open_log, tmp_path):
    log = open_log()
    several, one = [b"a", b"b"], (b"c",)
    file = (tmp_path / "file").open("w+b")
    wrapped = FileWrapper(file)
    for answer in (several, one, wrapped):

        def app(environ: Any, start_response: Any, answer: Any = answer) -> Any:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return answer

        middleware = otel_audit.AuditWSGIMiddleware(app)
        assert _Server(middleware).begin(**{"wsgi.file_wrapper": FileWrapper}) is answer
    file.close()
    assert not log.records()


def test_a_file_that_the_server_sends_by_itself_is_noted(open_log):
    log, made = open_log(), []

    def make(file: Any) -> Any:  # a function, as uWSGI has
        made.append(iter([file.read()]))
        return made[-1]

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))

    with log.tracer.start_as_current_span(
        "served", kind=SpanKind.SERVER, attributes={"http.request.method": "GET"}
    ):
        parts = _Server(otel_audit.AuditWSGIMiddleware(app)).begin(**{"wsgi.file_wrapper": make})
        assert parts is made[0]
    record = log.record()
    assert record["response"] is None
    assert record["attributes"]["audit.notes"] == ["body-sent-as-file"]


class _Closing:
    """A response that must be closed, and knows how many parts it has."""

    def __init__(self) -> None:
        self.is_closed = False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Any:
        yield b"part"

    def close(self) -> None:
        self.is_closed = True


def test_responses_keep_their_length_and_are_closed(open_log):
    log, answer = open_log(), _Closing()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return answer

    parts = _Server(otel_audit.AuditWSGIMiddleware(app)).begin()
    assert len(parts) == 1
    assert list(parts) == [b"part"]
    assert not answer.is_closed
    parts.close()
    assert answer.is_closed
    log.installation.uninstall()


def test_what_is_written_by_the_old_way_is_seen(open_log):
    log = open_log()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"one ")
        return [b"two"]

    assert _served(log, app).ask() == b"one two"
    assert log.record()["response"] == "one two"


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")]
)
def test_what_has_no_body_has_none(open_log, method, status):
    log = open_log()

    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/plain")])
        return iter([b"not sent"])

    _served(log, app).ask(REQUEST_METHOD=method)
    record = log.record()
    assert (record["response"], record["capture"]["state"]) == (None, "complete")
    assert record["capture"]["responseTruncatedAt"] is None


def test_an_application_that_fails_fails_as_before(open_log):
    log = open_log()

    def before(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("own")

    def within(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        raise RuntimeError("own")

    for app in (before, within):
        with pytest.raises(RuntimeError, match="own"):
            _served(log, app).ask(b"given", CONTENT_TYPE="text/plain")
    first, second = log.records()
    assert first["outcome"] == "failure"
    assert second["capture"]["responseTruncatedAt"] == 5


def test_a_second_start_of_the_response_counts(open_log):
    log = open_log()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 No", [("Content-Type", "application/json")], (ValueError, error, None))
        return [b'{"a":1}']

    _served(log, app).ask()
    assert log.record()["response"] == {"a": 1}


def test_a_client_that_goes_away_leaves_a_body_that_was_cut(open_log):
    log = open_log()
    server = _served(log, _answering(b"x" * 400, b"never"))
    parts = iter(server.begin())
    next(parts)
    parts.close()
    record = log.record()
    assert record["capture"]["responseTruncatedAt"] == 400
    assert record["response"] == "x" * 144


def test_a_response_that_nobody_closes_is_recorded(open_log):
    log = open_log({"response_body": True, "hold": "1h"})
    server = _served(log, _answering(b"x", b"y"))
    parts = iter(server.begin())
    next(parts)
    del parts
    assert log.record()["capture"]["responseTruncatedAt"] == 1


def test_hostile_headers_cost_nobody_anything(open_log):
    log = open_log({"request_headers": ["*"], "response_headers": ["*"], "request_body": True})
    headers = [
        ("Content-Type", "\xff;charset=\x00" * 50),
        ("X-Odd", "a" * 100_000),
        ("", ""),
        ("X-\xe4", "\xe4"),
    ]
    environ = {f"HTTP_X_{n}": "v" for n in range(2_000)} | {
        "HTTP_AUTHORIZATION": "Bearer abcdefgh12345678",
        "HTTP_COOKIE": "session=s3cr3ts3cr3t",
        "HTTP_X_MAIL": "jane@example.com",
        "CONTENT_TYPE": 'multipart/form-data; boundary="' + "b" * 10_000,
        "HTTP_CONTENT_ENCODING": "gzip, " * 1_000,
    }
    assert _served(log, _answering(b"fine", headers=headers)).ask(b"body", **environ) == b"fine"
    record = log.record()
    assert len(record["requestHeaders"]) <= 256
    assert len(record["responseHeaders"]["x-odd"][0]) <= 16 << 10
    assert "s3cr3t" not in str(record)
    assert "jane@" not in str(record)


def test_credentials_are_withheld_whatever_is_asked_for(open_log):
    log = open_log({"request_headers": ["authorization", "x-*"]})
    _served(log, _answering(b"x")).ask(
        HTTP_AUTHORIZATION="Bearer abcdefgh12345678", HTTP_X_A_B="1", HTTP_ACCEPT="*/*"
    )
    headers = log.record()["requestHeaders"]
    assert headers == {"authorization": ["[WITHHELD]"], "x-a-b": ["1"]}


def test_what_our_wrapper_adds_keeps_to_the_rules(open_log):
    log = open_log()

    def app(environ: Any, start_response: Any) -> Any:
        assert environ["wsgi.input"].read(2) == b"ab"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    checked = validator(otel_audit.AuditWSGIMiddleware(validator(app)))
    server = _Server(checked)
    assert server.ask(b"ab", CONTENT_TYPE="text/plain") == b"x"
    log.installation.uninstall()


def test_wrappers_within_wrappers_record_once(open_log):
    log = open_log()
    app = otel_audit.AuditWSGIMiddleware(
        OpenTelemetryMiddleware(
            otel_audit.AuditWSGIMiddleware(_answering(b"x")), tracer_provider=log.provider
        )
    )
    assert _Server(app).ask(b"in", CONTENT_TYPE="text/plain") == b"x"
    record = log.record()
    assert (record["request"], record["response"]) == ("in", "x")


def test_the_middleware_may_stand_within_the_instrumentation(open_log, monkeypatch):
    log = open_log()
    monkeypatch.setattr(OpenTelemetryMiddleware, "__call__", OpenTelemetryMiddleware.__call__.__wrapped__)
    _served(log, otel_audit.AuditWSGIMiddleware(_answering(b"x"))).ask(b"in", CONTENT_TYPE="text/plain")
    record = log.record()
    assert (record["request"], record["response"]) == ("in", "x")


def test_each_of_two_nested_calls_has_its_own(open_log):
    log = open_log()
    inner = _Server(otel_audit.AuditWSGIMiddleware(_spanned(log, _answering(b"inner"))))

    def outer(environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read()
        inner.ask(b"to inner", CONTENT_TYPE="text/plain")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"outer of " + body]

    _served(log, outer).ask(b"to outer", CONTENT_TYPE="text/plain")
    found = {record["request"]: record["response"] for record in log.records()}
    assert found == {"to inner": "inner", "to outer": "outer of to outer"}


def test_routes_are_switched_on_one_by_one(open_log):
    log = open_log({"rules": [{"route": "/x", "response_body": True}]})
    for path in ("/x", "/y"):
        _Server(otel_audit.AuditWSGIMiddleware(_spanned(log, _answering(b"x"), path))).ask(b"in")
    assert [(r["route"], r["request"], r["response"]) for r in log.records()] == [
        ("/x", None, "x"),
        ("/y", None, None),
    ]


def test_bodies_beyond_the_memory_bound_are_counted_and_said(open_log):
    refused = MEMORY.refused
    log = open_log({"request_body": True, "memory_max_bytes": 4096, "max_body_bytes": "1MiB"})
    _served(log, _answering(b"x")).ask(b"x" * 10_000, CONTENT_TYPE="text/plain")
    record = log.record()
    assert record["attributes"]["audit.notes"] == ["body-beyond-memory"]
    assert record["request"] is None
    assert MEMORY.refused == refused + 1
    assert not log.installation.health().lost


def test_a_tagged_model_has_no_request_body_not_even_in_what_follows(open_log):
    log = open_log(
        {"request_body": True, "response_body": True, "hold": "0s"},
        models=[{"name": "churn", "endpoint": "/x", "pii": True}],
        mask={"pii_outputs": "withhold"},
    )
    with log.tracer.start_as_current_span(
        "served", kind=SpanKind.SERVER, attributes={"http.request.method": "POST", "http.route": "/x"}
    ):
        parts = _Server(otel_audit.AuditWSGIMiddleware(_answering(b"secret ", b"score"))).begin(
            b"secret features", CONTENT_TYPE="text/plain"
        )
    assert list(parts) == [b"secret ", b"score"]
    first, rest = log.records()
    assert rest["eventName"] == "audit.content"
    assert rest["capture"]["continues"] == first["recordId"]
    assert first["stream"] == rest["stream"] == "model-io"
    assert "secret" not in str([first, rest])


def test_strict_delivery_holds_nothing_and_what_is_open_follows(open_log):
    log = open_log(delivery="strict")
    app = otel_audit.AuditWSGIMiddleware(_spanned(log, _answering(b"one ", b"two")))
    parts = _Server(app).begin(b"in", CONTENT_TYPE="text/plain")
    assert log.installation.health().waiting_in_memory == 0
    assert b"".join(parts) == b"one two"
    first, rest = log.records()
    assert (first["request"], first["response"], first["capture"]["state"]) == ("in", None, "open")
    assert (rest["request"], rest["response"], rest["capture"]["state"]) == (None, "one two", "complete")
    assert rest["capture"]["continues"] == first["recordId"]


def test_a_flush_does_not_wait_for_an_open_body(open_log):
    log = open_log({"response_body": True, "hold": "1h"})
    parts = iter(_Server(otel_audit.AuditWSGIMiddleware(_spanned(log, _answering(b"one ", b"two")))).begin())
    assert next(parts) == b"one "
    (first,) = log.records(close=False)
    assert first["capture"] == {
        "state": "open", "requestTruncatedAt": None, "responseTruncatedAt": 4, "continues": None
    }  # fmt: skip
    assert list(parts) == [b"two"]
    rest = log.records()[1]
    assert (rest["eventName"], rest["response"]) == ("audit.content", "one two")


def test_headers_may_be_captured_alone(open_log):
    log = open_log({"request_headers": ["X_Tenant"], "response_headers": ["x-*"]})
    app = _answering(b"x", headers=[("X-Out", "1"), ("Content-Type", "text/plain")])
    _served(log, app).ask(b"in", HTTP_X_TENANT="acme", HTTP_X_OTHER="no")
    record = log.record()
    assert record["requestHeaders"] == {"x-tenant": ["acme"]}
    assert record["responseHeaders"] == {"x-out": ["1"]}
    assert (record["request"], record["response"], record["capture"]["state"]) == (None, None, "none")


def test_each_of_two_logs_has_what_it_asked_for(open_log):
    log, other = open_log(), open_log({"response_headers": ["*"]})
    log.provider.add_span_processor(other.installation._processor)
    assert _served(log, _answering(b"x")).ask(b"in", CONTENT_TYPE="text/plain") == b"x"
    with_bodies, without = log.record(), other.record()
    assert (with_bodies["request"], with_bodies["response"]) == ("in", "x")
    assert (without["request"], without["response"]) == (None, None)
    assert without["responseHeaders"]["content-type"] == ["text/plain"]
    assert with_bodies["responseHeaders"] == {}
