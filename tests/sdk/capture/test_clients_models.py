"""Calls of models: bodies go where the settings say, nothing is written twice, and what is off or tagged stays out.

What is planted looks like nothing that any recogniser knows: only the rule under test keeps it out.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

import httpx
import httpx2
import openai
import pytest
import requests
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from sdk.capture.calls import BODIES, calling

PLANTED = "quartz-heron-ninety"
CAPTURE_MODE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CHAT = "/v1/chat/completions"


@contextmanager
def _audited(folder, **settings):
    with (
        calling(folder, OpenAIInstrumentor, HTTPX2ClientInstrumentor, **settings) as calls,
        openai.OpenAI(base_url=calls.url + "/v1", api_key="sk-none", max_retries=0) as client,
    ):
        calls.client = client
        yield calls


def _ask(calls, *, model: str = "gpt-4o-mini", stream: bool = False):
    messages = [{"role": "user", "content": f"the word is {PLANTED}"}]
    return calls.client.chat.completions.create(model=model, messages=messages, stream=stream)


def _converse(calls, *, stream: bool) -> None:
    """Where it streams, the record is written in the middle of the answer, and what follows after its end."""
    if not stream:
        _ask(calls)
        return
    chunks = iter(_ask(calls, stream=True))
    assert PLANTED in next(chunks).choices[0].delta.content
    calls.all_records()
    calls.peer.gate.set()
    list(chunks)


def _by_event(calls) -> dict[str, dict]:
    return {record["eventName"]: record for record in calls.all_records()}


def test_a_stream_reaches_the_application_piece_by_piece(tmp_path):
    with _audited(tmp_path) as calls:
        chunks = iter(_ask(calls, stream=True))
        assert PLANTED in next(chunks).choices[0].delta.content, "before the second piece is sent"
        calls.peer.gate.set()
        assert [chunk.choices[0].delta.content for chunk in chunks] == [" and more"]
        found = calls.all_records()
    said = [
        json.loads(record["response"])
        for record in found
        if "http" in record["eventName"] and record["response"]
    ]
    said += [json.loads(record["response"]) for record in found if record["eventName"] == "audit.content"]
    assert len(said) == 1
    assert said[0].count("data: ") == 3
    assert said[0].endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("route", [CHAT, "/v1/*", "/elsewhere"])
def test_a_body_is_where_the_rule_for_its_route_wants_it_and_a_message_is_there_once(
    tmp_path, monkeypatch, route
):
    monkeypatch.setenv(CAPTURE_MODE, "span_only")
    off = {"route": route, "request_body": False, "response_body": False}
    with _audited(tmp_path, capture={**BODIES, "rules": [off]}) as calls:
        _ask(calls)
        found = _by_event(calls)
    assert PLANTED in found["gen_ai.chat"]["request"]
    assert PLANTED in found["gen_ai.chat"]["response"]
    http = found["http.client"]
    if route == "/elsewhere":
        assert PLANTED in http["request"]
        assert PLANTED in http["response"]
    else:
        assert (http["request"], http["response"]) == (None, None)
        assert http["capture"]["state"] == "none"


@pytest.mark.parametrize("stream", [False, True])
def test_content_off_is_off_for_bodies_too(tmp_path, stream):
    with _audited(tmp_path, streams={"model-io": {"content": "off"}}) as calls:
        _converse(calls, stream=stream)
        found = calls.all_records()
    assert {record["eventName"] for record in found} == {"gen_ai.chat", "http.client"}
    assert PLANTED not in str(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (CAPTURE_MODE, "no_content"),
        ("TRACELOOP_TRACE_CONTENT", "false"),
        ("OPENINFERENCE_HIDE_INPUTS", "true"),
    ],
)
def test_an_instrumentations_own_switch_wins_over_what_is_captured_below_it(
    tmp_path, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    with _audited(tmp_path) as calls:
        _ask(calls)
        with httpx2.Client() as client:  # no part of a call of a model
            client.post(calls.url + "/echo", json={"other": 1})
        found = calls.all_records()
    chat, http, other = found
    assert chat["eventName"] == "gen_ai.chat"
    assert PLANTED not in str(chat)
    assert http["request"] is None
    assert (http["response"] is None) is (name != "OPENINFERENCE_HIDE_INPUTS")
    assert other["request"] == other["response"] == '{"other":1}'


@pytest.mark.parametrize("stream", [False, True])
def test_the_tag_of_a_model_holds_for_the_bodies_of_its_calls(tmp_path, stream):
    with _audited(tmp_path, models=[{"name": "gpt-4o*", "pii": True}]) as calls:
        _converse(calls, stream=stream)
        found = calls.all_records()
    assert {record["eventName"] for record in found} >= {"gen_ai.chat", "http.client"}
    assert PLANTED not in str(found)


@pytest.mark.parametrize("pii", [False, True])
def test_a_route_that_is_a_model(tmp_path, pii):
    models = [{"name": "churn", "endpoint": "/v1/models/churn:predict", "pii": pii}]
    with calling(tmp_path, RequestsInstrumentor, models=models) as calls:
        requests.post(calls.url + "/v1/models/churn:predict", json={"features": [PLANTED]})
        record = calls.record()
    assert record["stream"] == "model-io"
    assert (PLANTED in str(record)) is not pii
    assert (record["request"] is None) is pii


def test_headers_are_those_that_are_named_and_credentials_never(tmp_path):
    secrets = {
        "Authorization": "Bearer abcdef.ghijkl.mnopqr-0123456789",
        "X-Api-Key": "kk-0123456789abcdef0123456789",
        "Cookie": "session=0123456789abcdef",
    }
    capture = {"request_headers": ["x-*", "authorization", "COOKIE"], "response_headers": ["*"]}
    with calling(tmp_path, RequestsInstrumentor, HTTPXClientInstrumentor, capture=capture) as calls:
        requests.get(
            calls.url + "/headed", headers={"X-Tenant_Id": "acme", "Accept-Language": "fr", **secrets}
        )
        with httpx.Client() as client:
            client.get(
                calls.url + "/headed", headers={"X-Tenant_Id": "acme", "Accept-Language": "fr", **secrets}
            )
        records = calls.records()
    for record in records:
        sent, got = dict(record["requestHeaders"]), dict(record["responseHeaders"])
        assert sent["x-tenant-id"] == ["acme"]
        assert "accept-language" not in sent
        assert got["x-served-by"] == ["peer-7"]
        assert {"authorization", "cookie", "x-api-key"} <= set(sent)
        for secret in (*secrets.values(), "abcdef0123456789"):
            assert secret not in str(record)
        assert record["request"] is None
        assert record["response"] is None
    assert len(records) == 2
