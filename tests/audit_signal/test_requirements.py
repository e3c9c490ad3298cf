"""What a record must say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_signal.conftest import record
from otel_audit.audit_signal.requirements import check_record
from otel_audit.errors import InputError

NAMES = ["audit.record.id", "audit.actor.id", "audit.actor.type", "audit.action", "audit.outcome"]


def test_a_record_with_all_of_it_is_one():
    check_record(record())
    check_record(record(observed_unix_nano=0))
    check_record(record(attributes={"audit.actor.id": "anonymous"}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "  ", None, 7])
def test_every_mandatory_attribute_is_asked_for_by_name(name, value):
    with pytest.raises(InputError, match=name):
        check_record(record(attributes={name: value}))
    log = record()
    del log.attributes[name]
    with pytest.raises(InputError, match=name):
        check_record(log)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"time_unix_nano": 0}, "timeUnixNano"),
        ({"time_unix_nano": 2**63}, "timeUnixNano"),
        ({"observed_unix_nano": 1}, "observedTimeUnixNano"),
        ({"name": ""}, "eventName"),
        ({"attributes": {"audit.actor.type": "robot"}}, "audit.actor.type"),
        ({"attributes": {"audit.outcome": "SUCCESS"}}, "audit.outcome"),
        ({"attributes": {"audit.record.id": "x" * 257}}, "audit.record.id"),
    ],
)
def test_what_is_not_what_it_should_be_is_named_and_not_quoted(change, named):
    with pytest.raises(InputError, match=named) as caught:
        check_record(replace(record(), **change) if "attributes" not in change else record(**change))
    assert "robot" not in str(caught.value)
