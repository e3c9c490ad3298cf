"""The whole write path against real stores: what is committed, where, in which form, and what faults do to it."""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import Conflict, Retry
from otel_audit.pipeline.destination import Destination
from otel_audit.pipeline.path import Pipeline
from otel_audit.record.canonical import record_hashes
from otel_audit.record.files import read_ndjson, read_parquet
from otel_audit.seal.manifest import fingerprint, parse
from otel_audit.seal.merkle import MerkleTree
from otel_audit.store.layout import LogFile
from otel_audit.store.layout import parse as parse_path
from otel_audit.store.memory import MemoryStore
from otel_audit.store.open import open_store
from sdk.written import LIFE
from servers.fault_proxy import Answer, fault_proxy

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000


def spans(name: str = "http_new.json"):
    problems: list = []
    found = [span for export in read_file(str(CORPUS / name), problems=problems) for span in export.spans]
    assert not problems
    return found


@pytest.fixture
def make(tmp_path):
    made = []

    def build(destination: str, **arguments: object) -> Pipeline:
        settings = load(
            {"destination": destination, "spool": str(tmp_path / "spool"), **arguments}, environment={}
        )
        made.append(Pipeline(pipeline_options(settings)))
        return made[-1]

    yield build
    for pipeline in made:
        pipeline.close(5)


def objects(url: str) -> dict[str, bytes]:
    with closing(open_store(url)) as store:
        return {info.path: store.read(info.path) for info in store.list()}


def manifests(found: dict[str, bytes]) -> dict[str, list]:
    """Manifests of each writer, in order."""
    chains: dict[str, list] = {}
    for path in sorted(found):
        if path.startswith("_audit/manifests/"):
            manifest = parse(found[path], path=path)
            chains.setdefault(manifest.writer, []).append((manifest, found[path]))
    return chains


def check_log(found: dict[str, bytes]) -> int:
    """Every file is listed and true, every chain unbroken, every root that of the hashes read back.

    Returns how many records there are, without those of the log's own life.
    """
    listed = set()
    rows = 0
    for chain in manifests(found).values():
        previous, next_sequence = None, 1
        for manifest, content in chain:
            assert manifest.previous == previous
            assert manifest.first_sequence == next_sequence
            previous, next_sequence = fingerprint(content), manifest.last_sequence + 1
            hashes: dict[int, bytes] = {}
            for file in manifest.files:
                listed.add(file.path)
                bytes_ = found[file.path]
                assert hashlib.sha256(bytes_).hexdigest() == file.sha256
                assert len(bytes_) == file.bytes
                is_parquet = file.format == "parquet"
                for batch in read_parquet(bytes_) if is_parquet else read_ndjson(bytes_, file.compression):
                    rows += sum(name not in LIFE for name in batch.column("eventName").to_pylist())
                    hashes |= dict(
                        zip(
                            batch.column("sequence").to_pylist(),
                            record_hashes(batch).to_pylist(),
                            strict=True,
                        )
                    )
            tree = MerkleTree()
            tree.extend(hashes[sequence] for sequence in sorted(hashes))
            assert sorted(hashes) == list(range(manifest.first_sequence, manifest.last_sequence + 1))
            assert tree.records_root == manifest.records_root
            assert f"_audit/policies/{manifest.masking_policy.removeprefix('sha256:')}.json" in found
    assert listed == {path for path in found if path.startswith("log/")}
    return rows


