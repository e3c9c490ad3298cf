"""aiohttp's client: what it sends and gets is in the records, and goes on as if nobody looked."""

from __future__ import annotations

import asyncio
import gc
import io
import json

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

from sdk.capture.calls import calling, truncated
from servers.http_peer import BIG

TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    with calling(tmp_path_factory.mktemp("log"), AioHttpClientInstrumentor) as calls:
        yield calls


@pytest.fixture
def calls(audited):
    return audited.begin()


def _text(record: dict, leaf: str) -> object:
    return None if record[leaf] is None else json.loads(record[leaf])


def _run(work, **options) -> object:
    """The result of ``work(session)`` on a loop of its own."""

    async def run() -> object:
        async with aiohttp.ClientSession(**options) as session:
            return await work(session)

    return asyncio.run(run())


async def _parts(*parts: bytes):
    for part in parts:
        yield part


def _form() -> aiohttp.FormData:
    form = aiohttp.FormData({"k": "v"})
    form.add_field("f", b"secret inside", filename="n.txt", content_type="text/plain")
    return form


def test_requests_of_any_kind(calls):
    kinds = [
        ({"json": {"name": "Q", "n": 1}}, {"name": "Q", "n": 1}),
        ({"data": {"a": "x y"}}, {"a": ["x y"]}),
        ({"data": "ünïcode", "headers": TEXT}, "ünïcode"),
        ({"data": b"bytes", "headers": TEXT}, "bytes"),
        ({"data": _parts(b"from ", b"a ", b"generator"), "headers": TEXT}, "from a generator"),
        ({"data": io.BytesIO(b"from a file"), "headers": TEXT}, "from a file"),
        ({"data": b"squeezed on the way", "headers": TEXT, "compress": "gzip"}, "squeezed on the way"),
        (_form, {"k": ["v"], "f": [{"fileName": "n.txt", "mediaType": "text/plain", "size": 13}]}),
        ({}, None),
    ]

    async def work(session):
        answers = []
        for body, _ in kinds:
            arguments = body if isinstance(body, dict) else {"data": body()}
            async with session.post(calls.url + "/told", **arguments) as answer:
                answers.append(await answer.json())
        return answers

    answers = _run(work)
    records = calls.records()
    assert [_text(record, "request") for record in records] == [expected for _, expected in kinds]
    assert [_text(record, "response") for record in records] == answers
    assert {truncated(record) for record in records} == {(None, None)}
    assert [answer["chunked"] for answer in answers] == [None] * 4 + ["chunked", None, "chunked", None, None]


async def _ended(content):
    """The end has come by itself: nobody has to read it, but who leaves before has not seen all of the body."""
    while not content.at_eof():
        await asyncio.sleep(0)


def test_a_stream_is_seen_however_it_is_read(calls):
    whole = b"one \r\ntwo three"

    async def joined(parts):
        return b"".join([part async for part in parts])

    async def by_lines(content):
        return b"".join([line async for line in content])

    async def by_chunks(content):
        return b"".join([part async for part, _ in content.iter_chunks()])

    async def by_pieces(content):
        return await content.readuntil(b"t") + await content.readexactly(5) + await content.read()

    async def until_known(content):
        known = await content.readexactly(len(whole))
        await _ended(content)
        return known

    reads = [
        lambda answer: answer.read(),
        lambda answer: answer.content.read(),
        lambda answer: joined(answer.content.iter_any()),
        lambda answer: joined(answer.content.iter_chunked(3)),
        lambda answer: by_chunks(answer.content),
        lambda answer: by_lines(answer.content),
        lambda answer: by_pieces(answer.content),
        lambda answer: until_known(answer.content),
    ]

    async def work(session):
        for read in reads:
            async with session.get(calls.url + "/parts") as answer:
                assert isinstance(answer.content, aiohttp.StreamReader)
                assert await read(answer) == whole
        async with session.get(calls.url + "/gzip-parts") as answer:
            assert await answer.json() == {"packed": "in parts"}

    _run(work)
    records = calls.records()
    assert [_text(record, "response") for record in records] == [
        *[whole.decode()] * len(reads), {"packed": "in parts"}
    ]  # fmt: skip
    assert {truncated(record) for record in records} == {(None, None)}


def test_what_the_application_decodes_itself_is_decoded_for_the_record(calls):
    async def work(session):
        async with session.get(calls.url + "/gzip") as answer:
            return await answer.read()

    assert _run(work, auto_decompress=False).startswith(b"\x1f\x8b")
    assert _text(calls.record(), "response") == {"packed": "yes"}


