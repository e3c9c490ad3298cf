"""A masked batch is given on stream by stream."""

from __future__ import annotations

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy


@pytest.mark.parametrize(
    "streams",
    [
        ["platform"],
        ["platform", "platform", "model-io"],
        ["model-io", "platform", "platform"],
        ["platform", "model-io", "platform", "model-io"],
    ],
)
def test_each_record_is_in_the_part_of_its_stream_with_its_hash(streams: list[str]) -> None:
    rows = [{"stream": stream, "recordId": f"r{number}"} for number, stream in enumerate(streams)]
    batch = Masker(MaskPolicy()).mask(unmasked(*rows))
    hashes = dict(zip(batch.record_ids(), batch.record_hashes.to_pylist(), strict=True))
    parts = batch.by_stream()
    assert list(parts) == list(dict.fromkeys(streams))
    for stream, part in parts.items():
        part.records.validate(full=True)
        assert part.record_ids() == [row["recordId"] for row in rows if row["stream"] == stream]
        assert set(part.records.column("stream").to_pylist()) == {stream}
        assert part.record_hashes.to_pylist() == [hashes[record_id] for record_id in part.record_ids()]
