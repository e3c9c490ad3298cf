"""Several destinations, each with an outbox, a chain and a thread of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import Blocked, ConfigurationError, Refused
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.seal.chain import Chain
from otel_audit.seal.manifest import Manifest
from otel_audit.store.memory import MemoryStore
from otel_audit.store.open import open_store

pytestmark = pytest.mark.usefixtures("quiet_log")

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000

Fault = Callable[[str, str], Exception | None]


def spans(name: str = "http_new.json"):
    return [span for export in read_file(str(CORPUS / name)) for span in export.spans]


@pytest.fixture
def faults(monkeypatch) -> list[Fault]:
    """Each is asked with URL and path of every create, and may answer with an error."""
    asked: list[Fault] = []
    real = MemoryStore.create

    def create(self, path, content, *, sha256):
        for fault in tuple(asked):
            if error := fault(self.url, path):
                raise error
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(MemoryStore, "create", create)
    return asked


@pytest.fixture
def make(tmp_path) -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def build(
        destinations: list[dict],
        *,
        shipping: ShippingOptions | None = None,
        mask: dict | None = None,
        **stream,
    ) -> Pipeline:
        settings = load(
            {
                "destination": destinations[0]["url"],
                "spool": str(tmp_path / "spool"),
                "mask": mask or {},
                "streams": {"platform": {"destinations": destinations, **stream}},
            },
            environment={},
        )
        options = pipeline_options(settings)
        if shipping is not None:
            options = dataclasses.replace(options, shipping=shipping)
        made.append(Pipeline(options))
        return made[-1]

    yield build
    for pipeline in made:
        pipeline.close(5)


def objects(url: str) -> dict[str, bytes]:
    with closing(open_store(url)) as store:
        return {info.path: store.read(info.path) for info in store.list()}


def chains(url: str) -> dict[str, list[Manifest]]:
    """Manifests by writer, followed from the first on."""
    found = objects(url)
    followed: dict[str, tuple[Chain, list[Manifest]]] = {}
    for path in sorted(found):
        if path.startswith("_audit/manifests/"):
            chain, manifests = followed.setdefault(path.split("/")[3], (Chain(), []))
            manifests.append(chain.follow(found[path], path=path))
    return {writer: manifests for writer, (_, manifests) in followed.items()}


def kinds(url: str) -> list[tuple[str, int, int]]:
    """What the one chain at a destination says: kind, first and last sequence."""
    (manifests,) = chains(url).values()
    return [(each.kind, each.first_sequence, each.last_sequence) for each in manifests]


def away(url: str) -> Fault:
    return lambda at, path: Blocked("http-503", path=path) if at == url else None


@pytest.fixture
def urls(tmp_path) -> tuple[str, str]:
    return f"memory://{tmp_path.name}-near", f"memory://{tmp_path.name}-far"


def outbox_bytes(tmp_path: Path, url: str) -> int:
    from otel_audit.pipeline.destination import destination_id

    folder = tmp_path / "spool"
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and destination_id(url) in path.parts and path.name.isdigit()
    )


def test_both_get_everything(make, urls):
    near, far = urls
    pipeline = make([{"url": near}, {"url": far}])
    count = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert kinds(near) == kinds(far) == [("commit", 1, count)]


def test_segments_are_encoded_while_the_store_is_away_from_the_start(make, urls, faults, tmp_path):
    near, _ = urls
    faults.append(away(near))
    pipeline = make([{"url": near}])
    for _ in range(2):
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert not pipeline.flush(0.2)
    assert eventually(lambda: not list(tmp_path.rglob("*.seg"))), "freed: their plans are durable"
    assert eventually(lambda: pipeline.troubles() == ((near, "http-503"),))
    faults.clear()
    assert pipeline.flush(60)
    assert {kind for kind, _, _ in kinds(near)} == {"commit"}
    assert pipeline.troubles() == ()


def test_files_encoded_before_their_table_was_known_go_to_the_right_one(make, urls, faults):
    near, _ = urls
    first = make([{"url": near}])
    first.write(spans(), observed_unix_nano=OBSERVED)
    assert first.close(60)
    faults.append(away(near))
    second = make([{"url": near}], format="ndjson")
    second.write(spans(), observed_unix_nano=OBSERVED)
    assert not second.flush(0.2)
    faults.clear()
    assert second.flush(60)
    (manifests,) = chains(near).values()
    tables = [file.location.table for manifest in manifests for file in manifest.files]
    assert [str(table) for table in dict.fromkeys(tables)] == ["platform", "platform-2"]
    found = objects(near)
    assert {file.path for manifest in manifests for file in manifest.files} == {
        path for path in found if path.startswith("log/")
    }


def test_a_policy_of_an_earlier_process_is_put_beside_its_records(make, urls, faults):
    near, _ = urls
    faults.append(away(near))
    first = make([{"url": near}])
    first.write(spans(), observed_unix_nano=OBSERVED)
    assert not first.close(0.2)
    faults.clear()
    second = make([{"url": near}], mask={"identity": "redact"})
    second.write(spans(), observed_unix_nano=OBSERVED)
    assert second.close(60)
    named = {manifest.masking_policy for manifests in chains(near).values() for manifest in manifests}
    assert len(named) == 2
    assert {f"_audit/policies/{each.removeprefix('sha256:')}.json" for each in named} <= objects(near).keys()


def test_an_optional_destination_that_is_away_holds_nobody_back(make, urls, faults, tmp_path):
    near, far = urls
    faults.append(away(far))
    pipeline = make([{"url": near}, {"url": far, "required": False, "outbox_max_bytes": "1GiB"}])
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60), "nobody waits for it"
    assert [kind for kind, _, _ in kinds(near)] == ["commit"]
    assert not list(tmp_path.rglob("*.seg"))
    faults.clear()
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert eventually(lambda: len(chains(far)) == 1 and len(kinds(far)) == 2)
    assert kinds(far) == kinds(near), "within its bound nothing was given up"


def test_an_optional_destination_over_its_bound_gives_up_its_oldest_commits(make, urls, faults, tmp_path):
    near, far = urls
    faults.append(away(far))
    pipeline = make([{"url": near}, {"url": far, "required": False, "outbox_max_bytes": 1}])
    for _ in range(3):
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert pipeline.flush(60)
    assert eventually(lambda: outbox_bytes(tmp_path, far) == 0)
    assert pipeline.losses.total["outbox-full"] > 0
    faults.clear()
    assert pipeline.close(60)
    assert {kind for kind, _, _ in kinds(near)} == {"commit"}
    assert gaps(near) == {("outbox-full", far)}, "the others can say who has them not"
    second = make([{"url": near}, {"url": far, "required": False}])
    second.write(spans(), observed_unix_nano=OBSERVED)
    assert second.flush(60)
    assert eventually(lambda: kinds(far)[-1][0] == "commit")
    (manifests,) = chains(far).values()
    assert [manifest.kind for manifest in manifests[:3]] == ["gap"] * 3
    assert all(manifest.losses[0].cause == "outbox-full" for manifest in manifests[:3])
    assert [manifest.losses[0].count for manifest in manifests[:3]] == [
        manifest.records for manifest in manifests[:3]
    ]


def test_a_required_destination_never_gives_up(make, urls, faults):
    near, _ = urls
    faults.append(away(near))
    pipeline = make([{"url": near}])
    for _ in range(3):
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert not pipeline.flush(0.1)
    faults.clear()
    assert pipeline.flush(60)
    assert [kind for kind, _, _ in kinds(near)] == ["commit"] * 3


def test_a_bound_is_for_a_destination_that_is_not_required(make, urls):
    with pytest.raises(ConfigurationError, match="required = false"):
        make([{"url": urls[0], "outbox_max_bytes": "1GiB"}])


def test_a_destination_that_stalls_slows_nobody(make, urls, faults):
    near, far = urls
    release = threading.Event()

    def stall(at: str, path: str) -> None:
        if at == far:
            release.wait(60)

    faults.append(stall)
    pipeline = make([{"url": near}, {"url": far}])
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert not pipeline.flush(1)
    assert eventually(lambda: len(chains(near)) == 1)
    assert [kind for kind, _, _ in kinds(near)] == ["commit"]
    release.set()
    assert pipeline.flush(60)
    assert kinds(far) == kinds(near)


# Refused objects

AT_ONCE = ShippingOptions(refused_times=2, refused_over_s=0.0)


def refuse_files(of: str) -> Fault:
    return lambda at, path: Refused("http-400", path=path) if path.startswith(f"log/{of}/") else None


def test_an_object_that_is_refused_for_good_leaves_a_gap_and_goes_to_quarantine(make, urls, faults, tmp_path):
    near, _ = urls
    faults.append(refuse_files("platform"))
    pipeline = make([{"url": near}], shipping=AT_ONCE)
    records = pipeline.write([*spans(), *spans("genai_openai_span_only.json")], observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    by_stream = {manifests[0].stream: manifests for manifests in chains(near).values()}
    (gap,) = by_stream["platform"]
    (kept,) = by_stream["model-io"]
    assert (gap.kind, gap.losses[0].cause, gap.losses[0].count) == ("gap", "refused", gap.records)
    assert gap.records + kept.records == records
    assert pipeline.losses.total == {"refused": gap.records}
    (plan,) = tmp_path.glob(f"spool/*/slot-0/quarantine/*/{gap.writer}/0000000001/plan")
    assert len(list(plan.parent.iterdir())) > 1, "with its files"
    probes = [path for path in objects(near) if path.startswith("_audit/probe/")]
    assert len(probes) == 2
    faults.clear()
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    by_stream = {manifests[0].stream: manifests for manifests in chains(near).values()}
    assert [each.kind for each in by_stream["platform"]] == ["gap", "commit"]


def test_a_refusal_is_not_final_before_its_time(make, urls, faults):
    near, _ = urls
    faults.append(refuse_files("platform"))
    pipeline = make([{"url": near}], shipping=ShippingOptions(refused_times=1))
    pipeline.write([*spans(), *spans("genai_openai_span_only.json")], observed_unix_nano=OBSERVED)
    assert not pipeline.flush(0.5)
    assert eventually(lambda: [chain[0].stream for chain in chains(near).values()] == ["model-io"]), (
        "others go on"
    )
    faults.clear()
    assert pipeline.flush(60)
    assert {each.kind for manifests in chains(near).values() for each in manifests} == {"commit"}


def test_a_destination_that_takes_nothing_has_not_refused_an_object(make, urls, faults):
    near, _ = urls
    faults.append(
        lambda at, path: Refused("http-400", path=path) if path.startswith(("log", "_audit/probe")) else None
    )
    pipeline = make([{"url": near}], shipping=AT_ONCE)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert not pipeline.flush(3)
    assert chains(near) == {}
    faults.clear()
    assert pipeline.flush(60)
    assert [kind for kind, _, _ in kinds(near)] == ["commit"]


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within half a minute."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.05) for _ in range(600))


def gaps(url: str) -> set[tuple[str, str]]:
    """Causes and destinations of the gap records there."""
    with closing(open_store(url)) as store:
        files = [store.read(found.path) for found in store.list("log/platform/")]
    texts = [text for file in files for text in pq.read_table(io.BytesIO(file))["attributes"].to_pylist()]
    notes = [json.loads(text) for text in texts if text]
    return {
        (note["audit.gap.cause"], note["audit.gap.destination"])
        for note in notes
        if "audit.gap.cause" in note
    }


def test_a_place_of_a_policy_that_is_taken_keeps_no_record_waiting(make, urls):
    near, _ = urls
    pipeline = make([{"url": near}])
    path = f"_audit/policies/{pipeline._options.mask.fingerprint.removeprefix('sha256:')}.json"
    with closing(open_store(near)) as store:
        store.create(path, b"{}", sha256=hashlib.sha256(b"{}").hexdigest())
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.close(60)
    assert [kind for kind, _, _ in kinds(near)] == ["commit"]
    assert objects(near)[path] == b"{}", "never overwritten"
