"""The Azure store keeps the contract on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from contracts.store_contract import StoreContract
from otel_audit.store.base import Store
from otel_audit.store.open import open_store
from servers.fake_azure import FakeAzureServer


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


class TestAzureStore(StoreContract):
    pass
