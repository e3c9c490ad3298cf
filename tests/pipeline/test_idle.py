"""What a process does while it has nothing to do: heartbeats, and the work of dead ones."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_audit.config import load
from otel_audit.config.build import pipeline_options
from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import Refused
from otel_audit.pipeline.options import ShippingOptions
from otel_audit.pipeline.path import Pipeline
from otel_audit.seal.chain import Chain
from otel_audit.spool import Slot
from otel_audit.spool.inventory import inventory, request_retry
from otel_audit.store.memory import MemoryStore
from otel_audit.store.open import open_store

pytestmark = pytest.mark.usefixtures("quiet_log")

CORPUS = Path(__file__).parents[1] / "corpus"
OBSERVED = 1_795_300_000_000_000_000

OFTEN = ShippingOptions(idle_look_s=0.05)
SERVICE = "http-demo"


def spans():
    return [span for export in read_file(str(CORPUS / "http_new.json")) for span in export.spans]


@pytest.fixture
def url(tmp_path) -> str:
    return f"memory://{tmp_path.name}"


@pytest.fixture
def make(tmp_path, url) -> Iterator[Callable[..., Pipeline]]:
    made: list[Pipeline] = []

    def build(shipping: ShippingOptions = OFTEN, destination: str = url) -> Pipeline:
        settings = load({"destination": destination, "spool": str(tmp_path / "spool")}, environment={})
        made.append(Pipeline(dataclasses.replace(pipeline_options(settings), shipping=shipping)))
        return made[-1]

    yield build
    for pipeline in made:
        pipeline.close(5)


def chains(url: str) -> dict[str, list]:
    followed: dict[str, tuple[Chain, list]] = {}
    with closing(open_store(url)) as store:
        for info in store.list("_audit/manifests/"):
            chain, manifests = followed.setdefault(info.path.split("/")[3], (Chain(), []))
            manifests.append(chain.follow(store.read(info.path), path=info.path))
    return {writer: manifests for writer, (_, manifests) in followed.items()}


def test_an_idle_writer_says_that_it_is_there(make, url):
    pipeline = make(dataclasses.replace(OFTEN, heartbeat_s=0.1))
    count = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert eventually(lambda: len(next(iter(chains(url).values()))) >= 3)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.close(60)
    (manifests,) = chains(url).values()
    assert [manifest.kind for manifest in manifests[:3]] == ["commit", "heartbeat", "heartbeat"]
    assert [manifest.last_sequence for manifest in manifests[:3]] == [count] * 3
    (second,) = [manifest for manifest in manifests[1:] if manifest.kind == "commit"]
    assert second.first_sequence == count + 1


def test_a_busy_writer_has_no_need_to(make, url):
    pipeline = make()
    for _ in range(3):
        pipeline.write(spans(), observed_unix_nano=OBSERVED)
        assert pipeline.flush(60)
    (manifests,) = chains(url).values()
    assert [manifest.kind for manifest in manifests] == ["commit"] * 3


def leave_in_slot(make, tmp_path: Path, number: int) -> int:
    """Records in a slot that nobody holds, whose last holder did not end in order."""
    below = [Slot.acquire(tmp_path / "spool", SERVICE) for _ in range(number)]
    pipeline = make(ShippingOptions())
    count = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    folder = next((tmp_path / "spool").glob(f"*/slot-{number}"))
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for slot in below:
        slot.close()
    shipper = pipeline._shipper
    with shipper._state:
        shipper._closing = True
        shipper._state.notify_all()
    shipper._thread.join()
    pipeline._slot._leave()
    pipeline._reset()
    shutil.rmtree(folder)
    copy.rename(folder)
    return count


def test_what_a_dead_process_left_in_a_higher_slot_is_shipped(make, tmp_path, url):
    left = leave_in_slot(make, tmp_path, 1)
    pipeline = make()
    mine = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    assert pipeline._slot.path.name == "slot-0"
    assert eventually(lambda: len(chains(url)) == 2)
    sizes = sorted(sum(manifest.records for manifest in manifests) for manifests in chains(url).values())
    assert sizes[0] == left == mine
    assert eventually(lambda: not inventory(tmp_path / "spool")[1].segments)
    assert pipeline.close(60)
    _, second = inventory(tmp_path / "spool")
    assert (second.is_clean, second.losses, second.commits) == (True, (), ())
    total = sum(manifest.records for manifests in chains(url).values() for manifest in manifests)
    assert total == left + mine + 1, "and a gap record: nobody knows what it held in memory"
    with Slot.acquire(tmp_path / "spool", SERVICE), Slot.acquire(tmp_path / "spool", SERVICE) as again:
        assert again.path.name == "slot-1", "it was given back"


def test_what_is_owed_to_destinations_of_other_settings_is_left(make, tmp_path, url):
    leave_in_slot(make, tmp_path, 1)
    other = f"{url}-other"
    pipeline = make(destination=other)
    pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert eventually(lambda: len(chains(other)) == 1 or pipeline.flush(1))
    assert eventually(lambda: inventory(tmp_path / "spool")[1].is_clean)
    assert chains(url) == {}
    assert inventory(tmp_path / "spool")[1].segments
    assert pipeline.close(60)


def test_a_slot_that_somebody_holds_is_left_alone(make, tmp_path, url):
    with Slot.acquire(tmp_path / "spool", SERVICE) as lower:
        held = Slot.acquire(tmp_path / "spool", SERVICE)
        held.bequest.note_losses([], at_once=True)
        assert lower.acquire_left(above=0) is None
        assert lower.has_higher
        held.close()
        assert lower.acquire_left(above=0) is None, "nothing waits there"


def test_a_refused_commit_is_tried_again_when_somebody_asks(make, tmp_path, url, monkeypatch):
    real = MemoryStore.create
    refusing = True

    def create(self, path, content, *, sha256):
        if refusing and path.startswith("log/"):
            raise Refused("http-400", path=path)
        return real(self, path, content, sha256=sha256)

    monkeypatch.setattr(MemoryStore, "create", create)
    pipeline = make(dataclasses.replace(OFTEN, refused_times=1, refused_over_s=0.0))
    count = pipeline.write(spans(), observed_unix_nano=OBSERVED)
    assert pipeline.flush(60)
    refusing = False
    (slot,) = inventory(tmp_path / "spool")
    (refused,) = slot.quarantine
    request_retry(refused)

    def redeemed() -> bool:
        return any(
            manifests[0].kind == "commit" and manifests[0].opens.predecessor == refused.writer
            for manifests in chains(url).values()
        )

    assert eventually(redeemed)
    (commit,) = [
        m
        for manifests in chains(url).values()
        for m in manifests
        if m.kind == "commit" and m.records == count
    ]
    assert commit.first_sequence == 1
    assert not inventory(tmp_path / "spool")[0].quarantine


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within half a minute."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.05) for _ in range(600))
