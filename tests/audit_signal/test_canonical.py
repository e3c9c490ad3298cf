"""The bytes that a proof covers: one form for one record, another for every other."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_signal.conftest import record
from otel_audit.audit_signal.canonical import any_value, canonical_form
from otel_audit.convert.from_otlp import read_export
from otel_audit.errors import InputError


def test_the_form_of_a_record_is_what_the_page_says():
    log = record(
        time_unix_nano=1714041600000000000,
        observed_unix_nano=1714041600001000000,
        body="denied",
        attributes={
            "n": 2**53 + 1,
            "m": 7,
            "f": 1.50,
            "b": b"\x00\x01",
            "l": [True, None],
            "z": {"b": 1, "a": "é"},
        },
    )
    assert canonical_form(log).decode() == (
        '{"attributes":{"audit.action":{"stringValue":"LOGIN"},"audit.actor.id":{"stringValue":"u8472"},'
        '"audit.actor.type":{"stringValue":"user"},"audit.outcome":{"stringValue":"success"},'
        '"audit.record.id":{"stringValue":"0b8f3c1e-7f5d-4d1e-9a39-2f1d4c6c9c11"},'
        '"b":{"bytesValue":"AAE="},"f":{"doubleValue":1.5},'
        '"l":{"arrayValue":{"values":[{"boolValue":true},{}]}},"m":{"intValue":7},'
        '"n":{"intValue":"9007199254740993"},'
        '"z":{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"é"}},{"key":"b","value":{"intValue":1}}]}}},'
        '"body":{"stringValue":"denied"},"eventName":"user.login",'
        '"observedTimeUnixNano":"1714041600001000000","timeUnixNano":"1714041600000000000"}'
    )


def test_what_is_about_the_proof_and_the_repeated_name_are_not_covered():
    plain = record()
    more = {"audit.integrity.value": "x", "audit.integrity.signer": "producer", "event.name": "user.login"}
    assert canonical_form(replace(plain, attributes=plain.attributes | more)) == canonical_form(plain)
    other = replace(plain, attributes=plain.attributes | {"event.name": "user.logout"})
    assert canonical_form(other) != canonical_form(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"time_unix_nano": 1},
        {"observed_unix_nano": 1},
        {"name": "user.logout"},
        {"body": ""},
        {"body": 1},
        {"trace_id": "0af7651916cd43dd8448eb211c80319c"},
        {"attributes": {"audit.actor.id": "u8473"}},
        {"attributes": {"x": "1"}},
        {"attributes": {"x": 1}},
        {"attributes": {"x": 1.0}},
        {"attributes": {"x": True}},
        {"attributes": {"x": b"1"}},
        {"attributes": {"x": None}},
    ],
)
def test_whatever_is_said_otherwise_has_another_form(change):
    forms = {canonical_form(record(time_unix_nano=7, observed_unix_nano=7, attributes={"x": other}))
             for other in ("1", 1, 1.5, True, b"1", None)}  # fmt: skip
    assert len(forms) == 6
    changed = record(**({"time_unix_nano": 7, "observed_unix_nano": 7} | change))
    assert canonical_form(changed) != canonical_form(record(time_unix_nano=7, observed_unix_nano=7))


@pytest.mark.parametrize("value", [math.nan, math.inf, "half \ud800 a character"])
def test_what_has_no_canonical_form_is_said(value):
    with pytest.raises(InputError, match="canonical"):
        canonical_form(record(attributes={"x": value}))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES)
def test_a_record_has_the_same_form_after_a_journey_as_otlp_json(value):
    log = record(attributes={"x": value}, body=value)
    sent = {
        "resourceLogs": [
            {
                "scopeLogs": [
                    {
                        "logRecords": [
                            {
                                "timeUnixNano": str(log.time_unix_nano),
                                "observedTimeUnixNano": str(log.observed_unix_nano),
                                "eventName": log.name,
                                **({} if value is None else {"body": any_value(value)}),
                                "attributes": [
                                    {"key": key, "value": any_value(item)}
                                    for key, item in log.attributes.items()
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    (received,) = read_export(json.dumps(sent).encode(), format="json", signal="logs").logs
    assert canonical_form(received) == canonical_form(log)
