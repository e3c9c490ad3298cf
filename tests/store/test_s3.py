"""The S3 store keeps the contract on a real server, and asks for no more than it needs."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.store_contract import LARGE, PATH, StoreContract, create
from otel_audit.errors import Blocked, Conflict, Refused, Retry, StoreError
from otel_audit.store import s3_api
from otel_audit.store.base import Outcome, Store
from otel_audit.store.open import open_store
from otel_audit.store.s3_checksum import Fingerprint
from servers.clouds import Cloud, make
from servers.fake_s3 import FakeS3Server
from servers.fault_proxy import Action, Answer, Request

MIB = 2**20


@pytest.fixture
def reopen(fake_s3: FakeS3Server) -> Iterator[Callable[[], Store]]:
    bucket, opened = fake_s3.new_bucket(), []

    def reopen() -> Store:
        opened.append(open_store(f"s3://{bucket}/some/prefix"))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


@pytest.fixture
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A bucket behind a fault proxy."""
    yield from make("s3", request, monkeypatch)


class TestS3Store(StoreContract):
    pass


def answer(code: str) -> bytes:
    """An error as S3 words it."""
    return f"<Error><Code>{code}</Code><Message>secret words</Message></Error>".encode()


@pytest.mark.parametrize("content", [b"", b"content", LARGE], ids=["empty", "small", "20 MiB"])
def test_a_bucket_with_object_lock_takes_and_keeps_objects(fake_s3: FakeS3Server, content: bytes) -> None:
    bucket = fake_s3.new_bucket(lock=True)
    store = open_store(f"s3://{bucket}/log")
    try:
        assert create(store, PATH, content) is Outcome.CREATED
        assert create(store, PATH, content) is Outcome.ALREADY_SAME
        with pytest.raises(Conflict):
            create(store, PATH, b"other")
        assert store.read(PATH) == content
    finally:
        store.close()


def test_every_write_is_create_only_and_states_its_sha256(s3: Cloud) -> None:
    create(s3.open(), PATH, b"content")
    (write,) = s3.proxy.requests
    assert write.method == "PUT"
    assert write.headers["if-none-match"] == "*"
    stated = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    assert write.headers["x-amz-checksum-sha256"] == stated


def test_an_upload_in_parts_is_create_only_when_it_ends(s3: Cloud) -> None:
    content = os.urandom(12 * MIB)
    assert create(s3.open(upload_chunk_bytes=5 * MIB), PATH, content) is Outcome.CREATED
    assert s3.stored(PATH) == content
    asked = [(request.method, *request.query) for request in s3.proxy.requests]
    assert [each[0] for each in asked] == ["HEAD", "POST", "PUT", "PUT", "PUT", "POST"]
    parts = [request for request in s3.proxy.requests if "partNumber" in request.query]
    assert [len(part.body) for part in parts] == [5 * MIB, 5 * MIB, 2 * MIB]
    assert all("x-amz-checksum-sha256" in part.headers for part in parts)
    assert s3.proxy.requests[-1].headers["if-none-match"] == "*"


def test_an_object_in_parts_is_known_by_its_checksum_of_checksums(s3: Cloud) -> None:
    content = os.urandom(12 * MIB)
    store = s3.open(upload_chunk_bytes=5 * MIB)
    create(store, PATH, content)
    s3.proxy.requests.clear()
    sha256 = hashlib.sha256(content).hexdigest()
    known = Fingerprint.of(content, path=PATH, sha256=sha256, part_bytes=5 * MIB)
    headers = {"Content-Length": str(len(content)), "x-amz-checksum-sha256": str(known.checksum)}
    # moto does not tell this checksum, as S3 does.
    s3.proxy.add(lambda request: request.method == "HEAD", Answer(200, headers=headers), times=2)
    assert create(store, PATH, content) is Outcome.ALREADY_SAME
    assert {request.method for request in s3.proxy.requests} == {"HEAD"}
    # In other parts it has another checksum: then its bytes are looked at.
    assert create(s3.open(upload_chunk_bytes=6 * MIB), PATH, content) is Outcome.ALREADY_SAME
    with pytest.raises(Conflict):
        create(s3.open(upload_chunk_bytes=6 * MIB), PATH, content[:-1] + bytes([content[-1] ^ 1]))


def test_an_object_without_a_checksum_is_compared_by_its_bytes(s3: Cloud) -> None:
    s3.plant(PATH, b"content")
    store = s3.open()
    assert store.read(PATH) == b"content"
    assert create(store, PATH, b"content") is Outcome.ALREADY_SAME
    with pytest.raises(Conflict):
        create(store, PATH, b"CONTENT")


def test_what_is_given_up_halfway_is_aborted(s3: Cloud) -> None:
    s3.proxy.add(lambda request: request.query.get("partNumber") == "2", Answer(503))
    with pytest.raises(Retry, match="http-503"):
        create(s3.open(upload_chunk_bytes=5 * MIB), PATH, bytes(12 * MIB))
    assert s3.proxy.requests[-1].method == "DELETE"
    assert s3.stored(PATH) is None


