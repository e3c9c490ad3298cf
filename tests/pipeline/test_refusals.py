"""A refusal is final after five of them over ten minutes, and only while other objects are taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_audit.errors import Blocked
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.pipeline.refusals import Refusals
from otel_audit.store.memory import MemoryStore
from otel_audit.store.url import parse_url

WRITER = "shop-20261121-5f2c91ab"


@pytest.fixture
def store(tmp_path) -> Iterator[MemoryStore]:
    store = MemoryStore(parse_url(f"memory://{tmp_path.name}"))
    yield store
    store.close()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_five_times_over_ten_minutes(store):
    clock = Clock()
    refusals = Refusals(ShippingOptions(), clock)
    answers = []
    for _ in range(6):
        answers.append(refusals.is_final(store, WRITER, 7))
        clock.now += 150
    assert answers == [False, False, False, False, True, True]
    assert len(list(store.list("_audit/probe/"))) == 6, "another probe each time"


def test_often_is_not_long_enough(store):
    refusals = Refusals(ShippingOptions(), Clock())
    assert not any(refusals.is_final(store, WRITER, 7) for _ in range(50))


def test_each_commit_counts_for_itself(store):
    clock = Clock()
    refusals = Refusals(ShippingOptions(refused_times=2), clock)
    assert not refusals.is_final(store, WRITER, 7)
    clock.now += 700
    assert not refusals.is_final(store, WRITER, 8)
    assert refusals.is_final(store, WRITER, 7)
    refusals.forget(WRITER, 7)
    assert not refusals.is_final(store, WRITER, 7)


def test_a_destination_that_takes_no_probe_refuses_nothing_in_particular(store, monkeypatch):
    clock = Clock()
    refusals = Refusals(ShippingOptions(refused_times=1, refused_over_s=0), clock)

    def create(self, path, content, *, sha256):
        raise Blocked("http-403", path=path)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryStore, "create", create)
        assert not refusals.is_final(store, WRITER, 7)
    assert refusals.is_final(store, WRITER, 7)
