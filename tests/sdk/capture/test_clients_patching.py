"""Where our wrappers sit, that they go, and that whatever is wrong with them never reaches an application."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests
import urllib3
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from otel_audit.sdk.capture.active import Capture
from otel_audit.sdk.capture.clients.call import Call, _say
from sdk.capture.calls import calling

PATCHED = (
    (urllib3.HTTPConnectionPool, "urlopen"),
    (urllib3.HTTPResponse, "_fp_read"),
    (urllib3.HTTPResponse, "close"),
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (aiohttp.ClientRequest, "send"),
    (aiohttp.ClientResponse, "start"),
)
BEFORE = [vars(owner)[name] for owner, name in PATCHED]


def _is_as_before() -> bool:
    return [vars(owner)[name] for owner, name in PATCHED] == BEFORE


def _instrument(provider: TracerProvider) -> None:
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    URLLib3Instrumentor().instrument(tracer_provider=provider)


def _uninstrument() -> None:
    HTTPXClientInstrumentor().uninstrument()
    URLLib3Instrumentor().uninstrument()


def _post(calls, number: int) -> None:
    with httpx.Client() as client:
        assert client.post(calls.url + "/echo", json={"n": number}).json() == {"n": number}
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", calls.url + "/echo", json={"n": number})
        assert answer.json() == {"n": number}


def test_the_order_of_setting_up_makes_no_difference_and_everything_goes_again(tmp_path):
    assert _is_as_before()
    provider = TracerProvider(shutdown_on_exit=False)
    _instrument(provider)
    with calling(tmp_path, provider=provider) as calls:
        _post(calls, 1)
        _uninstrument()
        _post(calls, 2)  # in no span
        _instrument(provider)
        _post(calls, 3)
        bodies = [json.loads(record["response"])["n"] for record in calls.records()]
    assert bodies == [1, 1, 3, 3]
    # What is left is theirs, around what was there before.
    layers = vars(httpx.HTTPTransport)["handle_request"], vars(urllib3.HTTPConnectionPool)["urlopen"]
    assert [layer.__wrapped__ for layer in layers] == [BEFORE[3], BEFORE[0]]
    _uninstrument()
    assert _is_as_before()


def test_hooks_of_the_instrumentations_get_what_the_application_gave(tmp_path):
    sent, seen = [], []
    provider = TracerProvider(shutdown_on_exit=False)
    URLLib3Instrumentor().instrument(
        tracer_provider=provider,
        request_hook=lambda _span, _pool, request: sent.append(request.body),
        response_hook=lambda _span, _pool, response: seen.append(response.read()),
    )
    body = io.BytesIO(b"a file")
    with calling(tmp_path, provider=provider) as calls, urllib3.PoolManager() as pool:
        pool.request("POST", calls.url + "/echo", body=body, preload_content=False)
        record = calls.record()
    _uninstrument()
    assert sent == [body]
    assert seen == [b"a file"]
    assert record["capture"]["state"] == "complete"


def test_two_logs_and_one_that_ends(tmp_path):
    with calling(tmp_path / "one", HTTPXClientInstrumentor) as one:
        with calling(tmp_path / "two", provider=one.provider) as two:
            _post(one, 1)
            assert [record["response"] for record in two.records()] == ['{"n":1}']
        _post(one, 2)
        assert [record["response"] for record in one.records()] == ['{"n":1}', '{"n":2}']
    assert _is_as_before()


def test_a_client_that_is_imported_later_or_not_at_all(tmp_path):
    """And a process that captures nothing loads none of this."""
    program = f"""
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
import otel_audit
provider = TracerProvider()
places = dict(provider=provider, spool={str(tmp_path / "spool")!r})
before = set(sys.modules)
without = otel_audit.install({str(tmp_path / "one")!r}, **places)
assert not [name for name in sys.modules if "capture.clients" in name]
without.uninstall()
log = otel_audit.install({str(tmp_path / "two")!r}, capture={{"response_body": True}}, **places)
assert not {{"httpx", "urllib3", "aiohttp"}} & (set(sys.modules) - before)
import httpx
assert hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
log.uninstall()
assert not hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
import urllib3
assert not hasattr(urllib3.HTTPConnectionPool.urlopen, "__wrapped__")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_client_without_instrumentation_writes_into_nobody_elses_record(tmp_path):
    kinds = {
        "web": (SpanKind.SERVER, {"http.request.method": "POST", "url.path": "/orders"}),
        "search": (SpanKind.CLIENT, {"db.system": "elasticsearch"}),
        "model": (SpanKind.CLIENT, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}),
    }
    with calling(tmp_path) as calls:
        tracer = calls.provider.get_tracer("application")
        for name, (kind, attributes) in kinds.items():
            with tracer.start_as_current_span(name, kind=kind, attributes=attributes):
                requests.post(calls.url + "/echo", json={"for": name})
        found = calls.all_records()
    assert {record["spanName"] for record in found} >= {"web", "model"}
    assert [record["spanName"] for record in found if record["request"] or record["response"]] == []


def test_several_calls_below_one_span_of_the_applications_own_do_not_mix(tmp_path):
    attributes = {"http.request.method": "POST", "url.full": "http://shop.example/batch"}
    with calling(tmp_path) as calls:
        tracer = calls.provider.get_tracer("application")
        with tracer.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=attributes):
            requests.post(calls.url + "/echo", json={"n": 1})
            requests.post(calls.url + "/told", json={"n": 2})
        record = calls.record()
    assert (record["request"], record["response"]) == ('{"n":1}', '{"n":1}')


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Call, "see_request"), (Call, "see_response"), (Call, "start_over"), (Capture, "recorder")],
)
def test_a_defect_of_ours_costs_the_body_alone(tmp_path, monkeypatch, caplog, owner, name):
    def fail(*_args, **_named):
        raise LookupError("jane@example.com")

    _say.cache_clear()
    instrumentors = RequestsInstrumentor, HTTPXClientInstrumentor, AioHttpClientInstrumentor
    with calling(tmp_path, *instrumentors) as calls:
        monkeypatch.setattr(owner, name, fail)
        assert requests.post(calls.url + "/echo", json={"n": 1}).json() == {"n": 1}
        assert requests.post(calls.url + "/echo", data=iter([b"a", b"b"])).content == b"ab"
        with httpx.Client() as client:
            assert client.post(calls.url + "/echo", content=iter([b"a", b"b"])).content == b"ab"

        async def work() -> bytes:
            async with (
                aiohttp.ClientSession() as session,
                session.post(calls.url + "/echo", data=b"ab") as answer,
            ):
                return await answer.read()

        assert asyncio.run(work()) == b"ab"
        records = calls.records()
    assert len(records) == 4
    lines = [line.getMessage() for line in caplog.records if "defect" in line.getMessage()]
    assert lines
    assert len(set(lines)) == len(lines), "each is said once"
    assert "jane" not in caplog.text
