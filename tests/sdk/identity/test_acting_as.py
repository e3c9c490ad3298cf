"""``acting_as``: for whom, while ``user`` stays who authenticated."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import SpanKind

import otel_audit
from otel_audit.sdk.identity.current import who_is_it
from sdk.identity.audited import CLIENT, audited, known


@pytest.fixture
def log(tmp_path):
    with audited(tmp_path) as log:
        yield log


def on_behalf(record) -> str | None:
    return record["onBehalfOf"]["id"] if record["onBehalfOf"] else None


def test_calls_within_and_the_request_itself(log):
    with log.server():
        otel_audit.set_user("agent-7", type="service")
        log.client("before")
        with otel_audit.acting_as("u1"):
            log.client("within")
            with otel_audit.acting_as("u2", type="service"):
                log.chat()
            log.client("again")
        log.client("after")
    records = {record["spanName"]: record for record in log.records()}
    assert {name: on_behalf(record) for name, record in records.items()} == {
        "POST /orders": "u1", "before": None, "within": "u1", "chat": "u2", "again": "u1", "after": None,
    }  # fmt: skip
    assert known(records["chat"]["onBehalfOf"]) == {"id": "u2", "type": "service"}
    assert all(record["user"]["id"] == "agent-7" for record in records.values())
    assert records["within"]["user"]["type"] == "service"


def test_a_span_that_began_before_and_ends_within(log):
    with log.server():
        span = log.tracer.start_span("long", kind=SpanKind.CLIENT, attributes=CLIENT)
        with otel_audit.acting_as("u1"):
            span.end()
    assert {record["spanName"]: on_behalf(record) for record in log.records()}["long"] == "u1"


def test_an_error_within_restores_as_well(log):
    with log.server():
        with pytest.raises(RuntimeError), otel_audit.acting_as("u1"):
            raise RuntimeError
        log.client("after")
    assert on_behalf(log.records()[1]) is None


def test_tasks_are_apart(log):
    async def work(name):
        async with otel_audit.acting_as(name):
            await asyncio.sleep(0)
            log.client(name)
            await asyncio.sleep(0)
            await asyncio.to_thread(log.client, name)

    async def request():
        with log.server():
            await asyncio.gather(*(work(f"u{number}") for number in range(4)))

    asyncio.run(request())
    records = log.records()[1:]
    assert len(records) == 8
    assert all(on_behalf(record) == record["spanName"] for record in records)


def test_outside_of_a_request(log):
    with otel_audit.acting_as("u1"):
        log.client()
    log.client()
    assert [on_behalf(record) for record in log.records()] == ["u1", None]


def test_a_generator_that_is_closed_elsewhere(log):
    def dependency():
        with otel_audit.acting_as("u1"):
            yield

    async def request():
        steps = dependency()
        await asyncio.to_thread(next, steps)
        await asyncio.to_thread(next, steps, None)
        log.client()

    asyncio.run(request())
    assert on_behalf(log.records()[0]) is None


def test_who_is_it_now(log):
    assert who_is_it() == (None, None)
    with log.server():
        otel_audit.set_user("u1")
        with otel_audit.acting_as("u2"):
            user, for_whom = who_is_it()
        assert (user.id, for_whom.id) == ("u1", "u2")
        assert who_is_it().on_behalf_of is None
    assert who_is_it() == (None, None)
