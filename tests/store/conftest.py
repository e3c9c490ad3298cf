"""What tests of the Cloud Storage store share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_audit.store.base import Store, StoreOptions
from otel_audit.store.open import open_store
from servers.fake_gcs import FakeGcsServer
from servers.fault_proxy import FaultProxy, fault_proxy

OpenStore = Callable[..., Store]


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server, behind a fault proxy."""

    server: FakeGcsServer
    proxy: FaultProxy
    name: str

    def stored(self, path: str) -> bytes | None:
        """What the server has, asked past the proxy."""
        return self.server.get(self.name, f"prefix/{path}")

    def plant(self, path: str, content: bytes) -> None:
        """Put an object there, past the proxy."""
        self.server.put(self.name, f"prefix/{path}", content)


@pytest.fixture
def bucket(fake_gcs: FakeGcsServer) -> Iterator[Bucket]:
    with fault_proxy(fake_gcs.port) as proxy:
        yield Bucket(fake_gcs, proxy, fake_gcs.new_bucket())


@pytest.fixture
def open_gcs(bucket: Bucket) -> Iterator[OpenStore]:
    """Opens the bucket through the proxy; one attempt and no waiting unless a test says otherwise."""
    opened: list[Store] = []
    options = StoreOptions(
        gcs_endpoint=bucket.proxy.endpoint, gcs_credentials="anonymous", attempts=1, retry_wait_s=0
    )

    def open_gcs(**changes: object) -> Store:
        opened.append(open_store(f"gs://{bucket.name}/prefix", replace(options, **changes)))
        return opened[-1]

    yield open_gcs
    for store in opened:
        store.close()


@pytest.fixture
def spans() -> Iterator[Callable[[], list[str]]]:
    """Names of the spans that an application with instrumented HTTP clients makes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentors = AioHttpClientInstrumentor(), RequestsInstrumentor()
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    yield lambda: [span.name for span in exporter.get_finished_spans()]
    for instrumentor in instrumentors:
        instrumentor.uninstrument()
    provider.shutdown()