@pytest.mark.parametrize("form", [("parquet", "zstd"), ("ndjson", "gzip"), ("ndjson", "zstd")])
def test_what_is_committed_proves_itself_in_every_format(make, tmp_path, form):
    url = f"memory://{tmp_path.name}"
    stream = {"format": form[0], "compression": form[1]}
    pipeline = make(url, streams={"platform": stream, "model-io": stream})
    written = sum(
        pipeline.write(spans(name), observed_unix_nano=OBSERVED)
        for name in ("http_new.json", "genai_openai_span_only.json", "openinference_openai.json")
    )
    assert pipeline.flush(60)
    written += pipeline.write(spans("http_dup.json"), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    found = objects(url)
    assert check_log(found) == written
    assert {len(chain) for chain in manifests(found).values()} == {1, 2}, "platform has had two commits"


def test_streams_go_apart_each_in_its_own_form(make, tmp_path):
    api, models = tmp_path / "api", tmp_path / "models"
    pipeline = make(
        str(api),
        streams={"model-io": {"format": "ndjson", "destinations": [{"url": str(models)}]}},
    )
    pipeline.write([*spans(), *spans("genai_openai_span_only.json")], observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert {path.suffix for path in (api / "log" / "platform").rglob("*.*")} == {".parquet"}
    assert {path.suffix for path in (models / "log" / "model-io").rglob("*.*")} == {".gz"}
    assert not (api / "log" / "model-io").exists()
    assert not (models / "log" / "platform").exists()
    assert check_log(objects(str(api))) + check_log(objects(str(models))) > 16


@pytest.mark.parametrize(("off", "left"), [("platform", {"model-io"}), ("model-io", {"platform"})])
@pytest.mark.usefixtures("quiet_log")
def test_a_stream_that_is_off_is_not_written(make, tmp_path, off, left):
    url = f"memory://{tmp_path.name}"
    pipeline = make(url, streams={off: {"enabled": False}})
    pipeline.write([*spans(), *spans("genai_openai_span_only.json")], observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert {path.split("/")[1] for path in objects(url) if path.startswith("log/")} == left


def test_another_format_starts_another_table(make, tmp_path):
    url = f"memory://{tmp_path.name}"
    first = make(url)
    first.write(spans(), observed_unix_nano=OBSERVED)
    assert first.close(60)
    second = make(url, streams={"platform": {"format": "ndjson"}})
    second.write(spans(), observed_unix_nano=OBSERVED)
    assert second.close(60)
    found = objects(url)
    assert {path.split("/")[1] for path in found if path.startswith("log/")} == {"platform", "platform-2"}
    assert json.loads(found["_audit/streams/platform-2.json"])["format"] == "ndjson"
    check_log(found)


def test_segments_are_sealed_by_age_without_being_asked(make, tmp_path):
    url = f"memory://{tmp_path.name}"
    pipeline = make(url, rotation={"max_age": "100ms"})
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert eventually(lambda: any(path.startswith("_audit/manifests/") for path in objects(url)))
    check_log(objects(url))


def test_segments_are_sealed_by_size_without_being_asked(make, tmp_path):
    url = f"memory://{tmp_path.name}"
    pipeline = make(url, rotation={"max_age": "1h", "max_bytes": "1KiB"})
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert eventually(lambda: any(path.startswith("_audit/manifests/") for path in objects(url)))


def test_cloud_storage(make, fake_gcs, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint)
    url = f"gs://{fake_gcs.new_bucket()}/audit"
    pipeline = make(url)
    written = pipeline.write([*spans(), *spans("traceloop_openai.json")], observed_unix_nano=OBSERVED)
    assert pipeline.close(120)
    assert check_log(objects(url)) == written


def test_a_store_that_is_away_is_tried_until_it_is_back(make, fake_gcs, monkeypatch):
    with fault_proxy(urlsplit(fake_gcs.endpoint).port) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        url = f"gs://{fake_gcs.new_bucket()}/audit"
        pipeline = make(url)
        away = True
        proxy.add(lambda request: away, Answer(503), times=10**6)
        written = pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert not pipeline.flush(3), "it is away"
        away = False
        assert pipeline.flush(120), "it is back, without a restart"
        assert check_log(objects(url)) == written


def test_a_corrupted_upload_is_stepped_around_and_the_manifest_names_the_copy(make, tmp_path, monkeypatch):
    url = f"memory://{tmp_path.name}"
    real = MemoryStore.create
    planted: list[str] = []

    def create(self, path, content, *, sha256):
        if path.startswith("log/") and not planted:
            planted.append(path)
            garbage = b"half of an upload"
            real(self, path, garbage, sha256=hashlib.sha256(garbage).hexdigest())
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(MemoryStore, "create", create)
    pipeline = make(url)
    written = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    found = objects(url)
    (bad,) = planted
    assert found.pop(bad) == b"half of an upload", "never overwritten"
    place = parse_path(bad)
    assert isinstance(place, LogFile)
    assert any(re.search(rf"{place.name.digest}\.r1\.parquet$", path) for path in found)
    assert check_log(found) == written


def test_a_failure_between_any_two_creates_is_taken_up_where_it_stopped(make, tmp_path, monkeypatch):
    url = f"memory://{tmp_path.name}"
    real = MemoryStore.create
    chance = random.Random(7)

    def create(self, path, content, *, sha256):
        fate = chance.random()
        if fate < 0.25:
            raise Retry("reset", path=path)
        made = real(self, path, content, sha256=sha256)
        if fate < 0.5:
            raise Retry("answer-lost", path=path)
        return made

    monkeypatch.setattr(MemoryStore, "create", create)
    pipeline = make(url)
    written = pipeline.write([*spans(), *spans("genai_openai_span_only.json")], observed_unix_nano=OBSERVED)
    assert pipeline.flush(100)
    assert check_log(objects(url)) == written


def test_a_manifest_that_exists_with_other_bytes_is_never_overwritten(make, tmp_path, monkeypatch, caplog):
    url = f"memory://{tmp_path.name}"
    real = MemoryStore.create

    def create(self, path, content, *, sha256):
        if path.startswith("_audit/manifests/"):
            raise Conflict("exists", path=path)
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(MemoryStore, "create", create)
    pipeline = make(url)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert not pipeline.flush(1)
    assert not manifests(objects(url))
    assert "wait in the spool" in caplog.text


def test_what_is_given_up_is_a_gap_record(make, tmp_path):
    destination = tmp_path / "log"
    pipeline = make(str(destination))
    pipeline.losses.add("queue-full", 3)
    pipeline.losses.add("queue-full", 4)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.close(60)
    files = destination.glob("log/platform/*/*/*.parquet")
    rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    (gap,) = [row for row in rows if row["eventName"] == "audit.gap"]
    assert (gap["action"], gap["outcome"]) == ("LOSE", "failure")
    said = json.loads(gap["attributes"])
    assert (said["audit.gap.cause"], said["audit.gap.count"]) == ("queue-full", 7)


def test_a_destination_that_is_not_touched_before_the_first_record(make, tmp_path):
    pipeline = make(str(tmp_path / "log"))
    assert pipeline.write([], observed_unix_nano=OBSERVED) == 0
    assert pipeline.close(5)
    assert list(tmp_path.iterdir()) == []


def test_one_destination_serves_both_streams_with_one_connection(tmp_path):
    settings = load(
        {"destination": f"memory://{tmp_path.name}", "spool": str(tmp_path / "spool")}, environment={}
    )
    options = pipeline_options(settings)
    assert {url for stream in options.streams for url in stream.destinations} == {f"memory://{tmp_path.name}"}
    assert isinstance(Destination(f"memory://{tmp_path.name}", {}, options.mask).id, str)


def eventually(condition) -> bool:
    """Whether it comes true within half a minute."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.05) for _ in range(600))
