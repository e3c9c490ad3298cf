"""A real S3 server for tests: moto, in a process of its own, started per session.

It listens on a free port of ``localhost``, a name and not an address (see ``fake_gcs.py``), keeps objects in
memory, and is stopped by its own process id. What moto does not do as S3 does, and what the tests do about it:

- It does not tell the checksum of an object that was uploaded in parts: the fault proxy does.
- It takes any ``x-amz-checksum-sha256`` for true. Damage on the way is answered by the fault proxy.
- It never answers 409 to conditional writes that meet, and knows no permissions: the fault proxy does.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from servers.ports import free_port

REGION = "us-east-1"


@pytest.fixture(scope="session")
def fake_s3_server() -> Iterator[FakeS3Server]:
    """A server for this test process; tests keep apart by buckets of their own."""
    server = FakeS3Server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def fake_s3(fake_s3_server: FakeS3Server, monkeypatch: pytest.MonkeyPatch) -> FakeS3Server:
    """The server, and the environment in which AWS's clients find it."""
    for name, value in fake_s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return fake_s3_server


class FakeS3Server:
    """A running server. Its own methods speak plain HTTP, so that they share nothing with what is tested."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self.port = process, port
        self.endpoint = f"http://localhost:{port}"

    @property
    def environment(self) -> dict[str, str]:
        """How AWS's clients are told about it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Whatever the machine has of its own.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @classmethod
    def start(cls) -> FakeS3Server:
        """Start on a free port; try another if somebody takes it first."""
        for _ in range(5):
            port = free_port()
            process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "localhost", "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            for line in process.stderr:
                if "Running on" in line:
                    # Its log of requests must be read, or it would stop when the pipe is full.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    return cls(process, port)
            process.wait()
        raise RuntimeError("moto does not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def new_bucket(self, *, lock: bool = False) -> str:
        """An empty bucket that no other test uses; with ``lock`` it has Object Lock and keeps all for a day."""
        name = f"test-{uuid4().hex}"
        self.request("PUT", f"/{name}", headers={"x-amz-bucket-object-lock-enabled": "true"} if lock else {})
        if lock:
            rule = "<DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention>"
            body = (
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                f"<Rule>{rule}</Rule></ObjectLockConfiguration>"
            )
            self.request("PUT", f"/{name}?object-lock", body.encode())
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object behind the back of what is tested, over any other, without a checksum."""
        self.request("PUT", f"/{bucket}/{urllib.parse.quote(key)}", content)

    def get(self, bucket: str, key: str) -> bytes | None:
        """Bytes of an object; None if there is none."""
        try:
            return self.request("GET", f"/{bucket}/{urllib.parse.quote(key)}")
        except HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """Any request; the body of its answer."""
        signed = {
            # urllib would announce a form.
            "Content-Type": "application/octet-stream",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/s3/aws4_request",
        }
        request = urllib.request.Request(
            self.endpoint + path, data=body, method=method, headers={**signed, **(headers or {})}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()
