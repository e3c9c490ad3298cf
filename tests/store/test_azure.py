"""The Azure store keeps the contract on a real server, and asks for no more than it needs."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from collections.abc import Callable, Iterator

import pytest

from contracts.store_contract import PATH, StoreContract, create
from otel_audit.errors import Blocked, Conflict, Missing, Refused, Retry, StoreError
from otel_audit.store import azure_api
from otel_audit.store.azure import AzureStore
from otel_audit.store.base import Outcome, Store, StoreOptions
from otel_audit.store.open import open_store
from otel_audit.store.url import parse_url
from servers.clouds import Cloud, make
from servers.fake_azure import ACCOUNT, FakeAzureServer
from servers.fault_proxy import Answer

MIB = 2**20


@pytest.fixture
def reopen(fake_azure: FakeAzureServer) -> Iterator[Callable[[], Store]]:
    container, opened = fake_azure.new_container(), []

    def reopen() -> Store:
        opened.append(open_store(f"abfs://{container}/some/prefix"))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


@pytest.fixture
def azure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A container behind a fault proxy."""
    yield from make("azure", request, monkeypatch)


class TestAzureStore(StoreContract):
    pass


def code(text: str) -> dict[str, str]:
    """How the service names an error, with or without a body."""
    return {"x-ms-error-code": text}


@pytest.mark.parametrize("size", [0, 7, 3 * MIB])
def test_every_write_is_create_only_and_states_its_md5(azure: Cloud, size: int) -> None:
    content = os.urandom(size)
    create(azure.open(), PATH, content)
    (write,) = azure.proxy.requests
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    assert write.headers["if-none-match"] == "*"
    # The first is what the service holds the bytes to, the second what it keeps.
    assert write.headers["content-md5"] == md5
    assert write.headers["x-ms-blob-content-md5"] == md5


def test_an_upload_of_blocks_is_create_only_when_it_ends(azure: Cloud) -> None:
    content = os.urandom(5 * MIB)
    assert create(azure.open(upload_chunk_bytes=2 * MIB), PATH, content) is Outcome.CREATED
    assert azure.stored(PATH) == content
    staged = [request for request in azure.proxy.requests if request.query.get("comp") == "block"]
    assert [len(block.body) for block in staged] == [2 * MIB, 2 * MIB, MIB]
    assert all("content-md5" in block.headers for block in staged)
    (commit,) = [request for request in azure.proxy.requests if request.query.get("comp") == "blocklist"]
    assert commit.headers["if-none-match"] == "*"
    azure.proxy.requests.clear()
    assert create(azure.open(upload_chunk_bytes=2 * MIB), PATH, content) is Outcome.ALREADY_SAME
    assert {request.method for request in azure.proxy.requests} == {"HEAD"}


def test_two_who_write_one_blob_never_commit_each_others_blocks(azure: Cloud) -> None:
    mine, other = os.urandom(5 * MIB), os.urandom(5 * MIB)
    interfering = azure.open(upload_chunk_bytes=2 * MIB)
    azure.proxy.add(lambda request: request.query.get("comp") == "blocklist", Answer(503))
    with pytest.raises(Retry):
        create(interfering, PATH, other)
    assert create(azure.open(upload_chunk_bytes=2 * MIB), PATH, mine) is Outcome.CREATED
    assert azure.stored(PATH) == mine


def test_a_blob_without_an_md5_is_compared_by_its_bytes(azure: Cloud) -> None:
    azure.plant(PATH, b"content")
    store = azure.open()
    assert create(store, PATH, b"content") is Outcome.ALREADY_SAME
    with pytest.raises(Conflict):
        create(store, PATH, b"CONTENT")


def test_a_writer_neither_lists_nor_deletes(azure: Cloud) -> None:
    store = azure.open()
    for content in b"content", b"content":
        create(store, PATH, content)
    store.read(PATH)
    store.size(PATH)
    store.created(PATH)
    store.open_input(PATH).close()
    assert len(azure.proxy.requests) > 5
    assert {request.method for request in azure.proxy.requests} == {"PUT", "HEAD", "GET"}
    assert not any(request.query.get("comp") == "list" for request in azure.proxy.requests)


def test_who_may_create_and_not_replace_is_told_403_and_finds_its_blob(azure: Cloud) -> None:
    azure.plant(PATH, b"content")
    forbidden = Answer(403, headers=code("UnauthorizedBlobOverwrite"))
    azure.proxy.add(lambda request: request.method == "PUT", forbidden, times=2)
    store = azure.open()
    assert create(store, PATH, b"content") is Outcome.ALREADY_SAME
    with pytest.raises(Conflict):
        create(store, PATH, b"other")


def test_a_listing_goes_on_over_pages(azure: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_api, "_PAGE", 3)
    for number in range(8):
        azure.plant(f"log/{number:02d}", b"x")
    assert [each.path for each in azure.open().list("log/")] == [f"log/{number:02d}" for number in range(8)]
    assert len(azure.proxy.requests) == 3


