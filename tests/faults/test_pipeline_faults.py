"""The whole write path against every cloud while the cloud fails in every way, one after the other."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from faults.torture.committed import Committed, read
from faults.torture.writer import Writer, span_id
from otel_audit.store.open import open_store
from servers.clouds import Cloud
from servers.fault_proxy import Action, Answer, Fault

FAULTS: dict[str, Answer | Action] = {
    **{str(status): Answer(status) for status in (429, 500, 503, 401, 403)},
    "reset": Action.RESET,
    "lost answer": Action.LOSE_ANSWER,
    "cut answer": Action.CUT_ANSWER,
    "stall": Action.STALL,
    "slow drip": Action.DRIP,
}


def committed(cloud: Cloud) -> Committed:
    with closing(open_store(cloud.url)) as store:
        return read(store)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_log_goes_on_by_itself_when_a_fault_is_over(cloud: Cloud, tmp_path: Path, fault: str) -> None:
    """Records that end while the store is away wait on the disk; each is there once when it is back."""
    writer = Writer(cloud.url, str(tmp_path / "spool"), "blocking", seed=1)
    ended: list[str] = []

    def work() -> None:
        for span in writer.spans():
            ended.append(span_id(span))
            span.end()

    work()
    assert writer.processor.force_flush(60_000)
    cloud.proxy.faults[:] = [Fault(lambda _: True, FAULTS[fault], times=10**6)]
    work()
    assert not writer.processor.force_flush(1_500)
    assert writer.processor.health().is_ok, "what waits is on the disk"
    work()
    cloud.proxy.faults.clear()
    cloud.proxy.reset_all()
    began = time.monotonic()
    assert writer.processor.force_flush(90_000), "without a restart"
    assert time.monotonic() - began < 60
    writer.processor.shutdown()
    found = committed(cloud)
    assert found.problems == []
    assert {each: found.ids[each] for each in ended} == dict.fromkeys(ended, 1)
    assert set(found.ids.values()) == {1}
