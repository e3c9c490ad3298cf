"""Record ids: stable, in the form of RFC 9562, over preimages that an independent RFC 8785 gives as well."""

from __future__ import annotations

import hashlib
import uuid

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.record.id_columns import span_record_ids
from otel_audit.record.ids import (
    given_record_id,
    hashed_id,
    log_record_id,
    random_record_id,
    span_record_id,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)))

SPAN = {
    "trace_id": "7bdfa8a77d572146ee6a8862d10dc5cd",
    "span_id": "54d260cdbc80cc38",
    "kind": "server",
    "start_unix_nano": 1_795_285_056_394_044_809,
    "service_name": "http-demo",
}


def independent(parts: list[str]) -> str:
    """UUIDv8 by the letter: 128 bits of the hash, then version and variant written over it."""
    number = int.from_bytes(hashlib.sha256(rfc8785.dumps(parts)).digest()[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


@given(st.lists(TEXT, max_size=8))
def test_hash_is_that_of_an_independent_rfc_8785(parts: list[str]) -> None:
    assert hashed_id(parts) == independent(["otel-audit/1", *parts])


def test_span_id_is_pinned() -> None:
    preimage = ["otel-audit/1", "default", "span", SPAN["trace_id"], SPAN["span_id"], "server",
                "1795285056394044809", "http-demo"]  # fmt: skip
    assert span_record_id("default", **SPAN) == independent(preimage)
    assert span_record_id("default", **SPAN) == "512ada59-2e51-88bd-af96-52dd6c7c4908"


def test_log_id_covers_name_time_and_content() -> None:
    log = {
        "trace_id": "", "span_id": "", "time_unix_nano": 5, "service_name": "s", "event_name": "user.login",
        "content": b"{}",
    }  # fmt: skip
    expected = ["otel-audit/1", "default", "log", "", "", "", "5", "s", "user.login", "5",
                hashlib.sha256(b"{}").hexdigest()]  # fmt: skip
    assert log_record_id("default", **log) == independent(expected)
    for change in ({"event_name": "user.logout"}, {"time_unix_nano": 6}, {"content": b"[]"}):
        assert log_record_id("default", **log | change) != log_record_id("default", **log)


@given(TEXT, TEXT, st.integers(0, 2**64 - 1))
def test_many_at_once_are_the_same_ids(tenant: str, service: str, start: int) -> None:
    one = span_record_id(tenant, **SPAN | {"start_unix_nano": start, "service_name": service})
    many = span_record_ids(tenant, [(SPAN["trace_id"], SPAN["span_id"], "server", start)] * 2, service)
    many.validate(full=True)
    assert many.to_pylist() == [one, one]


@pytest.mark.parametrize("part", SPAN)
def test_each_part_of_a_span_counts(part: str) -> None:
    changed = SPAN | {part: 7 if part == "start_unix_nano" else "other"}
    assert span_record_id("default", **changed) != span_record_id("default", **SPAN)


def test_tenants_do_not_share_ids() -> None:
    assert span_record_id("a", **SPAN) != span_record_id("b", **SPAN)


def test_given_uuid_is_kept_and_anything_else_is_hashed_with_its_sender() -> None:
    given_uuid = "9D0C6C1E-6B0F-4A35-9A5E-2F3B7A1C4E90"
    assert given_record_id("default", given_uuid) == given_uuid.lower()
    assert given_record_id("default", "order-17", "a") == independent(
        ["otel-audit/1", "default", "given", "a", "order-17"]
    )
    assert given_record_id("default", "order-17", "a") != given_record_id("default", "order-17", "b")


def test_lone_surrogates_do_not_raise() -> None:
    assert hashed_id(["\ud800"]) == independent(["otel-audit/1", "\ufffd"])


def test_emitted_ids_are_random_uuids_of_version_4() -> None:
    ids = {random_record_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(uuid.UUID(one).version == 4 and uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)


@given(st.lists(TEXT, max_size=4))
def test_ids_are_uuids_of_version_8(parts: list[str]) -> None:
    parsed = uuid.UUID(hashed_id(parts))
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)