def test_a_writer_neither_lists_nor_deletes(s3: Cloud) -> None:
    store = s3.open()
    for content in b"content", b"content":
        create(store, PATH, content)
    store.read(PATH)
    store.size(PATH)
    store.created(PATH)
    store.open_input(PATH).close()
    assert len(s3.proxy.requests) > 5
    assert {request.method for request in s3.proxy.requests} == {"PUT", "HEAD", "GET"}
    assert not any("list-type" in request.query for request in s3.proxy.requests)


def test_who_may_not_list_can_still_upload_in_parts(s3: Cloud) -> None:
    s3.proxy.add(lambda request: request.method == "HEAD", Answer(403))
    assert create(s3.open(), PATH, LARGE) is Outcome.CREATED


def test_another_conditional_write_under_way_is_waited_for(s3: Cloud) -> None:
    s3.proxy.add(s3.commits, Answer(409, answer("ConditionalRequestConflict")))
    assert create(s3.open(attempts=2), PATH, b"content") is Outcome.CREATED


def test_a_listing_goes_on_over_pages(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_api, "_PAGE", 3)
    for number in range(8):
        s3.plant(f"log/{number:02d}", b"x")
    s3.plant("log/", b"")
    assert [each.path for each in s3.open().list("log/")] == [f"log/{number:02d}" for number in range(8)]
    assert len(s3.proxy.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind", "cause"),
    [
        (400, "ExpiredToken", Blocked, "credentials"),
        (403, "InvalidAccessKeyId", Blocked, "credentials"),
        (400, "AuthorizationHeaderMalformed", Blocked, "region"),
        (400, "BadDigest", Retry, "damaged-on-the-way"),
        (400, "XAmzContentSHA256Mismatch", Retry, "damaged-on-the-way"),
        (400, "RequestTimeout", Retry, "connection-lost"),
        (400, "EntityTooLarge", Refused, "http-400"),
        (400, "KMS.DisabledException", Blocked, "encryption-key"),
        (403, "AccessDenied", Blocked, "http-403"),
        (403, "QuotaExceeded", Blocked, "quota"),
        (404, "NoSuchBucket", Blocked, "bucket-missing"),
        (409, "OperationAborted", Retry, "http-409"),
        (500, "InternalError", Retry, "http-500"),
        (501, "NotImplemented", Blocked, "create-only-not-supported"),
        (503, "SlowDown", Retry, "http-503"),
    ],
)
def test_a_code_says_who_has_to_act(
    s3: Cloud, status: int, code: str, kind: type[StoreError], cause: str
) -> None:
    s3.proxy.add(lambda request: request.method == "PUT", Answer(status, answer(code)))
    s3.proxy.add(lambda request: request.method == "HEAD", Answer(404), times=9)
    with pytest.raises(kind) as caught:
        create(s3.open(), PATH, b"content")
    assert (type(caught.value), caught.value.cause) == (kind, cause)
    assert "secret" not in str(caught.value)
    assert s3.stored(PATH) is None


def test_a_200_with_an_error_in_it_is_an_error(s3: Cloud) -> None:
    """S3 begins to answer before it has put the parts together."""

    def completes(request: Request) -> bool:
        return request.method == "POST" and "uploadId" in request.query

    s3.proxy.add(completes, Answer(200, answer("InternalError")))
    with pytest.raises(Retry):
        create(s3.open(), PATH, LARGE)


def test_without_credentials_nothing_is_sent(s3: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = s3.open()
    with pytest.raises(Blocked) as caught:
        create(store, PATH, b"content")
    assert caught.value.cause == "credentials"
    assert s3.proxy.requests == []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "later")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "found")
    assert create(store, PATH, b"content") is Outcome.CREATED
    assert "Credential=later/" in s3.proxy.requests[0].headers["authorization"]


def test_keys_that_are_no_longer_good_are_looked_for_again(
    s3: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = s3.open()
    s3.proxy.add(lambda request: "=test/" in request.headers["authorization"], Answer(403), times=99)
    with pytest.raises(Blocked, match="http-403"):
        create(store, PATH, b"content")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "rotated")
    assert create(store, PATH, b"content") is Outcome.CREATED


@pytest.mark.parametrize("endpoint", ["no url", "ftp://host", "http://"])
def test_an_endpoint_that_is_no_address_is_blocked(
    s3: Cloud, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(Blocked):
        create(s3.open(), PATH, b"content")


def test_a_fault_of_the_transport_is_retried_within_a_call(s3: Cloud) -> None:
    s3.proxy.add(lambda _: True, Answer(503))
    s3.proxy.add(lambda _: True, Action.RESET)
    assert create(s3.open(attempts=4), PATH, b"content") in Outcome


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 25])
def test_the_checksum_of_checksums_is_of_whole_parts(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    file = tmp_path / "content"
    file.write_bytes(content)
    parts = [content[start : start + 10] for start in range(0, size, 10)]
    together = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
    whole = base64.b64encode(hashlib.sha256(content).digest()).decode()
    expected = whole if size <= 10 else f"{base64.b64encode(together).decode()}-{len(parts)}"
    sha256 = hashlib.sha256(content).hexdigest()
    for each in content, file:
        found = Fingerprint.of(each, path=PATH, sha256=sha256, part_bytes=10)
        assert found == Fingerprint(size, expected)
