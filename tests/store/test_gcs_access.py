"""Credentials: found as gcsfs finds them, sent to the endpoint alone, never the cause of a hang or a leak."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.store_contract import PATH, create
from otel_audit.errors import Blocked, Retry, StoreError
from otel_audit.store.base import Outcome
from servers.fault_proxy import Answer, fault_proxy

from .conftest import Bucket, OpenStore


class TokenServer(ThreadingHTTPServer):
    """Issues ``token-1``, ``token-2`` … to whoever presents a signed assertion."""

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _TokenHandler)
        self.assertions: list[dict[str, str]] = []
        self.failure: tuple[int, bytes] | None = None
        self.url = f"http://localhost:{self.server_port}/token"


class _TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        claims = body["assertion"][0].split(".")[1]
        self.server.assertions.append(json.loads(base64.urlsafe_b64decode(claims + "==")))
        token = {"access_token": f"token-{len(self.server.assertions)}", "expires_in": 3600}
        status, answer = self.server.failure or (200, json.dumps(token).encode())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*pem).decode()


@pytest.fixture
def account(tokens: TokenServer, private_key: str, tmp_path: Path) -> Path:
    """A service account file whose tokens come from the server above."""
    path = tmp_path / "account.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "project",
                "private_key_id": "1",
                "private_key": private_key,
                "client_email": "writer@project.example",
                "token_uri": tokens.url,
            }
        )
    )
    return path


def test_each_request_carries_a_token(
    bucket: Bucket, open_gcs: OpenStore, account: Path, tokens: TokenServer
) -> None:
    store = open_gcs(gcs_credentials=str(account))
    assert create(store, PATH, b"content") is Outcome.CREATED
    assert store.read(PATH) == b"content"
    assert {request.headers["authorization"] for request in bucket.proxy.requests} == {"Bearer token-1"}
    assert len(tokens.assertions) == 1


def test_asking_for_a_token_makes_no_spans(
    open_gcs: OpenStore, account: Path, tokens: TokenServer, spans: Callable[[], list[str]]
) -> None:
    """google-auth asks with requests, on the loop's thread."""
    create(open_gcs(gcs_credentials=str(account)), PATH, b"content")
    assert len(tokens.assertions) == 1
    assert spans() == []
    requests.post(tokens.url, data={"assertion": "a.e30.c"}, timeout=10).close()
    assert spans() == ["POST"]


def test_only_the_narrow_scope_is_asked_for(open_gcs: OpenStore, account: Path, tokens: TokenServer) -> None:
    create(open_gcs(gcs_credentials=str(account)), PATH, b"content")
    assert tokens.assertions[0]["scope"] == "https://www.googleapis.com/auth/devstorage.read_write"


def test_a_session_elsewhere_gets_no_token(
    bucket: Bucket, open_gcs: OpenStore, account: Path, tokens: TokenServer
) -> None:
    with fault_proxy(bucket.server.port) as elsewhere:
        location = (
            f"{elsewhere.endpoint}/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&upload_id=none"
        )
        bucket.proxy.add(lambda request: request.opens_upload, Answer(200, headers={"Location": location}))
        with pytest.raises(Retry, match="upload-session-lost"):
            create(open_gcs(gcs_credentials=str(account)), PATH, b"content")
        (request,) = elsewhere.requests
    assert request.body == b"content"
    assert "authorization" not in request.headers
    assert len(tokens.assertions) == 1


def test_a_redirect_elsewhere_is_not_followed(bucket: Bucket, open_gcs: OpenStore, account: Path) -> None:
    with fault_proxy(bucket.server.port) as elsewhere:
        bucket.proxy.add(lambda _: True, Answer(307, headers={"Location": elsewhere.endpoint}))
        with pytest.raises(Blocked, match="http-307"):
            open_gcs(gcs_credentials=str(account)).read(PATH)
        assert elsewhere.requests == []


def test_after_a_401_credentials_are_looked_for_again(
    bucket: Bucket, open_gcs: OpenStore, account: Path, tokens: TokenServer
) -> None:
    store = open_gcs(gcs_credentials=str(account))
    bucket.proxy.add(
        lambda request: request.headers["authorization"] == "Bearer token-1", Answer(401), times=99
    )
    with pytest.raises(Blocked, match="http-401"):
        create(store, PATH, b"content")
    assert create(store, PATH, b"content") is Outcome.CREATED
    assert len(tokens.assertions) == 2


@pytest.mark.parametrize(
    ("failure", "kind", "cause"),
    [
        ((400, b'{"error": "invalid_grant", "error_description": "secret words"}'), Blocked, "credentials"),
        ((503, b'{"error": "secret words"}'), Retry, "credentials-unreachable"),
    ],
)
def test_a_refused_token_is_classed(
    open_gcs: OpenStore,
    account: Path,
    tokens: TokenServer,
    failure: tuple[int, bytes],
    kind: type[StoreError],
    cause: str,
    no_backoff: None,
) -> None:
    tokens.failure = failure
    with pytest.raises(kind) as caught:
        create(open_gcs(gcs_credentials=str(account)), PATH, b"content")
    assert caught.value.cause == cause
    assert "secret" not in str(caught.value)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth asks three times, seconds apart."""
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda _: None))


def test_nobody_issuing_tokens_is_retried(
    open_gcs: OpenStore, account: Path, tokens: TokenServer, no_backoff: None
) -> None:
    text = account.read_text()
    with fault_proxy(1) as gone:
        pass
    account.write_text(text.replace(tokens.url, gone.endpoint))
    with pytest.raises(Retry, match="credentials-unreachable"):
        create(open_gcs(gcs_credentials=str(account)), PATH, b"content")


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.mkdir()], ids=["missing", "folder"])
def test_a_credentials_file_that_is_none_is_said(
    bucket: Bucket, open_gcs: OpenStore, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """gcsfs would take the path for a token, and send it to be checked."""
    make(tmp_path / "secret-path.json")
    with pytest.raises(Blocked) as caught:
        create(open_gcs(gcs_credentials=str(tmp_path / "secret-path.json")), PATH, b"content")
    assert str(caught.value) == "credentials-file-missing"
    assert bucket.proxy.requests == []


@pytest.mark.parametrize("content", ["", "no json", "[]", "{}", '{"type": "service_account"}'])
def test_a_credentials_file_that_cannot_be_read_is_said(
    bucket: Bucket, open_gcs: OpenStore, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "account.json"
    file.write_text(content)
    with pytest.raises(Blocked) as caught:
        create(open_gcs(gcs_credentials=str(file)), PATH, b"content")
    assert str(caught.value) == "credentials"
    assert bucket.proxy.requests == []


def test_without_credentials_nothing_is_sent(
    bucket: Bucket, open_gcs: OpenStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """gcsfs, left to itself, goes on anonymously: a passing fault of the metadata server stays for good."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    with pytest.raises(Blocked, match="credentials"):
        create(open_gcs(gcs_credentials="default"), PATH, b"content")
    assert bucket.proxy.requests == []


def test_default_credentials_are_found(
    bucket: Bucket, open_gcs: OpenStore, monkeypatch: pytest.MonkeyPatch, account: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    assert create(open_gcs(gcs_credentials="default"), PATH, b"content") is Outcome.CREATED
    assert bucket.proxy.requests[0].headers["authorization"] == "Bearer token-1"
