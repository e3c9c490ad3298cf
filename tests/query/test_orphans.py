"""Which files are orphans, and which are only not committed yet."""

from __future__ import annotations

import time

import msgspec
import pytest

from otel_audit.query.orphans import find_orphans
from otel_audit.seal.manifest import parse, serialise
from otel_audit.store.open import open_store
from query.written_log import DAY, LogWriter, create, record

NOW = 2_000_000_000_000_000_000


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "log"))


def found(store, *, now=NOW):
    return {orphan.path: orphan.reason for orphan in find_orphans(store, clock=lambda: now)}


def test_committed_files_are_none(store):
    writer = LogWriter(store)
    writer.commit([record()])
    writer.commit([record()])
    assert found(store) == {}


def test_a_file_whose_manifest_may_follow_is_none(store):
    writer = LogWriter(store)
    writer.commit([record()])
    writer.commit([record()], leave_out_manifest=True)
    assert found(store) == {}


def test_a_file_of_a_commit_that_its_chain_has_gone_past(store):
    writer = LogWriter(store)
    writer.commit([record()])
    (lost,) = writer.commit([record()], leave_out_manifest=True)
    writer.commit([record()])
    assert found(store) == {lost: "its chain has gone past"}


def test_a_corrupted_upload_beside_the_one_that_is_listed(store):
    writer = LogWriter(store)
    (path,) = writer.commit([record()])
    stem, suffix = path.split(".", 1)
    beside = f"{stem}.r1.{suffix}"
    create(store, beside, b"half of it")
    assert found(store) == {beside: "its commit lists another file"}


def test_what_a_closed_writer_left(store):
    writer = LogWriter(store)
    writer.commit([record()])
    (left,) = writer.commit([record()], leave_out_manifest=True)
    manifest = parse(store.read(writer.manifest_path(1)), path=writer.manifest_path(1))
    other = open_store(f"{store.url}-closed")
    for info in store.list("log/"):
        create(other, info.path, store.read(info.path))
    create(other, writer.manifest_path(1), serialise(msgspec.structs.replace(manifest, closes=True)))
    assert found(other) == {left: "its writer is closed"}


def test_a_young_file_is_left_alone(store):
    writer = LogWriter(store)
    writer.commit([record()], leave_out_manifest=True)
    writer.commit([record()])
    assert found(store, now=time.time_ns()) == {}
    assert len(found(store, now=time.time_ns() + 2 * DAY)) == 1
