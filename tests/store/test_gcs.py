"""The Cloud Storage store keeps the contract, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from contracts.store_contract import StoreContract
from otel_audit.store.base import Store, StoreOptions
from otel_audit.store.open import open_store
from servers.fake_gcs import FakeGcsServer


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
