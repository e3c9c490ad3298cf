"""Whoever delivered a record stands in it; what somebody unknown says of users is a claim."""

from __future__ import annotations

import time

import pytest

from otel_audit.convert.converter import Converter
from otel_audit.convert.spans import LogData, ResourceData, Sender, SpanData

UNKNOWN = Sender("none", "192.0.2.7")
KNOWN = Sender("mtls", "192.0.2.7", "collector-1")


def span(sender: Sender | None, **attributes: str) -> SpanData:
    now = time.time_ns()
    return SpanData(
        "GET", "server", "1" * 32, "2" * 16, "", None, now, now,
        {"http.request.method": "GET", "url.path": "/", **attributes}, ResourceData(sender=sender),
    )  # fmt: skip


def rows(spans: list[SpanData], logs: list[LogData] | None = None) -> list[dict[str, object]]:
    batch = Converter().convert(spans, logs or [], observed_unix_nano=time.time_ns())
    return batch.records.to_pylist()


@pytest.mark.parametrize("count", [1, 40], ids=["a row", "columns"])
@pytest.mark.parametrize(
    ("sender", "assurance"), [(None, "asserted"), (KNOWN, "asserted"), (UNKNOWN, "claimed")]
)
def test_what_an_unknown_sender_asserts_is_a_claim(sender: Sender | None, assurance: str, count: int) -> None:
    spans = [span(sender, **{"enduser.id": "u-17"}) for _ in range(count)]
    for row in rows(spans):
        assert row["user"]["id"] == "u-17"
        assert row["user"]["assurance"] == assurance
        expected = sender and {"id": sender.id, "method": sender.method, "address": sender.address}
        assert row["sender"] == expected


def test_nobody_stays_nobody() -> None:
    (row,) = rows([span(UNKNOWN)])
    assert row["user"]["assurance"] == "none"


def test_senders_of_one_batch_are_told_apart() -> None:
    found = rows([span(one, **{"enduser.id": "u-17"}) for one in (UNKNOWN, None, KNOWN, UNKNOWN)])
    assert [row["user"]["assurance"] for row in found] == ["claimed", "asserted", "asserted", "claimed"]


def test_log_events_have_a_sender_too() -> None:
    event = LogData(
        "user.login", time.time_ns(), time.time_ns(), "", "", None,
        {"audit.actor.id": "u-17", "audit.action": "LOGIN"}, ResourceData(sender=UNKNOWN),
    )  # fmt: skip
    (row,) = rows([], [event])
    assert row["sender"]["address"] == "192.0.2.7"
    assert row["user"]["assurance"] == "claimed"
