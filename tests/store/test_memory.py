"""The in-memory store keeps the contract and is shared by name."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from contracts.store_contract import StoreContract, create
from otel_audit.store.base import ObjectInfo, Store
from otel_audit.store.open import open_store


@pytest.fixture
def reopen() -> Callable[[], Store]:
    name = uuid4().hex
    return lambda: open_store(f"memory://{name}/some/prefix")


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


class TestMemoryStore(StoreContract):
    pass


def test_stores_of_one_name_share_their_objects() -> None:
    name = uuid4().hex
    create(open_store(f"memory://{name}/a"), "b", b"x")
    assert list(open_store(f"memory://{name}").list()) == [ObjectInfo("a/b", 1)]
    assert list(open_store(f"memory://{name}/b").list()) == []
    assert list(open_store(f"memory://{name}-other").list()) == []


def test_a_store_that_is_closed_leaves_its_objects() -> None:
    url = f"memory://{uuid4().hex}"
    first = open_store(url)
    create(first, "a", b"x")
    first.close()
    assert open_store(url).read("a") == b"x"
