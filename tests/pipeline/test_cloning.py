"""A spool that was copied, and both copies go on: nothing is overwritten, nothing lost, nothing twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import Blocked
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.canonical import record_hashes
from otel_audit.record.files import read_parquet
from otel_audit.seal.chain import Chain
from otel_audit.seal.manifest import Manifest
from otel_audit.seal.merkle import MerkleTree
from otel_audit.store.memory import MemoryStore
from otel_audit.store.open import open_store

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000


def spans(tag: str):
    """Spans that no other call gives: with other trace ids."""
    found = [span for export in read_file(str(CORPUS / "http_new.json")) for span in export.spans][:3]
    for number, span in enumerate(found):
        span.trace_id = f"{hash((tag, number)) & (2**128 - 1):032x}"
        span.attributes["test.tag"] = tag
    return found


@pytest.fixture
def url(tmp_path) -> str:
    return f"memory://{tmp_path.name}"


def start(spool: Path, *urls: str) -> Pipeline:
    settings = load(
        {
            "destination": urls[0],
            "spool": str(spool),
            "streams": {"platform": {"destinations": [{"url": each} for each in urls]}},
        },
        environment={},
    )
    return Pipeline(pipeline_options(settings))


def write(pipeline: Pipeline, tag: str) -> None:
    pipeline.write(spans(tag), observed_unix_nano=OBSERVED)


def check(url: str) -> tuple[Counter[str], list[dict], list[Manifest]]:
    """Live records by tag, conflict records, first manifests; every chain and root is checked on the way."""
    with closing(open_store(url)) as store:
        found = {info.path: store.read(info.path) for info in store.list()}
    chains: dict[str, Chain] = {}
    tags: Counter[str] = Counter()
    conflicts, first = [], []
    for path in sorted(path for path in found if path.startswith("_audit/manifests/")):
        manifest = chains.setdefault(path.split("/")[3], Chain()).follow(found[path], path=path)
        if manifest.opens is not None:
            first.append(manifest)
        hashes = {}
        for file in manifest.files:
            for batch in read_parquet(found[file.path]):
                hashes |= dict(
                    zip(batch["sequence"].to_pylist(), record_hashes(batch).to_pylist(), strict=True)
                )
                for row in batch.to_pylist():
                    said = json.loads(row["attributes"] or "{}")
                    if row["eventName"] == "audit.conflict":
                        conflicts.append(said)
                    elif row["eventName"].startswith("http"):
                        tags[said["test.tag"]] += 1
        if manifest.kind == "commit":
            tree = MerkleTree()
            tree.extend(hashes[sequence] for sequence in sorted(hashes))
            assert manifest.records_root == tree.records_root
            assert sorted(hashes) == [*range(manifest.first_sequence, manifest.last_sequence + 1)]
    return tags, conflicts, first


@pytest.fixture
def away(monkeypatch) -> list[str]:
    """URLs of destinations that take nothing."""
    gone: list[str] = []
    real = MemoryStore.create

    def create(self, path, content, *, sha256):
        if self.url in gone:
            raise Blocked("http-503", path=path)
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(MemoryStore, "create", create)
    return gone


def everything(tags: Counter[str], *expected: str) -> bool:
    return tags == Counter(dict.fromkeys(expected, 3))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_copy_of_a_spool_with_records_in_it(tmp_path, url, away, sealed):
    away.append(url)
    original = start(tmp_path / "one", url)
    for tag in ("before-1", "before-2"):
        write(original, tag)
        if sealed:
            original.flush(0.2)
    original.close(0.2)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    away.clear()
    for spool, tag in (("one", "mine"), ("two", "yours")):
        pipeline = start(tmp_path / spool, url)
        write(pipeline, tag)
        assert pipeline.flush(30)
        write(pipeline, f"{tag}-later")
        assert pipeline.close(30)
    tags, conflicts, first = check(url)
    assert everything(tags, "before-1", "before-2", "mine", "yours", "mine-later", "yours-later")
    (conflict,) = conflicts
    (origin,) = (manifest.writer for manifest in first if manifest.opens.fork_of is None)
    assert conflict["audit.conflict.writer"] == origin
    assert {manifest.opens.fork_of for manifest in first} == {None, origin}


def test_a_snapshot_of_a_running_process(tmp_path, url):
    original = start(tmp_path / "one", url)
    write(original, "before")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    write(original, "mine")
    assert original.flush(30)
    copy = start(tmp_path / "two", url)
    write(copy, "yours")
    assert copy.flush(30)
    write(original, "mine-later")
    write(copy, "yours-later")
    assert copy.close(30)
    assert original.close(30)
    tags, conflicts, _ = check(url)
    assert everything(tags, "before", "mine", "yours", "mine-later", "yours-later")
    assert len(conflicts) == 1


def test_the_copy_is_faster(tmp_path, url):
    original = start(tmp_path / "one", url)
    write(original, "before")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = start(tmp_path / "two", url)
    write(copy, "yours")
    assert copy.flush(30)
    write(original, "mine")
    assert original.flush(30)
    write(original, "mine-later")
    assert original.close(30)
    assert copy.close(30)
    tags, conflicts, _ = check(url)
    assert everything(tags, "before", "mine", "mine-later", "yours")
    assert len(conflicts) == 1


def test_two_destinations_one_of_which_was_away(tmp_path, url, away):
    far = f"{url}-far"
    away.append(far)
    original = start(tmp_path / "one", url, far)
    write(original, "before")
    original.flush(0.5)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = start(tmp_path / "two", url, far)
    write(copy, "yours")
    write(original, "mine")
    original.flush(2)
    copy.flush(2)
    away.clear()
    assert original.close(30)
    assert copy.close(30)
    for destination in (url, far):
        tags, conflicts, _ = check(destination)
        assert everything(tags, "before", "mine", "yours")
        assert 1 <= len(conflicts) <= 2, "each side may find the other ahead at one of the two"


def test_a_foreign_object_in_the_place_of_a_manifest(tmp_path, url):
    """Not even a manifest: the writer gives way, and the object stays."""
    import hashlib

    pipeline = start(tmp_path / "one", url)
    write(pipeline, "a")
    assert pipeline.flush(30)
    with closing(open_store(url)) as store:
        (path,) = (info.path for info in store.list("_audit/manifests/"))
        foreign = path.replace("0000000001", "0000000002")
        store.create(foreign, b"what", sha256=hashlib.sha256(b"what").hexdigest())
        write(pipeline, "b")
        assert pipeline.close(30)
        assert store.read(foreign) == b"what"
        rows = [
            json.loads(row["attributes"])
            for info in store.list("log/")
            for row in pq.read_table(store.open_input(info.path)).to_pylist()
            if row["eventName"].startswith("http")
        ]
    assert {row["test.tag"] for row in rows} == {"a", "b"}
