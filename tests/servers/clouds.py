"""Every kind of cloud behind a fault proxy, with the same handles: for tests that hold on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from otel_audit.store.base import StoreOptions
from otel_audit.store.open import open_store
from otel_audit.store.probing import Prober
from servers import fake_azure
from servers.fake_azure import FakeAzureServer
from servers.fake_gcs import FakeGcsServer
from servers.fake_s3 import FakeS3Server
from servers.fault_proxy import FaultProxy, Request, fault_proxy


@dataclass
class Cloud:
    """An empty destination, and the way to it through a proxy.

    Attributes:
        kind: ``gcs``, ``s3`` or ``azure``.
        proxy: stands between.
        url: of the destination.
        environment: in which clients find it, past nothing but the proxy.
        stored: what the server has under a path, asked past the proxy.
        plant: puts an object under a path, past the proxy.
        commits: whether a request is the one that brings an object into being.
    """

    kind: str
    proxy: FaultProxy
    url: str
    environment: Mapping[str, str]
    stored: Callable[[str], bytes | None]
    plant: Callable[[str, bytes], None]
    commits: Callable[[Request], bool]
    _opened: list[Prober] = field(default_factory=list)

    def open(self, **changes: object) -> Prober:
        """The store; one attempt and no waiting unless a test says otherwise."""
        settings = {"attempts": 1, "retry_wait_s": 0.0, **changes}
        self._opened.append(open_store(self.url, StoreOptions(**settings)))  # type: ignore[arg-type]
        return self._opened[-1]

    def close(self) -> None:
        """Close what was opened."""
        for store in self._opened:
            store.close()


@pytest.fixture(params=["gcs", "s3", "azure"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Each kind of cloud in turn; the environment leads to it."""
    yield from make(request.param, request, monkeypatch)


def make(kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """One kind of cloud, for as long as the generator is not closed."""
    server = request.getfixturevalue({"gcs": "fake_gcs", "s3": "fake_s3", "azure": "fake_azure"}[kind])
    with fault_proxy(server.port) as proxy:
        made = {"gcs": _gcs, "s3": _s3, "azure": _azure}[kind](server, proxy)
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made
        made.close()


def _gcs(server: FakeGcsServer, proxy: FaultProxy) -> Cloud:
    bucket = server.new_bucket()
    return Cloud(
        "gcs",
        proxy,
        f"gs://{bucket}/prefix",
        {"STORAGE_EMULATOR_HOST": proxy.endpoint},
        lambda path: server.get(bucket, f"prefix/{path}"),
        lambda path, content: server.put(bucket, f"prefix/{path}", content),
        lambda request: request.carries_bytes,
    )


def _s3(server: FakeS3Server, proxy: FaultProxy) -> Cloud:
    bucket = server.new_bucket()
    return Cloud(
        "s3",
        proxy,
        f"s3://{bucket}/prefix",
        {**server.environment, "AWS_ENDPOINT_URL": proxy.endpoint},
        lambda path: server.get(bucket, f"prefix/{path}"),
        lambda path, content: server.put(bucket, f"prefix/{path}", content),
        lambda request: (
            (request.method == "PUT" and "partNumber" not in request.query)
            or (request.method == "POST" and "uploadId" in request.query)
        ),
    )


def _azure(server: FakeAzureServer, proxy: FaultProxy) -> Cloud:
    container = server.new_container()
    return Cloud(
        "azure",
        proxy,
        f"abfs://{container}/prefix",
        {"AZURE_STORAGE_CONNECTION_STRING": fake_azure.connection_string(proxy.port)},
        lambda path: server.get(container, f"prefix/{path}"),
        lambda path, content: server.put(container, f"prefix/{path}", content),
        lambda request: request.method == "PUT" and request.query.get("comp") != "block",
    )
