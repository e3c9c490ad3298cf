"""The local store keeps the contract, and its promises about crashes and other users of the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.store_contract import StoreContract
from otel_audit.store.base import Store
from otel_audit.store.open import open_store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "not" / "yet" / "there"


@pytest.fixture
def reopen(root: Path) -> Callable[[], Store]:
    return lambda: open_store(str(root))


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


class TestLocalStore(StoreContract):
    pass