HIERARCHY = """<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{}</Blobs><NextMarker/>
</EnumerationResults>"""
BLOB = """<Blob><Name>prefix/{}</Name><Properties><Content-Length>1</Content-Length>
<BlobType>BlockBlob</BlobType></Properties>{}</Blob>"""
FOLDER = "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>"


def test_folders_of_a_hierarchical_namespace_are_no_objects_and_order_is_by_path(azure: Cloud) -> None:
    listed = [("0", ""), ("a", FOLDER), ("a/1", ""), ("a-b", FOLDER), ("a-b/1", ""), ("b", "")]
    body = HIERARCHY.format("".join(BLOB.format(*each) for each in listed)).encode()
    azure.proxy.add(lambda _: True, Answer(200, body, {"Content-Type": "application/xml"}))
    assert [each.path for each in azure.open().list()] == ["0", "a-b/1", "a/1", "b"]
    folder = Answer(200, headers={"x-ms-meta-hdi_isfolder": "true", "x-ms-blob-type": "BlockBlob"})
    azure.proxy.add(lambda request: request.method == "HEAD", folder)
    with pytest.raises(Missing):
        azure.open().size("a")


@pytest.mark.parametrize(
    ("status", "name", "kind", "cause"),
    [
        (400, "Md5Mismatch", Retry, "damaged-on-the-way"),
        (400, "InvalidBlobType", Refused, "http-400"),
        (400, "InvalidAuthenticationInfo", Blocked, "credentials"),
        (403, "AuthenticationFailed", Blocked, "credentials"),
        (403, "AuthorizationPermissionMismatch", Blocked, "http-403"),
        (404, "ContainerNotFound", Blocked, "bucket-missing"),
        (409, "ContainerBeingDeleted", Blocked, "bucket-missing"),
        (409, "LeaseAlreadyPresent", Retry, "http-409"),
        (500, "OperationTimedOut", Retry, "http-500"),
        (503, "ServerBusy", Retry, "http-503"),
    ],
)
def test_a_code_says_who_has_to_act(
    azure: Cloud, status: int, name: str, kind: type[StoreError], cause: str
) -> None:
    body = f"<Error><Code>{name}</Code><Message>secret words</Message></Error>".encode()
    azure.proxy.add(lambda request: request.method == "PUT", Answer(status, body, code(name)))
    azure.proxy.add(lambda request: request.method == "HEAD", Answer(404), times=9)
    with pytest.raises(kind) as caught:
        create(azure.open(), PATH, b"content")
    assert (type(caught.value), caught.value.cause) == (kind, cause)
    assert "secret" not in str(caught.value)


def test_the_client_logs_nothing_about_our_requests(azure: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = azure.open()
    azure.proxy.add(lambda _: True, Answer(503, b"secret words"))
    with pytest.raises(Retry):
        create(store, PATH, b"content")
    create(store, PATH, b"content")
    store.read(PATH)
    assert [record.name for record in caplog.records if record.name.startswith("azure")] == []
    # To the application it speaks as before.
    logging.getLogger("azure.core.pipeline.policies.http_logging_policy").info("of the application")
    assert "of the application" in caplog.text


class TestAccounts:
    """Found as adlfs finds them."""

    def opened(self, host: str, **changes: object) -> Store:
        return AzureStore(parse_url(f"abfs://{host}/x"), StoreOptions(attempts=1, **changes))

    def check(self, store: Store, kind: type[StoreError], cause: str) -> None:
        with pytest.raises(kind) as caught:
            create(store, PATH, b"content")
        store.close()
        assert (type(caught.value), caught.value.cause) == (kind, cause)

    def test_an_account_of_the_url_is_the_one_of_the_connection_string(
        self, fake_azure: FakeAzureServer
    ) -> None:
        container = fake_azure.new_container()
        store = self.opened(f"{container}@{ACCOUNT}.dfs.core.windows.net")
        assert create(store, PATH, b"content") is Outcome.CREATED
        store.close()
        assert fake_azure.get(container, f"x/{PATH}") == b"content"
        self.check(self.opened(f"{container}@other.dfs.core.windows.net"), Blocked, "another-account")

    def test_no_account_is_blocked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
        monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
        self.check(self.opened("container"), Blocked, "account-missing")

    @pytest.mark.parametrize("text", ["secret", "DefaultEndpointsProtocol=http;AccountKey=secret"])
    def test_a_connection_string_that_is_none_is_blocked(
        self, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        self.check(self.opened("container"), Blocked, "credentials")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"), ("AZURE_STORAGE_SAS_TOKEN", "?sv=2021-12-02&sig=secret")],
    )
    def test_an_account_is_looked_for_at_azure(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        """There is no way there: what it fails with is the name."""
        monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "otelaudittestnowhere")
        monkeypatch.setenv(name, value)
        monkeypatch.setattr("socket.getaddrinfo", _no_such_name)
        self.check(self.opened("container"), Blocked, "dns")


def _no_such_name(*_: object, **__: object) -> None:
    import socket

    raise socket.gaierror(socket.EAI_NONAME, "no such name")
