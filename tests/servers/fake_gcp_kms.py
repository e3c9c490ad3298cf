"""A small Cloud KMS for tests: encrypts, decrypts, asks for a token, and can be told to fail.

Nothing of it is Google's; it answers as the reference says:
https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = "projects/acme/locations/europe-west3/keyRings/audit/cryptoKeys/mask"
TOKEN = "ya29.a-token-that-nobody-may-see"


@pytest.fixture
def fake_gcp_kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcpKms]:
    """The server, and the environment in which it is found, with a service account that it knows."""
    kms = FakeGcpKms()
    account = tmp_path / "service-account.json"
    account.write_text(json.dumps(kms.service_account()))
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", f"{kms.endpoint}/")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    try:
        yield kms
    finally:
        kms.stop()


class FakeGcpKms:
    """A running server.

    Attributes:
        failures: statuses that the next requests are answered with, ``0`` for a connection that is closed.
        stalls: until set, nothing is answered; None: at once.
        authorizations: headers of requests to decrypt.
        damages: whether the plaintext is damaged on the way.
    """

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self.failures: list[int] = []
        self.stalls: threading.Event | None = None
        self.authorizations: list[str | None] = []
        self.damages = False
        kms = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if kms.stalls is not None:
                    kms.stalls.wait(30)
                status, answer = kms.answer(self.path, body, self.headers.get("Authorization"))
                if not status:
                    self.connection.close()
                    return
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # connections that it closed itself
        self.endpoint = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        if self.stalls is not None:
            self.stalls.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def encrypt(self, plaintext: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, plaintext, KEY.encode())

    def answer(self, path: str, body: bytes, authorization: str | None) -> tuple[int, dict[str, Any]]:
        if path == "/token":
            return 200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        self.authorizations.append(authorization)
        if self.failures:
            status = self.failures.pop(0)
            return status, {"error": {"code": status, "message": f"not with {authorization}"}}
        if authorization not in (None, f"Bearer {TOKEN}"):
            return 401, {"error": {"code": 401}}
        if path != f"/v1/{KEY}:decrypt":
            return 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
        asked = json.loads(body)
        ciphertext = base64.b64decode(asked["ciphertext"])
        assert int(asked["ciphertextCrc32c"]) == google_crc32c.value(ciphertext)
        try:
            plaintext = self._cipher.decrypt(ciphertext[:12], ciphertext[12:], KEY.encode())
        except (InvalidTag, ValueError):
            return 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}
        shown = plaintext[:-1] + b"!" if self.damages else plaintext
        return 200, {
            "plaintext": base64.b64encode(shown).decode(),
            "plaintextCrc32c": str(google_crc32c.value(plaintext)),
        }

    def service_account(self) -> dict[str, str]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "audit@acme.iam.gserviceaccount.com",
            "token_uri": f"{self.endpoint}/token",
        }
