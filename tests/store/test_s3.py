"""The S3 store keeps the contract on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from contracts.store_contract import StoreContract
from otel_audit.store.base import Store
from otel_audit.store.open import open_store
from servers.fake_s3 import FakeS3Server


@pytest.fixture(params=[False, True], ids=["plain", "object-lock"])
def reopen(fake_s3: FakeS3Server, request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    bucket, opened = fake_s3.new_bucket(lock=request.param), []

    def reopen() -> Store:
        opened.append(open_store(f"s3://{bucket}/some/prefix"))
        return opened[-1]

    yield reopen
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


class TestS3Store(StoreContract):
    pass
