"""The Cloud Storage store keeps the contract on a real server, and steps into none of gcsfs' traps."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import aiohttp
import gcsfs
import gcsfs.core
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.store_contract import PATH, StoreContract, create
from otel_audit.errors import Blocked
from otel_audit.store import gcs, gcs_api
from otel_audit.store.base import ObjectInfo, Outcome, Store, StoreOptions
from otel_audit.store.open import open_store
from servers.fake_gcs import FakeGcsServer

from .conftest import Bucket, OpenStore


@pytest.fixture
def reopen(fake_gcs: FakeGcsServer) -> Iterator[Callable[[], Store]]:
    bucket, opened = fake_gcs.new_bucket(), []
    options = StoreOptions(gcs_endpoint=fake_gcs.endpoint, gcs_credentials="anonymous")

    def reopen() -> Store:
        opened.append(open_store(f"gs://{bucket}/some/prefix", options))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


class TestGcsStore(StoreContract):
    pass


def test_the_server_enforces_create_only_on_resumable_uploads(fake_gcs: FakeGcsServer) -> None:
    """What every test here relies on, asked without the store."""
    bucket = fake_gcs.new_bucket()
    for content in b"first", b"other":
        query = "uploadType=resumable&ifGenerationMatch=0&name=object"
        session = fake_gcs.open(f"/upload/storage/v1/b/{bucket}/o?{query}", b"{}").headers["Location"]
        if content == b"first":
            fake_gcs.open(session.removeprefix(fake_gcs.endpoint), content)
        else:
            with pytest.raises(HTTPError, match="412") as caught:
                fake_gcs.open(session.removeprefix(fake_gcs.endpoint), content)
            caught.value.close()
    assert fake_gcs.get(bucket, "object") == b"first"


def test_objects_of_other_clients_are_read(bucket: Bucket, open_gcs: OpenStore) -> None:
    bucket.plant(PATH, b"content")
    assert open_gcs().read(PATH) == b"content"
    assert create(open_gcs(), PATH, b"content") is Outcome.ALREADY_SAME


def test_no_bucket_is_asked_over_grpc() -> None:
    """The probe cannot be shown on this server, so its cause is: the class that probes is not used.

    gcsfs decides by an environment variable which class it shows under its usual name. The application's
    choice stays what it is.
    """
    from gcsfs.extended_gcsfs import ExtendedGcsFileSystem

    assert gcsfs.GCSFileSystem is ExtendedGcsFileSystem
    assert gcs.GCSFileSystem is gcsfs.core.GCSFileSystem
    assert not issubclass(gcs.GCSFileSystem, ExtendedGcsFileSystem)
    assert "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT" not in os.environ


def test_no_thread_or_session_of_gcsfs_is_started(bucket: Bucket, open_gcs: OpenStore) -> None:
    store = open_gcs()
    create(store, PATH, b"content")
    files = store._access._files
    assert files.asynchronous
    assert files.session_kwargs == {}
    assert files._session is None
    assert files is not gcsfs.core.GCSFileSystem(token="anon", endpoint_url=bucket.proxy.endpoint)


def test_a_writer_neither_lists_nor_deletes(bucket: Bucket, open_gcs: OpenStore) -> None:
    store = open_gcs()
    create(store, PATH, b"content")
    create(store, PATH, b"content")
    store.read(PATH)
    store.size(PATH)
    store.created(PATH)
    store.open_input(PATH).close()
    asked = bucket.proxy.requests
    assert len(asked) > 5
    assert not any(request.is_listing or request.method == "DELETE" for request in asked)
    assert not any("storageLayout" in request.target for request in asked)


def test_every_upload_is_announced_with_its_checksums(bucket: Bucket, open_gcs: OpenStore) -> None:
    create(open_gcs(), PATH, b"content")
    (announced,) = [request for request in bucket.proxy.requests if request.opens_upload]
    assert announced.query["ifGenerationMatch"] == "0"
    assert announced.query["uploadType"] == "resumable"
    # printf content | md5sum, and its CRC-32C, as google_crc32c and the object's metadata have them.
    assert b'"md5Hash":"mgNkuembtIDdJeHwKEyFVQ=="' in announced.body
    assert b'"crc32c":"Ya91Mw=="' in announced.body


def test_an_upload_holds_one_chunk_at_a_time(bucket: Bucket, open_gcs: OpenStore, tmp_path: Path) -> None:
    chunk = 256 * 2**10
    content = os.urandom(3 * chunk + 1)
    source = tmp_path / "outbox"
    source.write_bytes(content)
    create(open_gcs(upload_chunk_bytes=chunk), PATH, content)
    assert bucket.stored(PATH) == content
    sent = [len(request.body) for request in bucket.proxy.requests if request.carries_bytes]
    assert sent == [chunk, chunk, chunk, 1]


def test_parquet_is_read_by_the_ranges_it_needs(bucket: Bucket, open_gcs: OpenStore, tmp_path: Path) -> None:
    noise = [os.urandom(64).hex() for _ in range(40_000)]
    table = pa.table({"wanted": list(range(40_000)), "request": noise, "response": noise})
    pq.write_table(table, tmp_path / "file.parquet", compression="none", use_dictionary=False)
    content = (tmp_path / "file.parquet").read_bytes()
    bucket.plant(PATH, content)
    with open_gcs().open_input(PATH) as file:
        read = pq.ParquetFile(file).read(columns=["wanted"])
    assert read.equals(table.select(["wanted"]))
    ranges = [request.headers["range"] for request in bucket.proxy.requests]
    assert ranges[0] == "bytes=-65536"
    asked = [re.fullmatch(r"bytes=(\d+)-(\d+)", each) for each in ranges[1:]]
    assert 1 <= len(asked) <= 4
    assert sum(int(each[2]) + 1 - int(each[1]) for each in asked if each) < len(content) / 20


def test_a_small_object_is_read_with_one_request(bucket: Bucket, open_gcs: OpenStore) -> None:
    bucket.plant(PATH, bytes(60_000))
    with open_gcs().open_input(PATH) as file:
        assert file.read() == bytes(60_000)
    assert len(bucket.proxy.requests) == 1


def test_a_listing_goes_on_over_pages(
    bucket: Bucket, open_gcs: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcs_api, "_PAGE", 3)
    paths = [f"log/{number:02d}" for number in range(8)]
    for path in paths:
        bucket.plant(path, b"x")
    bucket.plant("log/", b"")
    assert list(open_gcs().list("log/")) == [ObjectInfo(path, 1) for path in paths]
    assert sum(request.is_listing for request in bucket.proxy.requests) == 3


def test_a_prefix_keeps_destinations_apart(bucket: Bucket, open_gcs: OpenStore) -> None:
    bucket.server.put(bucket.name, "prefix-other/a", b"x")
    bucket.server.put(bucket.name, "a", b"x")
    bucket.plant("a", b"xx")
    assert list(open_gcs().list()) == [ObjectInfo("a", 2)]
    assert bucket.server.get(bucket.name, "prefix/a") == b"xx"


def test_the_longest_prefix_leaves_room_for_the_longest_path(bucket: Bucket) -> None:
    prefix, path = ("/".join([letter * 99] * 5) for letter in "pq")
    options = StoreOptions(gcs_endpoint=bucket.proxy.endpoint, gcs_credentials="anonymous")
    store = open_store(f"gs://{bucket.name}/{prefix}", options)
    try:
        assert create(store, path, b"x") is Outcome.CREATED
    finally:
        store.close()
    assert bucket.server.get(bucket.name, f"{prefix}/{path}") == b"x"


def test_the_emulator_of_the_environment_is_used(
    fake_gcs: FakeGcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Google's own clients do: without credentials."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    bucket = fake_gcs.new_bucket()
    store = open_store(f"gs://{bucket}")
    try:
        assert create(store, "a", b"x") is Outcome.CREATED
    finally:
        store.close()
    assert fake_gcs.get(bucket, "a") == b"x"


def test_our_own_requests_make_no_spans(
    bucket: Bucket, open_gcs: OpenStore, spans: Callable[[], list[str]]
) -> None:
    store = open_gcs()
    create(store, PATH, b"content")
    store.read(PATH)
    list(store.list())
    assert spans() == []


def test_an_emulator_that_is_no_address_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://user:secret@localhost/path")
    store = open_store("gs://bucket")
    try:
        with pytest.raises(Blocked) as caught:
            create(store, "a", b"x")
    finally:
        store.close()
    assert str(caught.value) == "endpoint-not-a-url"


async def _get(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


def test_the_applications_requests_still_make_spans(
    bucket: Bucket, open_gcs: OpenStore, spans: Callable[[], list[str]]
) -> None:
    """The test above would see a span: here is one, made between two calls of the store."""
    import asyncio

    store = open_gcs()
    create(store, PATH, b"content")
    asyncio.run(_get(bucket.proxy.endpoint))
    store.read(PATH)
    assert spans() == ["GET"]


AT_EXIT = """
import atexit, hashlib, queue, sys, threading
from otel_audit.errors import Retry
from otel_audit.store.base import StoreOptions
from otel_audit.store.open import open_store

