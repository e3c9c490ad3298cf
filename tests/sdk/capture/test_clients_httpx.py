"""httpx and httpx2, sync and async: what they send and get is in the records, and goes on as if nobody looked."""

from __future__ import annotations

import asyncio
import gc
import io
import json

import httpx
import httpx2
import pytest
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor

from sdk.capture.calls import calling, truncated
from servers.http_peer import BIG

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    with calling(tmp_path_factory.mktemp("log"), HTTPXClientInstrumentor, HTTPX2ClientInstrumentor) as calls:
        yield calls


@pytest.fixture
def calls(audited):
    return audited.begin()


@pytest.fixture(params=[httpx, httpx2], ids=lambda module: module.__name__)
def library(request):
    return request.param


@pytest.fixture
def client(library):
    with library.Client() as client:
        yield client


def _text(record: dict, leaf: str) -> object:
    return None if record[leaf] is None else json.loads(record[leaf])


async def _parts(*parts: bytes):
    for part in parts:
        yield part


def test_requests_of_any_kind(calls, client):
    multipart = {"files": {"f": ("n.txt", b"secret inside", "text/plain")}, "data": {"k": "v"}}
    kinds = [
        ({"json": {"name": "Q", "n": 1}}, {"name": "Q", "n": 1}),
        ({"data": {"a": "x y", "b": ["1", "2"]}}, {"a": ["x y"], "b": ["1", "2"]}),
        ({"content": "ünïcode", "headers": TEXT}, "ünïcode"),
        ({"content": b"bytes", "headers": TEXT}, "bytes"),
        (
            {"content": (part for part in [b"from ", b"a ", b"generator"]), "headers": TEXT},
            "from a generator",
        ),
        ({"content": io.BytesIO(b"from a file"), "headers": TEXT}, "from a file"),
        (multipart, {"k": ["v"], "f": [{"fileName": "n.txt", "mediaType": "text/plain", "size": 13}]}),
        ({}, None),
    ]
    answers = [client.post(calls.url + "/told", **body).json() for body, _ in kinds]
    records = calls.records()
    assert [_text(record, "request") for record in records] == [expected for _, expected in kinds]
    assert [_text(record, "response") for record in records] == answers
    assert {record["capture"]["state"] for record in records} == {"complete"}
    assert {truncated(record) for record in records} == {(None, None)}
    assert [answer["chunked"] for answer in answers] == [None] * 4 + ["chunked"] + [None] * 3
    assert [answer["length"] for answer in answers][-1] == "0"


def test_a_stream_is_seen_however_it_is_read(calls, client):
    reads = [
        lambda answer: answer.read(),
        lambda answer: b"".join(answer.iter_bytes(3)),
        lambda answer: b"".join(answer.iter_raw()),
        lambda answer: "".join(answer.iter_text()).encode(),
    ]
    for path, expected in (("/parts", b"one \r\ntwo three"), ("/gzip", None)):
        for read in reads:
            with client.stream("GET", calls.url + path) as answer:
                seen = read(answer)
            assert expected is None or seen == expected
    records = calls.records()
    assert [_text(record, "response") for record in records[:4]] == ["one \r\ntwo three"] * 4
    assert [_text(record, "response") for record in records[4:]] == [{"packed": "yes"}] * 4
    assert {truncated(record) for record in records} == {(None, None)}


def test_what_is_long_unread_or_broken_says_so(calls, client):
    assert client.post(calls.url + "/echo", content=BIG, headers=TEXT).content == BIG
    with client.stream("GET", calls.url + "/big"):
        pass
    for path in ("/short", "/broken"):
        with pytest.raises(client_errors(client)):
            client.get(calls.url + path)
    for method, path in (("GET", "/empty"), ("HEAD", "/headed"), ("GET", "/echo")):
        client.request(method, calls.url + path)
    limit = 64 << 10
    assert [truncated(record) for record in calls.records()] == [
        (limit, limit),
        (None, 0),
        (None, len("only this")),
        (None, len("only this")),
        *[(None, None)] * 3,
    ]


def client_errors(client: object) -> type[Exception]:
    """The library's own error for a response that breaks off."""
    return {"httpx": httpx, "httpx2": httpx2}[type(client).__module__.split(".")[0]].RemoteProtocolError


def test_a_response_that_is_dropped_has_ended(calls, client):
    client.send(client.build_request("GET", calls.url + "/gated"), stream=True)
    gc.collect()  # httpx keeps it in a cycle of its own
    assert truncated(calls.record()) == (None, 0)


