from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.convert import notes as conversion
from otel_audit.record import notes
from otel_audit.record.partition import NANOS_PER_HOUR, partition_hours
from record.strategies import batch_of, nanos

EVENT, OBSERVED = 100 * NANOS_PER_HOUR + 7, 200 * NANOS_PER_HOUR


def hours(*attributes: str | None, event: int | None = EVENT) -> list[int]:
    rows = [
        {"timeUnixNano": event, "observedTimeUnixNano": OBSERVED, "attributes": text} for text in attributes
    ]
    return partition_hours(batch_of(rows)).to_pylist()


@given(st.lists(nanos, max_size=4))
def test_the_hour_of_the_event_rounded_down(times: list[int]) -> None:
    batch = batch_of([{"timeUnixNano": time, "observedTimeUnixNano": OBSERVED} for time in times])
    assert partition_hours(batch).to_pylist() == [time // NANOS_PER_HOUR for time in times]


def test_the_hour_of_the_observed_time_where_we_noted_it() -> None:
    noted = '{"a":"b","audit.partitioned_by":"observed","c":1}'
    assert hours(noted, None, '{"a":1}', noted, "{}") == [200, 100, 100, 200, 100]
    assert hours(noted, event=None) == [200]


@pytest.mark.parametrize(
    "value",
    [
        {"x": {"audit.partitioned_by": "observed"}},
        {"x": '"audit.partitioned_by":"observed"'},
        {"audit.partitioned_by": "event"},
        {"audit.partitioned_by": ["observed"]},
        [{"audit.partitioned_by": "observed"}],
    ],
)
def test_what_only_looks_like_our_note_is_none(value: Any) -> None:
    text = json.dumps(value, separators=(",", ":"))
    assert hours(text, '{"audit.partitioned_by":"observed"}') == [100, 200]


def test_text_that_is_no_json_is_none() -> None:
    assert hours('"audit.partitioned_by":"observed"') == [100]


def test_a_record_without_a_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="no time"):
        hours("{}", event=None)


def test_conversion_guards_the_keys_that_are_ours() -> None:
    assert conversion.RESERVED == notes.OWN_KEYS
    assert conversion.PARTITIONED_BY == notes.PARTITIONED_BY