endpoint, bucket, first = sys.argv[1:]
store = open_store(f"gs://{bucket}", StoreOptions(gcs_endpoint=endpoint, gcs_credentials="anonymous"))
asked, done = queue.SimpleQueue(), queue.SimpleQueue()

def work():
    while True:
        path = asked.get()
        try:
            done.put(store.create(path, b"x", sha256=hashlib.sha256(b"x").hexdigest()).value)
        except Retry as error:
            done.put(f"retry {error.cause}")

threading.Thread(target=work, daemon=True).start()

def upload(path):
    asked.put(path)
    print(done.get(timeout=60))

if first == "early":
    upload("early")
atexit.register(upload, "late")
"""


@pytest.mark.parametrize("first", ["early", "late"])
def test_an_upload_at_exit_is_made(fake_gcs: FakeGcsServer, bucket: Bucket, first: str) -> None:
    """The telemetry SDK flushes in ``atexit``, where asyncio can no longer look up a name such as localhost.

    The worker is not the thread that exits. Whether it has uploaded before or not, the name is looked up,
    since the proxy closes every connection.
    """
    process = subprocess.run(
        [sys.executable, "-c", AT_EXIT, bucket.proxy.endpoint, bucket.name, first],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert process.stdout.split() == ["created"] * (2 if first == "early" else 1)
    assert fake_gcs.get(bucket.name, "late") == b"x"
    assert process.stderr == ""