def test_redirects_have_spans_and_bodies_of_their_own(calls, client):
    answer = client.post(
        calls.url + "/moved/307/echo", content=b"keep me", headers=TEXT, follow_redirects=True
    )
    assert answer.text == "keep me"
    assert client.get(calls.url + "/moved/302/parts", follow_redirects=True).text == "one \r\ntwo three"
    found = [(_text(record, "request"), _text(record, "response")) for record in calls.records()]
    assert found == [
        ("keep me", "it is elsewhere"),
        ("keep me", "keep me"),
        (None, "it is elsewhere"),
        (None, "one \r\ntwo three"),
    ]


def test_hooks_and_authentication_of_the_application_see_what_they_would(calls, library):
    seen = []

    class Signed(library.Auth):
        requires_request_body = True

        def auth_flow(self, request):
            request.headers["X-Signed"] = str(len(request.content))
            yield request

    def read_it(answer):
        seen.append(answer.read())

    with library.Client(event_hooks={"response": [read_it]}, auth=Signed()) as client:
        body = (part for part in [b"a", b"b"])
        answer = client.post(calls.url + "/echo", content=body, headers=TEXT)
    assert (answer.text, seen) == ("ab", [b"ab"])
    assert answer.request.content == b"ab"
    assert calls.peer.requests[0][2]["X-Signed"] == "2"
    record = calls.record()
    assert (_text(record, "request"), _text(record, "response")) == ("ab", "ab")


def test_a_generator_that_fails_fails_as_before(calls, client):
    def parts():
        yield b"first"
        raise LookupError("the application's own")

    with pytest.raises(LookupError, match="the application's own"):
        client.post(calls.url + "/told", content=parts(), headers=TEXT)
    assert truncated(calls.record()) == (len(b"first"), None)


def test_what_is_read_later_is_here_at_once_and_follows_in_a_record_of_its_own(calls, client):
    with client.stream("GET", calls.url + "/gated") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: first", "it is here before the second is sent"
        first = calls.record()
        assert first["capture"]["state"] == "open"
        calls.peer.gate.set()
        assert [line for line in lines if line] == ["data: second"]
    (follows,) = (row for row in calls.all_records() if row["eventName"] == "audit.content")
    assert follows["capture"]["continues"] == first["recordId"]
    assert _text(follows, "response") == "data: first\n\ndata: second\n\n"


def test_on_an_event_loop(calls, library):
    async def run() -> list[object]:
        seen: list[object] = []
        async with library.AsyncClient() as client:
            seen.append((await client.post(calls.url + "/echo", json={"a": 1})).json())
            answer = await client.post(calls.url + "/echo", content=_parts(b"ab", b"cd"), headers=TEXT)
            seen.append(answer.text)
            async with client.stream("GET", calls.url + "/parts") as answer:
                seen.append(b"".join([part async for part in answer.aiter_raw()]))
            async with client.stream("GET", calls.url + "/parts") as answer:
                seen.append(b"".join([part async for part in answer.aiter_bytes(4)]))
            async with client.stream("GET", calls.url + "/parts") as answer:
                async for part in answer.aiter_bytes():
                    seen.append(part)
                    break
            async with client.stream("GET", calls.url + "/big"):
                pass
            answers = [client.post(calls.url + "/echo", json={"n": number}) for number in range(10)]
            seen += [answer.json() for answer in await asyncio.gather(*answers)]
        return seen

    whole = b"one \r\ntwo three"
    assert asyncio.run(run()) == [
        {"a": 1}, "abcd", whole, whole, b"one ", *[{"n": number} for number in range(10)]
    ]  # fmt: skip
    records = calls.records()
    assert [_text(record, "request") for record in records[:2]] == [{"a": 1}, "abcd"]
    assert [_text(record, "response") for record in records[2:4]] == [whole.decode()] * 2
    assert [truncated(record) for record in records[4:6]] == [(None, len(b"one ")), (None, 0)]
    assert all(record["request"] == record["response"] for record in records[6:])
    assert {_text(record, "request")["n"] for record in records[6:]} == set(range(10))


def test_a_call_that_is_cancelled(calls, library):
    async def run() -> None:
        async with library.AsyncClient() as client, client.stream("GET", calls.url + "/gated") as answer:
            parts = answer.aiter_raw()
            assert await anext(parts) == b"data: first\n\n"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(parts), 0.01)

    asyncio.run(run())
    assert truncated(calls.record()) == (None, len(b"data: first\n\n"))


def test_other_transports_of_the_library(calls, library):
    def answer(request):
        return library.Response(200, json={"got": json.loads(request.read())})

    client = library.Client(transport=library.MockTransport(answer))
    instrumentor = {"httpx": HTTPXClientInstrumentor, "httpx2": HTTPX2ClientInstrumentor}[library.__name__]
    instrumentor.instrument_client(client, tracer_provider=calls.provider)
    with client:
        assert client.post("http://in.process/x", json={"a": 1}).json() == {"got": {"a": 1}}
    record = calls.record()
    assert (_text(record, "request"), _text(record, "response")) == ({"a": 1}, {"got": {"a": 1}})
