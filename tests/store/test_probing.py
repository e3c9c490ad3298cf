"""What a destination lets us do is found out on objects made for that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

from otel_audit.errors import Blocked, IntegrityError, Missing
from otel_audit.store.base import StoreOptions
from otel_audit.store.layout import ProbeFile
from otel_audit.store.open import open_store
from otel_audit.store.probing import Prober, probe, try_create
from servers.clouds import make
from servers.fake_azure import FakeAzureServer
from servers.fake_gcs import FakeGcsServer
from servers.fake_s3 import FakeS3Server
from servers.fault_proxy import Action, Answer, FaultProxy


class Bucket(Protocol):
    """See the fixture ``bucket``."""

    proxy: FaultProxy


@pytest.fixture(params=["local", "memory", "gcs", "s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prober]:
    if request.param == "gcs":
        server: FakeGcsServer = request.getfixturevalue("fake_gcs")
        options = StoreOptions(gcs_endpoint=server.endpoint, gcs_credentials="anonymous")
        opened = open_store(f"gs://{server.new_bucket()}/log", options)
    elif request.param == "s3":
        s3: FakeS3Server = request.getfixturevalue("fake_s3")
        opened = open_store(f"s3://{s3.new_bucket()}/log")
    elif request.param == "azure":
        azure: FakeAzureServer = request.getfixturevalue("fake_azure")
        opened = open_store(f"abfs://{azure.new_container()}/log")
    else:
        opened = open_store(str(tmp_path) if request.param == "local" else f"memory://{uuid4().hex}")
    yield opened
    opened.close()


def test_where_nothing_forbids_it_the_probe_is_overwritten_and_deleted(store: Prober) -> None:
    found = probe(store)

    assert found.overwrites
    assert found.deletes
    assert list(store.list("")) == []


def test_the_probe_that_is_overwritten_has_the_other_content(store: Prober) -> None:
    file = ProbeFile.new()
    store.create(file.path, b"one", sha256="7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")

    assert store.try_overwrite(file, b"other")

    assert store.read(file.path) == b"other"


def test_an_object_tells_when_it_was_created(store: Prober) -> None:
    path = ProbeFile.new().path
    before = time.time_ns()
    store.create(path, b"one", sha256="7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")

    # File systems round to ticks of their own; the server's clock is this machine's.
    assert abs(store.created(path) - before) < 60e9


def test_an_object_that_is_not_there_was_never_created(store: Prober) -> None:
    with pytest.raises(Missing):
        store.created(ProbeFile.new().path)


def test_a_read_that_gives_something_else_is_an_error(store: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Callable[[str], bytes] = store.read
    monkeypatch.setattr(store, "read", lambda path: read(path)[:-1])

    with pytest.raises(IntegrityError, match="other content"):
        probe(store)


def test_what_is_forbidden_is_no_failure(bucket: Bucket, open_gcs: Callable[[], Prober]) -> None:
    store = open_gcs()
    bucket.proxy.add(lambda request: request.query.get("uploadType") == "media", Answer(403))
    bucket.proxy.add(lambda request: request.method == "DELETE", Answer(403))

    found = probe(store)

    assert (found.overwrites, found.deletes) == (False, False)
    assert store.read(found.probe) == b"otel-audit probe\n"


def test_a_destination_that_cannot_be_asked_is_a_failure(
    bucket: Bucket, open_gcs: Callable[[], Prober]
) -> None:
    store = open_gcs()
    bucket.proxy.add(lambda request: request.method == "DELETE", Answer(401))

    with pytest.raises(Blocked):
        probe(store)


def test_trying_leaves_nothing_where_it_may_delete(store: Prober) -> None:
    try_create(store)
    try_create(store)
    assert list(store.list("")) == []


def test_trying_again_and_again_leaves_one_object_where_it_may_not(
    bucket: Bucket, open_gcs: Callable[[], Prober]
) -> None:
    bucket.proxy.add(lambda request: request.method == "DELETE", Answer(403), times=2)
    store = open_gcs()
    try_create(store)
    try_create(store)
    assert len(list(store.list(""))) == 1


def test_a_service_that_ignores_conditions_is_found_out(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some that speak S3's protocol take ``If-None-Match`` for a header like any other."""
    for cloud in make("s3", request, monkeypatch):
        cloud.proxy.add(lambda request: request.method == "PUT", Action.IGNORE_CONDITIONS, times=9)
        with pytest.raises(IntegrityError, match="create-only is not honoured"):
            probe(cloud.open())
