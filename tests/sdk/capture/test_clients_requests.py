"""requests and urllib3: what they send and get is in the records, and goes on as if nobody looked."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import threading
import weakref
from array import array

import pytest
import requests
import urllib3
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from otel_audit.sdk.capture.memory import MEMORY
from sdk.capture.calls import calling, truncated
from servers.http_peer import BIG


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    with calling(tmp_path_factory.mktemp("log"), RequestsInstrumentor, URLLib3Instrumentor) as calls:
        yield calls


@pytest.fixture
def calls(audited):
    return audited.begin()


@pytest.fixture
def pool():
    with urllib3.PoolManager() as pool:
        yield pool


def _text(record: dict, leaf: str) -> object:
    return None if record[leaf] is None else json.loads(record[leaf])


def test_requests_of_any_kind(calls):
    multipart = {"files": {"f": ("n.txt", b"secret inside")}, "data": {"k": "v"}}
    kinds = [
        ({"json": {"name": "Q", "n": 1}}, {"name": "Q", "n": 1}),
        ({"data": {"a": "x y", "b": ["1", "2"]}}, {"a": ["x y"], "b": ["1", "2"]}),
        ({"data": "ünïcode"}, "ünïcode"),
        ({"data": b"bytes"}, "bytes"),
        ({"data": iter([b"from ", b"an ", b"iterator"])}, "from an iterator"),
        ({"data": (part for part in [b"from ", b"a ", b"generator"])}, "from a generator"),
        ({"data": io.BytesIO(b"from a file")}, "from a file"),
        (multipart, {"k": ["v"], "f": [{"fileName": "n.txt", "size": 13}]}),
        ({}, None),
    ]
    answers = []
    for body, expected in kinds:
        headers = {"Content-Type": "text/plain; charset=utf-8"} if isinstance(expected, str) else None
        answers.append(requests.post(calls.url + "/told", headers=headers, **body).json())
    records = calls.records()
    assert [_text(record, "request") for record in records] == [expected for _, expected in kinds]
    assert [_text(record, "response") for record in records] == answers
    assert {record["capture"]["state"] for record in records} == {"complete"}
    assert {truncated(record) for record in records} == {(None, None)}
    # On the wire they are what they would have been: with a length where one is known, in chunks where not.
    assert [answer["chunked"] for answer in answers] == [None] * 4 + ["chunked"] * 2 + [None] * 3
    assert [answer["length"] is None for answer in answers] == [False] * 4 + [True] * 2 + [False] * 3


def test_a_file_is_neither_rewound_nor_read_twice(calls, tmp_path):
    path = tmp_path / "upload.txt"
    path.write_bytes(b"skipped, sent")
    with path.open("rb") as file:
        file.seek(9)
        answer = requests.post(calls.url + "/told", data=file, headers={"Content-Type": "text/plain"})
        assert file.tell() == 13
    assert answer.json() == {"length": "4", "chunked": None, "sha256": hashlib.sha256(b"sent").hexdigest()}
    assert _text(calls.record(), "request") == "sent"
    assert answer.request.body is file


def test_a_stream_is_seen_however_it_is_read(calls):
    reads = [
        lambda answer: answer.content,
        lambda answer: b"".join(answer.iter_content(3)),
        lambda answer: b"".join(answer.iter_content(None)),
        lambda answer: answer.raw.read(),
        lambda answer: answer.raw.read(5) + answer.raw.read(),
        lambda answer: b"".join(iter(answer.raw.read1, b"")),
        lambda answer: b"".join(answer.raw.stream(4)),
        lambda answer: b"".join(answer.raw.read_chunked()),
        lambda answer: answer.raw.data,
        lambda answer: b"".join(answer.raw),
    ]
    for read in reads:
        with requests.get(calls.url + "/parts", stream=True) as answer:
            assert read(answer) == b"one \r\ntwo three"
    records = calls.records()
    assert [_text(record, "response") for record in records] == ["one \r\ntwo three"] * len(reads)
    assert {truncated(record) for record in records} == {(None, None)}


def test_an_encoded_body_is_decoded_in_the_record_alone(calls):
    for path in ("/gzip", "/gzip-parts"):
        for decode in (True, False):
            with requests.get(calls.url + path, stream=True) as answer:
                seen = answer.raw.read(decode_content=decode)
            assert seen.startswith(b'{"packed"' if decode else b"\x1f\x8b")
    found = [_text(record, "response")["packed"] for record in calls.records()]
    assert found == ["yes", "yes", "in parts", "in parts"]


def test_a_bomb_is_decoded_up_to_the_limit(calls):
    with requests.get(calls.url + "/bomb", stream=True) as answer:
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 1 << 20
    record = calls.record()
    assert truncated(record) == (None, 64 << 10)
    assert len(record["response"]) < 70_000


def test_ten_megabytes_each_way_arrive_and_are_cut_in_the_record(calls):
    answer = requests.post(calls.url + "/echo", data=BIG, headers={"Content-Type": "text/plain"})
    assert answer.content == BIG
    record = calls.record()
    assert truncated(record) == (64 << 10, 64 << 10)
    assert len(record["request"]) < 70_000


def test_a_body_that_never_ends_is_written_when_there_is_enough_of_it(calls):
    with requests.get(calls.url + "/endless", stream=True) as answer:
        seen = 0
        for part in answer.iter_content(10_000):
            seen += len(part)
            if seen > 200_000:
                break
        record = calls.record()
        calls.peer.gate.set()
    assert record["capture"]["state"] == "complete"
    assert truncated(record) == (None, 64 << 10)


def test_parts_of_any_type_go_as_they_are(calls):
    parts = ["text ", b"bytes ", bytearray(b"more "), memoryview(b"a view "), array("B", b"aa")]
    answer = requests.post(calls.url + "/echo", data=iter(parts), headers={"Content-Type": "text/plain"})
    assert answer.content == b"text bytes more a view aa"
    assert _text(calls.record(), "request") == answer.text


def test_nothing_is_kept_of_what_is_written(calls):
    answers = [requests.post(calls.url + "/echo", json={"n": number}) for number in range(5)]
    assert len(calls.records()) == len(answers)
    gc.collect()
    assert MEMORY.taken == 0


def test_a_response_that_nobody_reads_is_closed_and_says_so(calls):
    requests.get(calls.url + "/big", stream=True).close()
    record = calls.record()
    assert record["response"] is None
    assert truncated(record) == (None, 0)


def test_a_response_that_is_dropped_goes_at_once_and_has_ended(calls):
    answer = requests.get(calls.url + "/parts", stream=True)
    raw = weakref.ref(answer.raw)
    gc.disable()
    try:
        del answer
        assert raw() is None, "nothing of ours keeps it"
    finally:
        gc.enable()
    assert truncated(calls.record()) == (None, 0)


def test_what_is_read_later_follows_in_a_record_of_its_own(calls):
    with requests.get(calls.url + "/gated", stream=True) as answer:
        chunks = answer.iter_content(None)
        assert next(chunks) == b"data: first\n\n", "it is here before the second is sent"
        first = calls.record()
        assert first["capture"]["state"] == "open"
        assert truncated(first) == (None, len(b"data: first\n\n"))
        calls.peer.gate.set()
        assert list(chunks) == [b"data: second\n\n"]
    follows = [row for row in calls.all_records() if row["eventName"] == "audit.content"]
    assert [row["capture"]["continues"] for row in follows] == [first["recordId"]]
    assert _text(follows[0], "response") == "data: first\n\ndata: second\n\n"


def test_a_response_that_breaks_off_is_kept_so_far_and_fails_as_before(calls):
    for path in ("/short", "/broken"):
        for size in (3, None):
            with (
                pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)),
                requests.get(calls.url + path, stream=True) as answer,
            ):
                list(answer.iter_content(size))
    assert {truncated(record) for record in calls.records()} == {(None, len(b"only this"))}


def test_responses_that_have_no_length_or_no_body(calls):
    assert requests.get(calls.url + "/until-closed").text == "until the end"
    for method, path in (("GET", "/empty"), ("HEAD", "/headed"), ("GET", "/echo")):
        requests.request(method, calls.url + path)
    records = calls.records()
    assert [_text(record, "response") for record in records] == ["until the end", None, None, None]
    assert {truncated(record) for record in records} == {(None, None)}


def test_a_generator_that_fails_fails_as_before(calls):
    def parts():
        yield b"first"
        raise LookupError("the application's own")

    with pytest.raises(LookupError, match="the application's own"):
        requests.post(calls.url + "/told", data=parts(), headers={"Content-Type": "text/plain"})
    record = calls.record()
    assert truncated(record) == (len(b"first"), None)
    assert record["outcome"] == "failure"


@pytest.mark.parametrize(("status", "again"), [(302, None), (307, "keep me")])
def test_redirects_below_one_span_are_its_first_request_and_its_last_response(calls, status, again):
    data = io.BytesIO(b"keep me")
    answer = requests.post(
        calls.url + f"/moved/{status}/echo", data=data, headers={"Content-Type": "text/plain"}
    )
    assert answer.text == (again or "")
    record = calls.record()
    assert _text(record, "request") == "keep me"
    assert _text(record, "response") == again
    assert "it is elsewhere" not in str(record)


def test_a_challenge_and_hooks_of_the_application_work(calls):
    seen = []

    class Challenged(AuthBase):
        def __call__(self, request):
            request.headers["X-Auth"] = "yes"
            return request

    session = requests.Session()
    session.hooks["response"].append(lambda answer, **_: seen.append(answer.text))
    session.post(calls.url + "/echo", json={"a": 1}, auth=Challenged())
    assert seen == ['{"a": 1}']
    assert calls.peer.requests[0][2]["X-Auth"] == "yes"
    assert _text(calls.record(), "response") == {"a": 1}


def test_a_retry_below_one_span_is_the_answer_that_came(calls):
    calls.peer.refusals = 2
    session = requests.Session()
    retry = Retry(3, backoff_factor=0, status_forcelist=[503], allowed_methods=None)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    data = io.BytesIO(b"once more")
    answer = session.post(calls.url + "/flaky", data=data, headers={"Content-Type": "text/plain"})
    assert answer.text == "once more"
    assert [body for *_, body in calls.peer.requests] == [b"once more"] * 3
    record = calls.record()
    assert (_text(record, "request"), _text(record, "response")) == ("once more", "once more")
    assert "not now" not in str(record)


def test_a_request_that_is_hung_up_on_is_sent_again(calls):
    calls.peer.refusals = 1
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(2, backoff_factor=0, allowed_methods=None)))
    data = io.BytesIO(b"once more")
    answer = session.post(calls.url + "/dropped", data=data, headers={"Content-Type": "text/plain"})
    assert answer.text == "once more"
    record = calls.record()
    assert _text(record, "request") == "once more"
    assert truncated(record) == (None, None)


def test_connections_are_used_again_and_bodies_stay_apart(calls):
    session = requests.Session()
    for number in range(5):
        with session.post(calls.url + "/echo", json={"n": number}, stream=number % 2 == 0) as answer:
            assert answer.json() == {"n": number}
    assert calls.peer.connections == 1
    records = calls.records()
    assert [_text(record, "request") for record in records] == [{"n": n} for n in range(5)]
    assert [_text(record, "response") for record in records] == [{"n": n} for n in range(5)]


def test_threads_do_not_see_each_others(calls):
    def work(number: int) -> None:
        for turn in range(5):
            requests.post(calls.url + "/echo", json={"n": number, "turn": turn})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = calls.records()
    assert len(records) == 20
    assert all(record["request"] == record["response"] for record in records)
    assert len({record["request"] for record in records}) == 20


@pytest.mark.parametrize("preload", [True, False])
def test_urllib3_alone(calls, pool, preload):
    answer = pool.request("POST", calls.url + "/gzip", body=b'{"q": 1}', preload_content=preload)
    assert answer.data == b'{"packed": "yes"}'
    record = calls.record()
    assert _text(record, "response") == {"packed": "yes"}
    assert truncated(record) == (None, None)


def test_urllib3_follows_redirects_below_spans_of_their_own(calls, pool):
    assert pool.request("GET", calls.url + "/moved/302/parts").data == b"one \r\ntwo three"
    first, last = calls.records()
    assert (_text(first, "response"), _text(last, "response")) == ("it is elsewhere", "one \r\ntwo three")


def test_urllib3_tries_again_below_one_span(calls, pool):
    calls.peer.refusals = 1
    retry = Retry(3, backoff_factor=0, status_forcelist=[503], allowed_methods=None)
    answer = pool.request(
        "POST", calls.url + "/flaky", body=b"x", headers={"Content-Type": "text/plain"}, retries=retry
    )
    assert answer.data == b"x"
    record = calls.record()
    assert (_text(record, "request"), _text(record, "response")) == ("x", "x")