def test_a_form_in_a_response_is_read_part_by_part(calls):
    """aiohttp reads ahead for it, and gives back what was too much."""

    async def work(session):
        async with session.post(calls.url + "/echo", data=_form()) as answer:
            reader = aiohttp.MultipartReader.from_response(answer)
            return [bytes(await part.read()) async for part in reader]

    assert _run(work) == [b"v", b"secret inside"]
    record = calls.record()
    assert _text(record, "response") == _text(record, "request")


def test_what_is_long_unread_broken_or_absent_says_so(calls):
    async def work(session):
        async with session.post(calls.url + "/echo", data=io.BytesIO(BIG), headers=TEXT) as answer:
            assert await answer.read() == BIG
        async with session.get(calls.url + "/big"):
            pass
        for path in ("/short", "/broken"):
            with pytest.raises(aiohttp.ClientPayloadError):
                async with session.get(calls.url + path) as answer:
                    await answer.read()
        for method, path in (("GET", "/empty"), ("HEAD", "/headed"), ("GET", "/echo")):
            async with session.request(method, calls.url + path) as answer:
                await answer.read()

    _run(work)
    limit = 64 << 10
    assert [truncated(record) for record in calls.records()] == [
        (limit, limit),
        (None, 0),
        (None, len("only this")),
        (None, len("only this")),
        *[(None, None)] * 3,
    ]


def test_a_response_that_is_dropped_has_ended(calls):
    async def work(session):
        answer = await session.get(calls.url + "/gated")
        del answer
        gc.collect()  # aiohttp keeps it in a cycle of its own

    _run(work)
    assert truncated(calls.record()) == (None, 0)


@pytest.mark.parametrize(("status", "again"), [(302, None), (307, "keep me")])
def test_redirects_below_one_span_are_its_first_request_and_its_last_response(calls, status, again):
    async def work(session):
        url = calls.url + f"/moved/{status}/echo"
        async with session.post(url, data=io.BytesIO(b"keep me"), headers=TEXT) as answer:
            return await answer.text()

    assert _run(work) == (again or "")
    record = calls.record()
    assert (_text(record, "request"), _text(record, "response")) == ("keep me", again)
    assert "it is elsewhere" not in str(record)


def test_what_is_read_later_is_here_at_once_and_follows_in_a_record_of_its_own(calls):
    async def work(session):
        async with session.get(calls.url + "/gated") as answer:
            assert await anext(answer.content.iter_any()) == b"data: first\n\n"
            first = calls.record()
            assert first["capture"]["state"] == "open"
            calls.peer.gate.set()
            assert await answer.content.readany() == b"data: second\n\n"
            await _ended(answer.content)
            return first["recordId"]

    first_id = _run(work)
    (follows,) = (row for row in calls.all_records() if row["eventName"] == "audit.content")
    assert follows["capture"]["continues"] == first_id
    assert _text(follows, "response") == "data: first\n\ndata: second\n\n"


def test_calls_that_overlap_and_share_connections_stay_apart(calls):
    async def one(session, number):
        async with session.post(calls.url + "/echo", json={"n": number}) as answer:
            assert await answer.json() == {"n": number}

    async def work(session):
        await asyncio.gather(*(one(session, number) for number in range(20)))

    _run(work, connector=None)
    records = calls.records()
    assert all(record["request"] == record["response"] for record in records)
    assert {_text(record, "request")["n"] for record in records} == set(range(20))
    assert calls.peer.connections <= 20


def test_traces_of_the_application_see_what_they_would(calls):
    seen: list[bytes] = []
    trace = aiohttp.TraceConfig()

    async def sent(_session, _context, params):
        seen.append(bytes(params.chunk))

    trace.on_request_chunk_sent.append(sent)
    trace.on_response_chunk_received.append(sent)

    async def work(session):
        async with session.post(calls.url + "/echo", data=b"seen", headers=TEXT) as answer:
            return await answer.read()

    assert _run(work, trace_configs=[trace]) == b"seen"
    assert seen == [b"seen", b"seen"]
    assert _text(calls.record(), "request") == "seen"


def test_a_time_out_in_the_middle(calls):
    async def work(session):
        async with session.get(calls.url + "/gated") as answer:
            assert await answer.content.readany() == b"data: first\n\n"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(answer.content.readany(), 0.01)

    _run(work)
    assert truncated(calls.record()) == (None, len(b"data: first\n\n"))
